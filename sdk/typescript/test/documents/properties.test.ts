import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { difference, replacement } from "../../src/documents/ot/difference.js";
import { apply, EMPTY, invert, sameDocument, splitsPair, type TextDocument } from "../../src/documents/ot/document.js";
import { ofSteps, type Step } from "../../src/documents/ot/flat.js";
import { insert, normal, type Operation, remove } from "../../src/documents/ot/operations.js";
import { compose, transform } from "../../src/documents/ot/transform.js";
import { LaggingView, replaced } from "../../src/documents/view.js";
import { Chance } from "./chance.js";

const ROUNDS = 2_000;

it("lets both orders lead to the same document", () => {
  const chance = new Chance(1);
  for (let round = 0; round < ROUNDS; round++) {
    const document = chance.document(14);
    const [first, second] = [chance.operation(document), chance.operation(document)];
    const [firsts, seconds] = transform(first, second);
    const one = apply(seconds, apply(first, document));
    expect(one).toEqual(apply(firsts, apply(second, document)));
  }
});

it("composes what two operations do, and takes it back", () => {
  const chance = new Chance(2);
  for (let round = 0; round < ROUNDS; round++) {
    const document = chance.document(14);
    const first = chance.operation(document);
    const middle = apply(first, document);
    const second = chance.operation(middle);
    const both = compose(first, second);
    const after = apply(second, middle);
    expect(apply(both, document)).toEqual(after);
    expect(both).toEqual(normal(both));
    expect(sameDocument(apply(invert(both, document), after), document)).toBe(true);
  }
});

it("finds a difference that leads from any document to any other, on edges of whole characters", () => {
  const chance = new Chance(3);
  for (let round = 0; round < ROUNDS; round++) {
    const [old, wanted] = [chance.document(30), chance.document(30)];
    expect(apply(difference(old, wanted), old)).toEqual(wanted);
    const caret = chance.below(wanted.text.length + 1);
    const [at, deleted, text] = replacement(old.text, wanted.text, caret);
    expect(old.text.slice(0, at) + text + old.text.slice(at + deleted)).toBe(wanted.text);
    expect(splitsPair(old.text, at) || splitsPair(old.text, at + deleted)).toBe(false);
  }
});

it("keeps the words that stay, in a difference of a long text", () => {
  const words = Array.from({ length: 20_000 }, (_, number) => `word${number}`);
  const old = apply(normal([insert(words.join(" "))]), EMPTY);
  words.splice(10_000, 1, "changed");
  words.splice(3_000, 2);
  const wanted = apply(normal([insert(words.join(" "))]), EMPTY);
  const found = difference(old, wanted);
  expect(apply(found, old)).toEqual(wanted);
  const touched = found.reduce((sum, one) => sum + (one.kind === "retain" ? 0 : one.kind === "insert" ? one.text.length : one.length), 0);
  expect(touched).toBeLessThan(60);
});

it("gives the place that was typed at, where letters alike do not tell it", () => {
  expect(replacement("aa", "aaa", 1)).toEqual([0, 0, "a"]);
  expect(replacement("aa", "aaa", 3)).toEqual([2, 0, "a"]);
  expect(replacement("aaa", "aa", 1)).toEqual([1, 1, ""]);
});

it("makes one operation of many steps to and fro", () => {
  const chance = new Chance(4);
  for (let round = 0; round < 300; round++) {
    let text = chance.text(10);
    const before = text;
    const steps: Step[] = [];
    for (let step = 0; step < 12; step++) {
      const characters = [...text];
      const at = chance.below(characters.length + 1);
      const position = characters.slice(0, at).join("").length;
      const taken = characters.slice(at, at + 2).join("");
      const put = chance.text(2);
      if (taken && chance.below(2)) {
        steps.push([position, remove(taken.length)]);
        text = text.slice(0, position) + text.slice(position + taken.length);
      } else if (put) {
        steps.push([position, insert(put)]);
        text = text.slice(0, position) + put + text.slice(position);
      }
    }
    const made = apply(ofSteps(steps, before.length), { text: before, runs: [] });
    expect(made.text).toBe(text);
  }
});

it("brings a view that lags behind to the text of the document, whatever is typed in it meanwhile", () => {
  const chance = new Chance(5);
  for (let round = 0; round < 500; round++) {
    let document: TextDocument = { text: chance.text(8), runs: [] };
    let shown = document;
    const view = new LaggingView(shown.text.length);
    for (let step = 0; step < 8; step++) {
      const isTyped = chance.below(2) === 1;
      const edit: Operation = chance.operation(isTyped ? shown : document, "rrriddd");
      if (isTyped) {
        shown = apply(edit, shown);
        document = apply(view.typed(edit), document);
      } else {
        document = apply(edit, document);
        view.changed(edit);
      }
    }
    expect(apply(view.show(), shown).text).toBe(document.text);
  }
  expect(replaced(5, 1, 2, "xy")).toEqual(normal(replaced(5, 1, 2, "xy")));
});

it("satisfies ot-fuzzer, a judge from outside", () => {
  const fuzz = createRequire(import.meta.url)("ot-fuzzer") as (
    type: object,
    makeOperation: (document: TextDocument) => [Operation, TextDocument],
    rounds: number,
  ) => void;
  const chance = new Chance(6);
  const type = {
    name: "dossier-text",
    create: (): TextDocument => EMPTY,
    apply: (document: TextDocument, operation: Operation): TextDocument => apply(operation, document),
    // The right one is committed first; of two inserts at one place the later, the left one, keeps the left.
    transform: (one: Operation, other: Operation, side: "left" | "right"): Operation =>
      side === "left" ? transform(other, one)[1] : transform(one, other)[0],
    compose,
  };
  const { log, error } = console;
  console.log = console.error = () => undefined;
  try {
    fuzz(
      type,
      (document) => {
        const operation = chance.operation(document);
        return [operation, apply(operation, document)];
      },
      100,
    );
  } finally {
    Object.assign(console, { log, error });
  }
});
