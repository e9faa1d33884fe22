import { entryId } from "../client/inbox.js";
import type { ServerMessage } from "../protocol.js";
import type { JsonObject } from "./socket.js";

/** What waits for the users of a FakeServer, and the tasks that it knows; over HTTP as the service answers it. */
export class FakeInbox {
  /** The rows of `GET /v1/tasks`. */
  tasks: JsonObject[] = [];
  private readonly read = new Set<string>();

  constructor(private readonly eventsOf: (channel: string) => readonly JsonObject[]) {}

  /** The number of unread entries of a user. */
  unread(user: string): number {
    return this.waiting(user).length;
  }

  /** Take a `notification_ack`: entries by their ids, or all up to an offset. */
  mark(user: string, payload: { ids?: string[]; up_to?: number }): void {
    for (const event of this.waiting(user)) {
      const id = entryId(event as unknown as ServerMessage)!;
      if (payload.ids?.includes(id) || (event.offset as number) <= (payload.up_to ?? -1)) this.read.add(`${user} ${id}`);
    }
  }

  /** Answer a GET as the service does: the token names the user. */
  readonly fetch: typeof fetch = (input, init) => {
    const { pathname } = new URL(String(input));
    const user = new Headers(init?.headers).get("Authorization")?.replace("Bearer ", "") ?? "";
    if (pathname === "/v1/tasks") return Promise.resolve(Response.json({ tasks: this.tasks }));
    if (pathname !== "/v1/inbox") {
      const body = { error_code: "NOT_FOUND", message: "There is nothing at this path" };
      return Promise.resolve(Response.json(body, { status: 404 }));
    }
    const waiting = this.waiting(user);
    const entries = waiting.map((event) => ({
      id: entryId(event as unknown as ServerMessage),
      offset: event.offset,
      received: 0,
      read: false,
      event,
    }));
    return Promise.resolve(Response.json({ entries, unread: waiting.length }));
  };

  private waiting(user: string): readonly JsonObject[] {
    const known = new Set<string>();
    return this.eventsOf(`user:${user}`).filter((event) => {
      const id = entryId(event as unknown as ServerMessage);
      if (id === undefined || known.has(id) || this.read.has(`${user} ${id}`)) return false;
      known.add(id);
      return true;
    });
  }
}
