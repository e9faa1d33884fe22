/** The operation between two documents whose history is gone: only what differs, on edges of whole characters. */
import { expect, it } from "vitest";
import { difference, textDifference } from "../../src/documents/ot/difference.js";
import { apply, documentOf, EMPTY, formatOf } from "../../src/documents/ot/document.js";
import { insert, nothing, normal, type Operation, operation, remove, retain } from "../../src/documents/ot/operations.js";
import { Pending } from "../../src/documents/ot/pending.js";
import { Effort } from "../../src/documents/ot/search.js";
import { cut } from "../../src/documents/ot/tokens.js";
import { Chance } from "./chance.js";

const MIXED = [..."ab \nم\u064e\u0651😀👩\u200d\u{1f3fd}\u{1f1f8}."];
const LINES = ["one", "كِتَاب", "😀", "x", "👩‍👩‍👧"];

/** Return the [deleted, inserted] texts of each change. */
function changes(old: string, wanted: string): [string, string][] {
  const found: [string, string][] = [];
  let at = 0;
  let isOpen = false;
  for (const one of textDifference(old, wanted)) {
    if (one.kind === "retain") {
      isOpen = false;
      at += one.length;
      continue;
    }
    if (!isOpen) {
      found.push(["", ""]);
      isOpen = true;
    }
    const last = found[found.length - 1]!;
    if (one.kind === "insert") {
      last[1] += one.text;
    } else {
      last[0] += old.slice(at, (at += one.length));
    }
  }
  return found;
}

/** Return the number of units that an operation inserts and deletes. */
function touched(found: Operation): number {
  return found.reduce((sum, one) => sum + (one.kind === "retain" ? 0 : one.kind === "insert" ? one.text.length : one.length), 0);
}

function edges(text: string): Set<number> {
  let at = 0;
  return new Set([0, ...cut(text, "line").flatMap((line) => cut(line, "character")).map((piece) => (at += piece.length))]);
}

it("leads from any text to any other, with an edge inside of no character, whatever the effort", () => {
  const chance = new Chance(11);
  const text = (): string => Array.from({ length: chance.below(40) }, () => chance.pick(MIXED)).join("");
  for (let round = 0; round < 2_000; round++) {
    const [old, wanted] = [text(), text()];
    const found = textDifference(old, wanted, new Effort(chance.below(400)));
    expect(apply(found, documentOf(old)).text).toBe(wanted);
    const [olds, news] = [edges(old), edges(wanted)];
    let [i, j] = [0, 0];
    for (const one of found) {
      i += one.kind === "insert" ? 0 : one.length;
      j += one.kind === "delete" ? 0 : one.kind === "insert" ? one.text.length : one.length;
      expect([olds.has(i), news.has(j)], JSON.stringify([old, wanted, found])).toEqual([true, true]);
    }
  }
});

it("touches no line that stays, where others are rewritten, deleted and inserted", () => {
  const chance = new Chance(12);
  const line = (): string => Array.from({ length: 1 + chance.below(4) }, () => chance.pick(LINES)).join(" ");
  for (let round = 0; round < 500; round++) {
    const old = Array.from({ length: 1 + chance.below(30) }, (_, number) => `${number} ${line()}\n`);
    const kept = new Set<number>();
    const wanted = old.flatMap((has, number) => {
      const what = chance.below(6);
      if (what > 1) {
        kept.add(number);
      }
      return what === 0 ? [] : what === 1 ? [`${number} ${line()} again\n`] : what === 2 ? [`new ${number} ${line()}\n`, has] : [has];
    });
    let at = 0;
    const deleted: [number, number][] = [];
    for (const one of textDifference(old.join(""), wanted.join(""))) {
      if (one.kind === "delete") {
        deleted.push([at, at + one.length]);
      }
      at += one.kind === "insert" ? 0 : one.length;
    }
    let start = 0;
    old.forEach((has, number) => {
      const end = start + has.length;
      expect(kept.has(number) && deleted.some(([from, to]) => from < end && start < to)).toBe(false);
      start = end;
    });
  }
});

it("changes only the first and the last of 2,100 lines where only these differ", () => {
  const lines = Array.from({ length: 2_100 }, (_, number) => `Line ${number % 7} of the article\n`);
  const wanted = ["The first line of the article\n", ...lines.slice(1, -1), lines.at(-1)!.replace("article", "articles")];
  expect(changes(lines.join(""), wanted.join(""))).toEqual([
    ["Line 0", "The first line"],
    ["", "s"],
  ]);
});

it.each([[["☐ agreed\n"]], [["Name: ____\n", "☐ agreed\n", "\n"]]])("ticks two boxes of a form of 390 lines by two small changes: %j", (period) => {
  const form = Array.from({ length: 390 }, (_, number) => period[number % period.length]!);
  const boxes = form.flatMap((line, number) => (line.startsWith("☐") ? [number] : []));
  const ticked = [...form];
  for (const number of [boxes[9]!, boxes.at(-9)!]) {
    ticked[number] = "☑ agreed\n";
  }
  expect(changes(form.join(""), ticked.join(""))).toEqual([
    ["☐", "☑"],
    ["☐", "☑"],
  ]);
});

