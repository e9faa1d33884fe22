/** Shared documents against the real service, whose address and tokens the caller gives: REALTIME_URL, REALTIME_TOKENS. */
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { openDocument } from "../../src/documents/index.js";
import { DossierRealtimeClient, type WebSocketConstructor } from "../../src/index.js";

const url = process.env.REALTIME_URL ?? "";
const tokens = JSON.parse(process.env.REALTIME_TOKENS ?? "{}") as Record<string, string>;

describe.skipIf(!url)("a document at the service", () => {
  const clients: DossierRealtimeClient[] = [];

  function client(user: string): DossierRealtimeClient {
    const WebSocketOfNode = WebSocket as unknown as WebSocketConstructor;
    const made = new DossierRealtimeClient({ token: tokens[user]!, url, WebSocket: WebSocketOfNode });
    clients.push(made);
    return made;
  }

  afterEach(() => {
    clients.splice(0).forEach((made) => made.close());
  });

  it("has one text for two people who edit it at once, and cursors with names", async () => {
    const id = `both-${Date.now()}`;
    const [ali, sara] = [openDocument(client("ali"), id), openDocument(client("sara"), id)];
    await Promise.all([ali.ready(), sara.ready()]);
    ali.insert(0, "مرحبا 😀 ", { attributes: { bold: true } });
    sara.insert(0, "hello ");
    sara.moveCursor(3, 2);
    await Promise.all([ali.flush(60), sara.flush(60)]);
    await told(() => ali.text === sara.text && ali.version === sara.version, ali, sara);
    expect([...ali.text].sort().join("")).toBe([..."مرحبا 😀 hello "].sort().join(""));
    expect(ali.formatting).toEqual(sara.formatting);
    await told(() => ali.cursors.size === 1, ali);
    expect([...ali.cursors.values()].map(({ userId, name }) => [userId, name])).toEqual([["sara", "Sara"]]);
    sara.close();
    await told(() => ali.cursors.size === 0, ali);
    ali.undo();
    await ali.flush(60);
    expect(ali.text).toBe("hello ");
    expect(ali.status).toBe("live");
  });
});

async function told(isTrue: () => boolean, ...documents: ReturnType<typeof openDocument>[]): Promise<void> {
  await new Promise<void>((resolve) => {
    const look = (): void => (isTrue() ? resolve() : undefined);
    documents.forEach((document) => [document.onChange(look), document.onCursors(look), document.onStatus(look), document.onSynced(look)]);
    look();
  });
}
