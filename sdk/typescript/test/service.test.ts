/** Against the real service, whose address and tokens the caller gives: REALTIME_URL, REALTIME_TOKENS. */
import WebSocket from "ws";
import { afterEach, describe, expect, it } from "vitest";
import {
  AuthFailed,
  type ClientOptions,
  ConnectFailed,
  DeniedError,
  DossierRealtimeClient,
  type PresenceState,
  type ServerMessage,
  type WebSocketConstructor,
} from "../src/index.js";

const url = process.env.REALTIME_URL ?? "";
const tokens = JSON.parse(process.env.REALTIME_TOKENS ?? "{}") as Record<string, string>;
const clients: DossierRealtimeClient[] = [];
let count = 0;

function client(user = "ali", more: Partial<ClientOptions> = {}): DossierRealtimeClient {
  const made = new DossierRealtimeClient({
    token: tokens[user]!,
    url,
    WebSocket: WebSocket as unknown as WebSocketConstructor,
    ...more,
  });
  clients.push(made);
  return made;
}

function dossier(): { channel: string; update: { type: "dossier_update"; payload: object } } {
  const id = `T${process.pid}-${++count}`;
  const payload = { entity_type: "country", entity_id: id, operation: "update", fields_changed: ["name"] };
  return { channel: `dossier:country:${id}`, update: { type: "dossier_update", payload } };
}

afterEach(() => {
  for (const each of clients.splice(0)) each.close();
});

describe.skipIf(!url)("the real service", () => {
  it("delivers, acknowledges and shows who is there", async () => {
    const { channel, update } = dossier();
    const [ali, sara] = [client("ali"), client("sara")];
    const rosters: PresenceState[] = [];
    const seen = ali.stream(channel);
    ali.subscribe(channel, { onPresence: (presence) => rosters.push(presence) });
    await seen.ready;
    sara.subscribe(channel, { onPresence: () => {} });
    await sara.send(channel, update);
    const { value } = await seen.next();
    expect(value?.type === "dossier_update" && value.payload.updated_by.name).toBe("Sara");
    while (rosters.at(-1)?.count !== 2) await new Promise((done) => setTimeout(done, 10));
    expect(rosters.at(-1)?.users.map((user) => user.user_id).sort()).toEqual(["ali", "sara"]);
  });

  it("keeps one effect for one key, and recovers what was missed", async () => {
    const { channel, update } = dossier();
    const ali = client();
    const first = await ali.publish(channel, update as never, "once");
    const again = await ali.publish(channel, update as never, "once");
    expect([again.offset, again.epoch]).toEqual([first.offset, first.epoch]);
    await ali.publish(channel, update as never);
    const seen = ali.stream(channel, { after: { epoch: first.epoch!, offset: 1 } });
    expect(((await seen.next()).value as { offset: number }).offset).toBe(2);
  });

  it("comes back over a broken socket without a gap or a repetition", async () => {
    const { channel, update } = dossier();
    const sockets: WebSocket[] = [];
    class Watched extends WebSocket {
      constructor(address: string) {
        super(address);
        sockets.push(this);
      }
    }
    const ali = client("ali", { WebSocket: Watched as unknown as WebSocketConstructor });
    const sara = client("sara");
    const offsets: number[] = [];
    const subscription = ali.subscribe(channel, { onMessage: (one) => offsets.push((one as { offset: number }).offset) });
    await subscription.ready();
    for (let n = 0; n < 3; n++) {
      await sara.send(channel, update);
      sockets.at(-1)!.terminate();
      await sara.send(channel, update);
      await sara.send(channel, update);
      while (offsets.length < 3 * (n + 1)) await new Promise((done) => setTimeout(done, 10));
    }
    expect(offsets).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(ali.reconnectCount).toBe(3);
  });

  it("says what is refused", async () => {
    const ali = client();
    const wrong = await ali.send("dossier:country:SA", { type: "dossier_update", payload: { x: 1 } }).catch((error: Error) => error);
    expect(wrong).toBeInstanceOf(DeniedError);
    expect((wrong as DeniedError).errorCode).toBe("INVALID_MESSAGE_FORMAT");
    await expect(client("ali", { token: "no.such.token" }).connect()).rejects.toThrow(AuthFailed);
    await expect(client("ali", { url: url.replace("/v1", "/v2") }).connect()).rejects.toThrow(ConnectFailed);
  });

  it("brings the inbox, marks it, and iterates a brief", async () => {
    const [ali, sara] = [client("ali"), client("sara")];
    const id = `n-${process.pid}`;
    const text = { en: "Read me", ar: "اقرأني" };
    await ali.send("user:sara", { type: "notification", priority: "low", payload: { id, title: text, message: text } });
    const found: ServerMessage[] = [];
    for await (const entry of sara.inbox()) {
      found.push(entry);
      if (entry.type === "notification" && entry.payload.id === id) break;
    }
    const unread = await sara.unread();
    await sara.markRead([id]);
    expect(await sara.unread()).toBe(unread - 1);
    const brief = await sara.requestBrief({ type: "meeting", entity_type: "country", entity_id: "SA", language: "ar" });
    expect((await brief.result()).brief_id).toBe(brief.requestId);
  });

  it("edits a document by hand, as the contract prints it", async () => {
    const ali = client();
    const channel = `document:t-${process.pid}`;
    let epoch: string | undefined;
    const subscription = ali.subscribe(channel, {}, {
      document: { place: () => undefined, onSubscribed: (answer) => (epoch = answer.document?.epoch), onLost: () => {} },
    });
    await subscription.ready();
    const answer = await ali.request({
      type: "edit_operation",
      channel,
      payload: { operation_type: "insert", position: 0, content: "مرحبا", version: 0, op_id: `op-${process.pid}` },
    });
    expect(answer.type === "operation_ack" && answer.payload.version).toBe(1);
    expect(epoch).toBeTruthy();
    await ali.send(channel, { type: "cursor_position", payload: { position: 1 } });
  });
});
