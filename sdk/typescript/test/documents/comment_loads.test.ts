/** The loads of a document's comments: one at a time, and of the text that the editor has. */
import { expect, it } from "vitest";
import type { RealtimeConnection } from "../../src/client/interface.js";
import { documentOf } from "../../src/documents/ot/document.js";
import { nothing } from "../../src/documents/ot/operations.js";
import { Pending } from "../../src/documents/ot/pending.js";
import { CommentStates } from "../../src/documents/together/comment_states.js";
import { type DocumentComment, DocumentComments } from "../../src/documents/together/comments.js";
import { settled } from "../../src/testing/index.js";

const TEXT = "x".repeat(40);

function comment(id: string, start: number, end: number, version = 1): DocumentComment {
  const made = { id, start, end, version, quote: "abc", status: "open", user_id: "ali", user_name: "Ali", timestamp: 1, revision: 1 };
  return made as unknown as DocumentComment;
}

/** Comments whose reads are answered when the test says so. */
function held() {
  const asked: { answer: (...comments: DocumentComment[]) => void; fail: (error: Error) => void }[] = [];
  const read = () =>
    new Promise((done, fail) => asked.push({ answer: (...comments) => done({ document: "paper", version: 1, comments }), fail }));
  const client = { on: () => () => {}, read } as unknown as RealtimeConnection;
  const comments = new DocumentComments(client, "document:paper", () => {});
  const loadText = (): void => comments.loaded(new Pending(documentOf(TEXT), 1), "");
  loadText();
  return { asked, comments, loadText };
}

it("reads one list after the other, and one for all that wait", async () => {
  const { asked, comments } = held();
  const first = comments.load();
  await settled();
  const others = [comments.load(), comments.load(), comments.load()];
  await settled();
  expect(asked.length).toBe(1);
  asked[0]!.answer(comment("one", 0, 3));
  expect((await first).map(({ id }) => id)).toEqual(["one"]);
  await settled();
  expect(asked.length).toBe(2);
  asked[1]!.answer(comment("one", 0, 3), comment("two", 4, 6));
  await Promise.all(others);
  expect([asked.length, comments.all().map(({ id }) => id)]).toEqual([2, ["one", "two"]]);
});

it("reads a list again that was asked for before the text was loaded anew", async () => {
  const { asked, comments, loadText } = held();
  const load = comments.load();
  await settled();
  loadText();
  asked[0]!.answer(comment("one", 0, 3, 1));
  await settled();
  expect([asked.length, comments.all()]).toEqual([2, []]);
  asked[1]!.answer(comment("one", 5, 8, 4));
  expect((await load).map(({ start }) => start)).toEqual([5]);
});

it("reads the next list after one that failed", async () => {
  const { asked, comments } = held();
  const failing = comments.load();
  await settled();
  asked[0]!.fail(new Error("no way there"));
  await expect(failing).rejects.toThrow("no way there");
  const next = comments.load();
  await settled();
  asked[1]!.answer();
  expect(await next).toEqual([]);
});

it("takes a place of a later version in place of an earlier one of the same thread", () => {
  const states = new CommentStates();
  states.load([comment("one", 0, 3)], states.mark);
  states.load([comment("one", 5, 8, 3)], states.mark);
  states.load([comment("one", 1, 4, 2)], states.mark);
  expect(states.shown(nothing(TEXT.length)).map(({ start, end, version }) => [start, end, version])).toEqual([[5, 8, 3]]);
});
