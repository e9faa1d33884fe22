/** The longest common subsequence: as long as that of the textbook, in place among equal pieces, bounded in its work. */
import { expect, it } from "vitest";
import { common } from "../../src/documents/ot/matching.js";
import { type Block, Effort } from "../../src/documents/ot/search.js";
import { Chance } from "./chance.js";

/** Return the length of the longest common subsequence, by the quadratic table. */
function longest(old: readonly string[], wanted: readonly string[]): number {
  let row = Array.from({ length: wanted.length + 1 }, () => 0);
  for (const one of old) {
    const before = row;
    row = [0];
    wanted.forEach((other, at) => row.push(one === other ? before[at]! + 1 : Math.max(row[at]!, before[at + 1]!)));
  }
  return row[wanted.length]!;
}

/** Check that blocks are equal on both sides, in order and apart; return the number of their pieces. */
function checked(old: readonly string[], wanted: readonly string[], blocks: readonly Block[]): number {
  let [i, j] = [-1, -1];
  for (const block of blocks) {
    expect(block.length > 0 && block.old >= i && block.wanted >= j && (block.old > i || block.wanted > j)).toBe(true);
    [i, j] = [block.old + block.length, block.wanted + block.length];
    expect(old.slice(block.old, i)).toEqual(wanted.slice(block.wanted, j));
  }
  return blocks.reduce((sum, block) => sum + block.length, 0);
}

function pieces(chance: Chance): string[] {
  return Array.from({ length: chance.below(25) }, () => chance.pick([..."abcd"]));
}

it("is as long as that of the textbook, and with too little effort shorter and right", () => {
  const chance = new Chance(21);
  for (let round = 0; round < 2_000; round++) {
    const [old, wanted] = [pieces(chance), pieces(chance)];
    const effort = new Effort(round % 2 ? chance.below(600) : 1_000_000);
    const length = checked(old, wanted, common(old, wanted, effort));
    expect(effort.isExceeded || length === longest(old, wanted)).toBe(true);
    expect(effort.isExceeded && round % 2 === 0).toBe(false);
  }
});

it.each([[["☐"]], [["name", "☐", ""]], [["☐", "☐", "other"]]])("lets a replaced piece stay at its place among equal ones: %j", (period) => {
  const old = Array.from({ length: 390 }, (_, number) => period[number % period.length]!);
  const places = old.flatMap((piece, at) => (piece === "☐" ? [at] : []));
  const [first, last] = [places[7]!, places.at(-3)!];
  const wanted = old.map((piece, at) => (at === first || at === last ? "☑" : piece));
  expect(common(old, wanted, new Effort(100_000))).toEqual([
    { old: 0, wanted: 0, length: first },
    { old: first + 1, wanted: first + 1, length: last - first - 1 },
    { old: last + 1, wanted: last + 1, length: 389 - last },
  ]);
});

it("costs steps in proportion to the length for two edits in a long text of repeated pieces", () => {
  const old = Array.from({ length: 60_000 }, (_, number) => ["yes", "no", ""][number % 3]!);
  const wanted = ["first", ...old.slice(1, -1), "last"];
  const effort = new Effort(1_000_000);
  expect(common(old, wanted, effort)).toEqual([{ old: 1, wanted: 1, length: 59_998 }]);
  expect(effort.left).toBeGreaterThan(1_000_000 - 4 * old.length);
});

it("is bounded in its work for any sequences", () => {
  const chance = new Chance(22);
  const many = 1 << 16;
  const random = (): string[] => Array.from({ length: many }, () => chance.pick(["a", "b"]));
  const [one, other] = [random(), random()];
  const shifted = [[..."ab".repeat(many / 2)], [..."ba".repeat(many / 2)]] as const;
  for (const [old, wanted] of [[one, other], shifted, [one, [...one].reverse()], [[..."a".repeat(many)], [..."a".repeat(many - 9)]]] as const) {
    const effort = new Effort(100_000);
    checked(old, wanted, common(old, wanted, effort));
    expect(effort.left).toBeGreaterThan(-2 * (old.length + wanted.length)); // the last run of equal pieces is walked to its end
  }
});

it("reads a stretch a few times at most where each unique piece makes only the next one unique", () => {
  // Between these stand pieces that both have in another order: no common beginning and no common end shortens the rest.
  const old: string[] = [];
  const wanted: string[] = [];
  for (let number = 0; number < 20_000; number++) {
    old.push(`${number + 1}`, "p", "q", "p", `${number}`);
    wanted.push(`${number + 1}`, "q", "p", "q", `${number}`);
  }
  const effort = new Effort(1_000);
  checked(old, wanted, common(old, wanted, effort));
  expect(effort.isExceeded).toBe(true);
});