it.each([
  ["the colour of", "the color of", [["u", ""]]],
  ["كِتَابٌ جديد", "كِتابٌ جديد", [["تَ", "ت"]]],
  ["سلام عليكم", "سلام عليكما", [["", "ا"]]],
  ["a 👩‍👩‍👧 b", "a 👩‍👩‍👦 b", [["👩‍👩‍👧", "👩‍👩‍👦"]]],
  ["👍🏽", "👍🏿", [["👍🏽", "👍🏿"]]],
  ["😀", "😁", [["😀", "😁"]]],
  ["😀", "🨀", [["😀", "🨀"]]],
  ["quick brown fox", "slow red fox", [["quick brown", "slow red"]]],
  ["one\ntwo\nthree\n", "one!\ntwo\nthree!\n", [["", "!"], ["", "!"]]],
  ["one\r\ntwo\r\n", "one\ntwo\r\n", [["\r\n", "\n"]]],
  ["", "new", [["", "new"]]],
  ["gone", "", [["gone", ""]]],
  ["same", "same", []],
])("changes words and whole characters: %j to %j", (old, wanted, expected) => {
  expect(changes(old, wanted)).toEqual(expected);
});

it("keeps the formatting of text that stays, and changes formatting without touching the text", () => {
  const bold = { bold: true };
  const old = documentOf("Title\nA long text\nof lines\n", [
    { position: 0, length: 5, attributes: bold },
    { position: 13, length: 4, attributes: bold },
  ]);
  const kept = apply(textDifference(old.text, "The Title\nA long text\nof two lines\n"), old);
  expect(formatOf(kept)).toEqual([
    { position: 4, length: 5, attributes: bold },
    { position: 17, length: 4, attributes: bold },
  ]);
  const plain = difference(old, documentOf(old.text));
  expect(plain.every((one) => one.kind === "retain" || one.kind === "format")).toBe(true);
  expect(difference(EMPTY, EMPTY)).toEqual(nothing(0));
});

it("costs the same steps at most for two wholly different texts of 100,000 units, and stays right", () => {
  const chance = new Chance(13);
  const words = (letters: string, between: string): string => {
    let text = "";
    while (text.length < 100_000) {
      text += Array.from({ length: 1 + chance.below(6) }, () => chance.pick([...letters])).join("") + between;
    }
    return text.slice(0, 100_000);
  };
  const pairs = [
    [words("ab", "\n"), words("ab", "\n")], // lines that both have, in another order
    [words("abc", " "), words("abc", " ")], // one line of words that both have
    [words("ab", ""), words("ab", "")], // one word
    [words("abc", "\n"), words("xyz", "\n")], // nothing in common but the ends of lines
    ["ab\n".repeat(33_333), "a\nb\n".repeat(25_000)],
  ] as const;
  for (const [old, wanted] of pairs) {
    const effort = new Effort(100_000);
    const found = textDifference(old, wanted, effort);
    expect(apply(found, documentOf(old)).text).toBe(wanted);
    expect(effort.left).toBeGreaterThan(-2 * (old.length + wanted.length)); // the last run of equal pieces is walked to its end
  }
});

it("finds the lines that occur once where the effort is used up", () => {
  const chance = new Chance(14);
  const noise = (): string => `${chance.below(4)}\n`;
  const old = Array.from({ length: 20_000 }, (_, number) => (number % 50 ? noise() : `clause ${number}\n`));
  const wanted = old.map((line) => (line.startsWith("clause") ? line : noise()));
  const effort = new Effort(20_000);
  const text = old.join("");
  const found = textDifference(text, wanted.join(""), effort);
  expect(effort.isExceeded).toBe(true);
  const deleted: string[] = [];
  let at = 0;
  for (const one of found) {
    if (one.kind === "delete") {
      deleted.push(text.slice(at, at + one.length));
    }
    at += one.kind === "insert" ? 0 : one.length;
  }
  expect(deleted.join("")).not.toContain("clause");
});

it("lets a word typed offline stay in its line over a reload in which 600 other lines changed", () => {
  const lines = Array.from({ length: 1_300 }, (_, number) => `Clause ${number}: as agreed on day ${number % 7}\n`);
  const line = 651; // it stays
  const pending = new Pending(documentOf(lines.join("")), 3);
  const at = lines.slice(0, line).join("").length + "Clause".length;
  pending.edit(normal([retain(at), insert(" mine"), retain(pending.local.text.length - at)]));
  const changed = lines.map((text, number) => (number % 2 === 0 && number < 1_200 ? text.replace("agreed", "settled anew") : text));
  const change = pending.reload(documentOf(changed.join("")), 20_000);
  const expected = [...changed];
  expected[line] = expected[line]!.replace("Clause", "Clause mine");
  expect(pending.local.text).toBe(expected.join(""));
  expect(touched(change)).toBe(600 * ("agreed".length + "settled anew".length));
});

it("lets edits made offline stay in their line over a reload that changes the first and the last of thousands", () => {
  const lines = Array.from({ length: 4_000 }, (_, number) => `Clause ${number % 7}: as agreed\n`);
  const pending = new Pending(documentOf(lines.join("")), 3);
  const at = lines.slice(0, 2_000).join("").length + "Clause".length;
  for (const [number, letter] of [..."mine"].entries()) {
    pending.edit(operation(retain(at + number), insert(letter), retain(pending.local.text.length - at - number)));
  }
  const changed = ["A new first line\n", ...lines.slice(1, -1), "A new last line\n"];
  const change = pending.reload(documentOf(changed.join("")), 20_000);
  changed[2_000] = changed[2_000]!.replace("Clause", "Clausemine");
  expect(pending.local.text).toBe(changed.join(""));
  expect(change.reduce((sum, one) => sum + (one.kind === "delete" ? one.length : 0), 0)).toBeLessThan(60);
});

it("keeps what was typed offline between a line that is new and one that changed", () => {
  const pending = new Pending(documentOf("One line.\nAnother line.\n"), 5);
  pending.edit(operation(retain(9), insert(" Mine"), retain(15)));
  pending.edit(operation(retain(28), remove(1)));
  pending.reload(documentOf("New first.\nOne line.\nAnother long line.\n"), 20_000);
  expect(pending.local.text).toBe("New first.\nOne line. Mine\nAnother long line.");
});
