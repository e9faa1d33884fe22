/** Comments, suggestions, soft locks and pairs of documents, against the FakeServer. */
import { afterEach, expect, it, vi } from "vitest";
import { type DocumentComment, documentPair, hold, openDocument, type SharedDocument } from "../../src/documents/index.js";
import { CallRefused, DeniedError, DossierRealtimeClient, type Presence, type RealtimeConnection, TimedOut } from "../../src/index.js";
import { FakeServer } from "../../src/testing/index.js";

const clients: DossierRealtimeClient[] = [];

afterEach(() => clients.splice(0).forEach((each) => each.close()));

function of(server: FakeServer, user: string): DossierRealtimeClient {
  const client = new DossierRealtimeClient({ token: user, ...server.options });
  clients.push(client);
  return client;
}

async function paper(text = "The Ministry shall pay."): Promise<{ server: FakeServer; ali: SharedDocument; sara: SharedDocument }> {
  const server = new FakeServer();
  server.document("paper").write(0, 0, text);
  const [ali, sara] = [openDocument(of(server, "ali"), "paper"), openDocument(of(server, "sara"), "paper")];
  await Promise.all([ali.ready(), sara.ready()]);
  return { server, ali, sara };
}

/** Wait for comments that are so. */
function until(document: SharedDocument, isSo: (comments: readonly DocumentComment[]) => boolean): Promise<void> {
  return new Promise((done) => {
    const look = (): void => (isSo(document.comments.all()) ? done() : undefined);
    document.comments.onChange(look);
    document.onChange(look);
    look();
  });
}

const places = (document: SharedDocument): unknown[] =>
  document.comments.all().map(({ start, end, orphaned }) => [document.text.slice(start, end), orphaned]);

it("keeps a comment on its text while both edit, and shows its thread to both", async () => {
  const { ali, sara } = await paper();
  await Promise.all([ali.comments.load(), sara.comments.load()]);
  const { id, quote, user_id } = await ali.comments.add(4, 12, "Which one?");
  expect([quote, user_id]).toEqual(["Ministry", "ali"]);
  await until(sara, (all) => all.length === 1);
  sara.insert(0, "Article 1. ");
  ali.insert(8, "!"); // inside, and not saved yet
  expect(places(ali)).toEqual([["Mini!stry", false]]);
  await Promise.all([ali.flush(), sara.flush()]);
  await until(sara, () => sara.text === "Article 1. The Mini!stry shall pay.");
  expect(places(sara)).toEqual([["Mini!stry", false]]);
  await sara.comments.reply(id, "That of finance");
  await until(ali, ([only]) => only?.replies?.[0]?.text === "That of finance");
  await ali.comments.resolve(id);
  await until(sara, ([only]) => only?.status === "resolved");
  await sara.comments.reopen(id);
  await until(ali, ([only]) => only?.status === "open");
  await ali.comments.remove(id);
  await until(sara, (all) => all.length === 0);
});

it("orphans a comment whose text is deleted, until an undo brings it back", async () => {
  const { ali } = await paper();
  await ali.comments.load();
  await ali.comments.add(4, 12, "Which one?");
  ali.delete(0, 13);
  expect(places(ali)).toEqual([["", true]]);
  await ali.flush();
  expect(places(ali)).toEqual([["", true]]);
  ali.undo();
  await ali.flush();
  expect(places(ali)).toEqual([["Ministry", false]]);
});

it("makes an accepted suggestion text for everybody, and a rejected one none", async () => {
  const { ali, sara } = await paper();
  await Promise.all([ali.comments.load(), sara.comments.load()]);
  const good = await ali.comments.suggest(4, 12, "Authority", "its new name");
  const bad = await ali.comments.suggest(13, 18, "may");
  expect([good.replacement, good.text, bad.text]).toEqual(["Authority", "its new name", undefined]);
  await until(sara, (all) => all.length === 2);
  await sara.comments.accept(good.id);
  await sara.comments.reject(bad.id);
  await until(ali, () => ali.text === "The Authority shall pay.");
  await until(ali, (all) => all.map(({ status }) => status).sort().join() === "accepted,rejected");
  expect(sara.text).toBe(ali.text);
});

it("takes an accepted suggestion back as the last edit of the user who accepted it, and of nobody else", async () => {
  const { ali, sara } = await paper();
  await Promise.all([ali.comments.load(), sara.comments.load()]);
  sara.insert(0, "Article 1. ");
  await sara.flush();
  const idea = await ali.comments.suggest(15, 23, "Authority");
  await sara.comments.accept(idea.id);
  await until(sara, () => sara.text === "Article 1. The Authority shall pay.");
  expect([sara.undo(), sara.text]).toEqual([true, "Article 1. The Ministry shall pay."]);
  expect([sara.redo(), sara.text]).toEqual([true, "Article 1. The Authority shall pay."]);
  expect([sara.undo(), sara.undo(), sara.undo(), sara.text]).toEqual([true, true, false, "The Ministry shall pay."]);
  expect(ali.canUndo).toBe(false);
});

