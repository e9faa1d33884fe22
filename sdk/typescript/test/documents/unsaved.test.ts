/** Edits that are not saved when their document or their client is closed: reported, and saved where one waits for it. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openDocument, type SharedDocument, UnsavedEdits } from "../../src/documents/index.js";
import { DossierRealtimeClient } from "../../src/index.js";
import { FakeServer } from "../../src/testing/index.js";

interface Paper {
  readonly server: FakeServer;
  readonly client: DossierRealtimeClient;
  readonly document: SharedDocument;
  readonly errors: Error[];
}

const clients: DossierRealtimeClient[] = [];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  clients.splice(0).forEach((client) => client.close());
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function opened(): Promise<Paper> {
  const server = new FakeServer();
  server.document("paper").write(0, 0, "text");
  const client = new DossierRealtimeClient({ token: "ali", ...server.options });
  clients.push(client);
  const document = openDocument(client, "paper");
  const errors: Error[] = [];
  document.onError((error) => errors.push(error));
  await vi.waitFor(() => expect(document.isLoaded).toBe(true));
  return { server, client, document, errors };
}

/** Lose the connection, and let none be made. */
async function cut({ server }: Paper, document: SharedDocument): Promise<void> {
  server.refusing = 1006;
  server.drop(1006);
  await vi.waitFor(() => expect(document.status).toBe("stale"));
}

function expectUnsaved(errors: readonly Error[], text: string): void {
  expect(errors.filter((error) => error instanceof UnsavedEdits)).toMatchObject([{ channel: "document:paper", text }]);
}

it("reports the text with edits that are not saved when the document is closed, while the line is up and while it is down", async () => {
  for (const isDown of [false, true]) {
    const paper = await opened();
    const { document, errors } = paper;
    if (isDown) {
      await cut(paper, document);
    }
    document.insert(0, "مرحبا 😀 ");
    document.close();
    expectUnsaved(errors, "مرحبا 😀 text");
    expect(errors.at(-1)!.message).toContain("keep it, and make anew what the document lacks; another time await flush() before close()");
    expect(document.closed).toBe(true);
    document.close();
    expect(errors.length).toBe(1);
    expect(await document.flush()).toBe(false);
  }
});

it("sends nothing of a closed document later, also where it is opened again before the line is back", async () => {
  for (const isUnderWay of [true, false]) {
    const paper = await opened();
    const { server, client, document } = paper;
    if (isUnderWay) {
      server.answer = ({ type }) => type === "edit_operation"; // it is lost on its way
      document.insert(0, "lost ");
      await vi.advanceTimersByTimeAsync(1_000);
    }
    await cut(paper, document);
    server.answer = undefined;
    document.insert(0, "more ");
    await vi.advanceTimersByTimeAsync(1_000);
    document.close();
    const again = openDocument(client, "paper");
    again.onError((error) => paper.errors.push(error));
    server.refusing = undefined;
    await vi.waitFor(() => expect(again.isLoaded).toBe(true));
    expect(await client.flush()).toBe(true);
    expect([again.text, server.document("paper").text]).toEqual(["text", "text"]);
    again.insert(0, "anew ");
    expect(await client.flush()).toBe(true);
    expect([again.text, server.document("paper").text]).toEqual(["anew text", "anew text"]);
    expect(paper.errors.filter((error) => !(error instanceof UnsavedEdits))).toEqual([]);
  }
});

it("reports it when the client is closed, and when the client has to give up", async () => {
  const one = await opened();
  one.document.insert(0, "my ");
  one.client.close();
  expectUnsaved(one.errors, "my text");
  const other = await opened();
  other.document.insert(0, "my ");
  other.server.drop(4501, "kicked");
  await vi.waitFor(() => expect(other.document.closed).toBe(true));
  expectUnsaved(other.errors, "my text");
  expect(other.errors.at(-1)!.message).toMatch(/not confirmed .*paper: .*kicked.*when this is solved/);
});

it("reports nothing where everything is saved, or nothing was edited", async () => {
  const { server, client, document, errors } = await opened();
  document.insert(0, "my ");
  expect(await client.flush()).toBe(true);
  expect(server.document("paper").text).toBe("my text");
  document.insert(0, "x");
  document.delete(0, 1);
  client.close();
  const early = new DossierRealtimeClient({ token: "ali", ...server.options });
  const unread = openDocument(early, "paper");
  unread.onError((error) => errors.push(error));
  early.close();
  expect(errors).toEqual([]);
});

it("says to the console what nobody hears", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const { server, client } = await opened();
  server.document("other").write(0, 0, "");
  const other = openDocument(client, "other");
  await vi.waitFor(() => expect(other.isLoaded).toBe(true));
  other.insert(0, "new");
  client.close();
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/not confirmed the last edits of document:other;.*document\.onError/));
});

it("waits 5 s for edits of all documents, where nothing answers", async () => {
  const paper = await opened();
  const { client, document, errors } = paper;
  await cut(paper, document);
  document.insert(0, "my ");
  let saved: boolean | undefined;
  void client.flush().then((is) => (saved = is));
  await vi.advanceTimersByTimeAsync(4_900);
  expect(saved).toBeUndefined();
  await vi.advanceTimersByTimeAsync(200);
  expect(saved).toBe(false);
  expect(errors).toEqual([]);
  client.close();
  expectUnsaved(errors, "my text");
  await expect(client.flush()).rejects.toThrow("The client was closed");
});

it("waits for no refusal to pass, and gives it as the cause", async () => {
  const { server, client, document, errors } = await opened();
  server.answer = ({ type, ref, channel }, socket) => {
    if (type === "edit_operation") {
      socket.deliver({ type: "error", error_code: "PERMISSION_DENIED", message: "Insufficient permissions", channel, ref, timestamp: 1 });
    }
    return type === "edit_operation";
  };
  document.insert(0, "my ");
  await vi.waitFor(() => expect(errors.length).toBe(1));
  expect(await client.flush(60)).toBe(false);
  document.close();
  expectUnsaved(errors, "my text");
  expect(errors.at(-1)!.message).toMatch(/not confirmed .*paper: .*PERMISSION_DENIED.*GET \/v1\/explain.*when this is solved/);
});

it("closes a document with a time-out at its end, and without one when the line is back", async () => {
  const paper = await opened();
  const { server, document, errors, client } = paper;
  await cut(paper, document);
  document.insert(0, "my ");
  const isSaved = document.closeWhenSynced(2);
  await vi.advanceTimersByTimeAsync(2_100);
  expect(await isSaved).toBe(false);
  expect(document.closed).toBe(true);
  expectUnsaved(errors, "my text");

  const again = openDocument(client, "paper");
  again.onError((error) => errors.push(error));
  server.refusing = undefined;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(again.text).toBe("text");
  await cut(paper, again);
  again.insert(0, "our ");
  const isKept = again.closeWhenSynced();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(again.closed).toBe(false);
  server.refusing = undefined;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await isKept).toBe(true);
  expect([again.closed, server.document("paper").text]).toEqual([true, "our text"]);
  expect(errors.length).toBe(1);
});
