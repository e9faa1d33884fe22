/** Tabs that share a connection and edit one document, against the real service. */
import WebSocket from "ws";
import { afterEach, describe, expect, it } from "vitest";
import { openDocument, type SharedDocument } from "../src/documents/index.js";
import { DossierRealtimeClient, type WebSocketConstructor } from "../src/index.js";
import { Hub } from "../src/shared/hub.js";
import { TabSockets } from "../src/shared/socket.js";

const url = process.env.REALTIME_URL ?? "";
const tokens = JSON.parse(process.env.REALTIME_TOKENS ?? "{}") as Record<string, string>;
const Socket = WebSocket as unknown as WebSocketConstructor;
const clients: DossierRealtimeClient[] = [];

function client(name: string, Own: WebSocketConstructor = Socket): DossierRealtimeClient {
  const made = new DossierRealtimeClient({ token: tokens[name]!, url, WebSocket: Own });
  clients.push(made);
  return made;
}

async function same(documents: SharedDocument[], length: number): Promise<string> {
  for (;;) {
    const texts = new Set(documents.map((document) => document.text));
    if (texts.size === 1 && documents[0]!.length === length && documents.every((document) => document.synced)) {
      return documents[0]!.text;
    }
    await new Promise((done) => setTimeout(done, 20));
  }
}

afterEach(() => {
  for (const each of clients.splice(0)) each.close();
});

describe.skipIf(!url)("tabs of one user", () => {
  it("edit one document together, with another user, over one connection", async () => {
    const hub = new Hub(Socket, undefined);
    const tab = (): DossierRealtimeClient =>
      client(
        "ali",
        new TabSockets((hear) => ({
          post: (message) => void Promise.resolve().then(() => hub.receive(message, (back) => queueMicrotask(() => hear(back)))),
          lost: () => {},
        })).WebSocket,
      );
    const all = [tab(), tab(), client("sara")];
    const documents = all.map((each) => openDocument(each, `shared-${process.pid}`));
    const errors: Error[] = [];
    for (const document of documents) document.onError((error) => errors.push(error));
    await Promise.all(documents.map((document) => document.ready()));
    expect(all[0]!.sessionId).toBe(all[1]!.sessionId);
    const words = ["first", "second", "third"];
    documents.forEach((document, n) => document.insert(0, `${words[n]} `));
    const text = await same(documents, 19);
    for (const word of words) expect(text.split(word)).toHaveLength(2);
    documents[1]!.insert(0, "A");
    documents[0]!.delete(documents[0]!.length - 1, 1);
    documents[2]!.insert(3, "é");
    await same(documents, 20);
    const { version } = documents[2]!;
    expect(documents.map((document) => document.version)).toEqual([version, version, version]);
    for (let n = 0; n < 30; n++) {
      const document = documents[n % 3]!;
      if (n % 5 === 4) document.delete(n % document.length, 1);
      else document.insert((n * 7) % document.length, String.fromCharCode(97 + (n % 26)));
      if (n % 4 === 0) await new Promise((done) => setTimeout(done, n));
    }
    documents[0]!.delete(0, 10);
    documents[1]!.delete(2, 4); // both delete: what is left to do for the later one is less, or nothing
    for (;;) {
      if (new Set(documents.map((each) => `${each.version} ${each.synced} ${each.text}`)).size === 1 && documents[0]!.synced) break;
      await new Promise((done) => setTimeout(done, 20));
    }
    expect(errors).toEqual([]);
  });
});