it("takes what is typed after an accepted suggestion back without it", async () => {
  const { ali, sara } = await paper();
  await Promise.all([ali.comments.load(), sara.comments.load()]);
  sara.insert(0, "A");
  await sara.flush();
  const idea = await ali.comments.suggest(5, 13, "Authority");
  await sara.comments.accept(idea.id);
  await until(sara, () => sara.text === "AThe Authority shall pay.");
  sara.insert(1, "b");
  expect([sara.undo(), sara.text]).toEqual([true, "AThe Authority shall pay."]);
  expect([sara.undo(), sara.text]).toEqual([true, "AThe Ministry shall pay."]);
});

it("reads the comments again after a reconnect, and refuses those on text that is not saved", async () => {
  const { server, ali, sara } = await paper();
  await ali.comments.load();
  ali.insert(0, "New ");
  expect(() => ali.comments.add(0, 3, "?")).toThrow(RangeError);
  await ali.flush();
  server.drop();
  await sara.comments.add(4, 7, "seen?");
  await until(ali, (all) => all[0]?.text === "seen?");
  const failed = ali.comments.reply("comment-99", "nobody hears it");
  await expect(failed).rejects.toThrow(CallRefused);
});

it("holds a lock on a clause, which the other sees taken", async () => {
  const { server } = await paper();
  const channel = "document:paper";
  const omar = of(server, "omar");
  await omar.subscribe(channel, {}, { includePresence: true }).ready();
  const seen: string[] = [];
  const look = { onPresence: ({ locks }: Presence) => void seen.push(locks.map(({ field, user_id }) => `${field} ${user_id}`).join()) };
  await of(server, "sara").subscribe(channel, look, { includePresence: true }).ready();
  const lock = await hold(omar, channel, "clause.3", { seconds: 60 });
  await vi.waitFor(() => expect(seen.at(-1)).toBe("clause.3 omar"));
  expect([lock.isOwn, lock.holder.user_id, lock.field]).toEqual([true, "omar", "clause.3"]);
  expect(server.received.filter((message) => message.type === "lock").at(-1)?.payload).toEqual({ field: "clause.3", seconds: 60 });
  await lock.release();
  expect(lock.isOwn).toBe(false);
  await vi.waitFor(() => expect(seen.at(-1)).toBe(""));
});

it("keeps the holder of a lock while nothing is known, until its lease is over, and not after a denial", async () => {
  let answer: () => Promise<unknown> = () => Promise.reject(new TimedOut("no answer in time", "key"));
  const held = { type: "lock_state", channel: "document:paper", payload: { field: "title", user_id: "ali", expires_in: 60 } };
  const request = vi.fn(() => answer());
  const client = { userId: "ali", request, on: () => () => undefined } as unknown as RealtimeConnection;
  const renewals = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 20_000);
  vi.useFakeTimers();
  try {
    request.mockResolvedValueOnce(held);
    const lock = await hold(client, "document:paper", "title", { seconds: 60 });
    await renewals(1);
    answer = () => Promise.reject(new DeniedError("SERVICE_UNAVAILABLE", "try again later", "document:paper"));
    await renewals(1);
    expect([request.mock.calls.length, lock.holder.user_id]).toEqual([3, "ali"]);
    await renewals(1);
    expect(lock.holder).toEqual({ field: "title" });
    answer = () => Promise.resolve(held);
    await renewals(1);
    expect(lock.isOwn).toBe(true);
    answer = () => new Promise(() => undefined);
    await renewals(2);
    expect(lock.isOwn).toBe(true);
    await renewals(1);
    expect(lock.isOwn).toBe(false);
    answer = () => Promise.reject(new DeniedError("PERMISSION_DENIED", "no right to write", "document:paper"));
    request.mockResolvedValueOnce(held);
    const other = await hold(client, "document:paper", "title", { seconds: 60 });
    await renewals(1);
    expect(other.holder).toEqual({ field: "title" });
    [lock, other].forEach((each) => each.end());
  } finally {
    vi.useRealTimers();
  }
});

it("pairs a document with its counterpart in another language", async () => {
  const server = new FakeServer();
  const pair = documentPair(of(server, "ali"), "mou.en");
  await expect(pair.read()).rejects.toThrow(CallRefused);
  await pair.join("mou.ar", { language: "en", counterpartLanguage: "ar" });
  server.document("mou.en").pair = {
    ...server.document("mou.en").pair!,
    clauses: [{ key: "article-1", status: "changed", changed: ["document"] }, { key: "article-2", status: "untranslated" }],
  };
  expect((await pair.markTranslated(["article-1"], { version: 3 })).clauses).toEqual(["article-1"]);
  const { counterpart, clauses } = await pair.read({ text: true });
  expect([counterpart?.document, clauses?.map(({ status }) => status)]).toEqual(["mou.ar", ["translated", "untranslated"]]);
  await pair.part();
  await expect(pair.read()).rejects.toThrow("no counterpart");
});
