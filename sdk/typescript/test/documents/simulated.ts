/** People with the SDK's replica of one document, in simulated time: no timer, no socket, nothing that a seed does not decide. */
import type { Change, DocumentStatus } from "../../src/documents/changes.js";
import { follow } from "../../src/documents/following.js";
import type { EditPayload } from "../../src/documents/ot/flat.js";
import type { Operation } from "../../src/documents/ot/operations.js";
import { EditPace } from "../../src/documents/pace.js";
import { DocumentReplica } from "../../src/documents/replica.js";
import { type DocumentService, FakeConnection } from "./document_service.js";

export const PAPER = "document:paper";

/** What happens next, in simulated seconds. */
export class Schedule {
  now = 0;
  private readonly due: { readonly when: number; readonly act: () => void }[] = []; // the next one last

  at(when: number, act: () => void): void {
    let [low, high] = [0, this.due.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.due[middle]!.when > when) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    this.due.splice(low, 0, { when, act }); // what came first at one time happens first
  }

  /** Let everything happen, each at its time. */
  play(): void {
    for (let next = this.due.pop(); next; next = this.due.pop()) {
      this.now = next.when;
      next.act();
    }
  }
}

/** The service's end of a person's line. */
class Line extends FakeConnection {
  constructor(
    service: DocumentService,
    userId: string,
    private readonly tell: (message: object) => void,
  ) {
    super(service, userId, undefined);
    service.connections.push(this);
  }

  override receive(message: object): void {
    this.tell(message);
  }
}

/** One person, with a line on which everything takes `latency` seconds and nothing overtakes. */
export class Person {
  readonly replica: DocumentReplica;
  readonly errors: Error[] = [];
  readonly changes: Change[] = [];
  readonly statuses: DocumentStatus[] = [];
  readonly sentAt: number[] = [];
  private readonly line: Line;
  private heardAt = 0;
  private ids = 0;

  constructor(
    readonly service: DocumentService,
    readonly schedule: Schedule,
    readonly name: string,
    readonly latency: number,
    readonly pace = new EditPace(),
  ) {
    this.line = new Line(service, name, (message) => this.tell(() => follow(this.replica, message as never, name, () => false)));
    this.replica = new DocumentReplica(PAPER, pace, {
      now: () => schedule.now,
      newId: () => `${name}.${++this.ids}`,
      send: (payload) => {
        this.sentAt.push(schedule.now);
        schedule.at(schedule.now + latency, () => this.answer(payload));
      },
      sendCursor: () => undefined,
      reload: () => undefined,
      changed: (change) => this.changes.push(change),
      loaded: () => undefined,
      moved: () => undefined,
      cursorsMoved: () => undefined,
      synced: () => undefined,
      failed: (error) => this.errors.push(error),
    });
    const [answer] = service.subscribe(undefined);
    this.does(() => this.replica.subscribed({ type: "subscribed", channel: PAPER, ...answer } as never));
  }

  get text(): string {
    return this.replica.document.text;
  }

  edit(operation: Operation): void {
    this.does(() => this.replica.edit(operation, true));
  }

  /** Do something with the replica, note its status, and let it have its time. */
  does(act: () => void): void {
    act();
    if (this.replica.status !== this.statuses.at(-1)) {
      this.statuses.push(this.replica.status);
    }
    const { deadline } = this.replica;
    if (deadline !== undefined) {
      this.schedule.at(Math.max(this.schedule.now, deadline), () => {
        if (this.replica.deadline !== undefined && this.replica.deadline <= this.schedule.now) {
          this.does(() => this.replica.tick());
        }
      });
    }
  }

  /** Let the service answer an edit. */
  protected answer(payload: EditPayload): void {
    try {
      const version = this.service.edit(payload, this.line);
      this.tell(() => this.replica.acknowledged(payload.op_id, version));
    } catch (error) {
      this.refuse(payload, error as Error);
    }
  }

  protected refuse(payload: EditPayload, error: Error): void {
    this.tell(() => this.replica.refused(payload.op_id, error));
  }

  /** Let something of the service come to this person. */
  protected tell(act: () => void): void {
    this.heardAt = Math.max(this.heardAt, this.schedule.now + this.latency);
    this.schedule.at(this.heardAt, () => this.does(act));
  }
}
