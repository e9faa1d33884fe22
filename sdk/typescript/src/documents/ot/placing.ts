/**
 * Another user's insert among the steps that restore the text in which it was made.
 *
 * The deleted text may come back in several inserts of one step (one for each formatting), and in several steps (one for
 * each keystroke that deleted it). The insert keeps its left neighbour of the deleted text: what restores that neighbour
 * and what stood before goes to its left, the rest to its right.
 */

import type { Landing } from "./landing.js";
import { after, type Component, format, insert, type Operation, operation as operationOf, remove, retain } from "./operations.js";
import { compose } from "./transform.js";

const MAX_DEPTH = 100; // steps that are looked at for the deleted text
const MAX_FOUND = 100; // places where it may be

/** Steps with another's insert in its place, the first to be undone first, and the insert behind all of them. */
export interface PlacedSteps {
  readonly steps: Operation[];
  readonly beneath: Operation;
}

/** A stretch of a step: one component that keeps its text, or adjacent inserts and deletes; its edges before and after. */
interface Block {
  readonly components: readonly Component[];
  readonly keeps: boolean;
  readonly before: Range;
  readonly after: Range;
}

type Range = readonly [first: number, last: number];
type Piece = readonly [place: number, text: string];
/** Finds begin, place of the insert and end of the deleted text within all restored text. */
type Search = (restored: string, within: Landing) => [begin: number, place: number, end: number][];

/**
 * Return the steps that restore the deleted text around an insert into it; undefined where they do not restore it.
 *
 * `steps`: those that would be undone, in this order, each on the text that the one before leaves; no more of them is
 * asked for than restore it. `change`: the insert, on the text before the first of them.
 */
export function placed(steps: Iterable<Operation>, change: Operation, within: Landing): PlacedSteps | undefined {
  const inserted = change.filter((one) => one.kind === "insert");
  if (!inserted.length || change.some((one) => one.kind !== "insert" && one.kind !== "retain")) {
    return undefined;
  }
  const first = change[0];
  const place = first?.kind === "retain" ? first.length : 0;
  const taken: Operation[] = [];
  const wholes: Operation[] = [];
  for (const step of steps) {
    const last = wholes[wholes.length - 1];
    const whole = last ? compose(last, step) : step;
    taken.push(step);
    wholes.push(whole);
    const target = targetOf(whole, step, place, within, stretches);
    if (target !== undefined) {
      return woven(taken, inserted, place, target);
    }
    if (taken.length === MAX_DEPTH) {
      break;
    }
  }
  // What was deleted before stands between it, where one step restores both.
  for (const [depth, whole] of wholes.entries()) {
    const target = targetOf(whole, taken[depth]!, place, within, scattered);
    if (target !== undefined) {
      return woven(taken.slice(0, depth + 1), inserted, place, target);
    }
  }
  return undefined;
}

function woven(steps: Operation[], inserted: Operation, place: number, target: number): PlacedSteps | undefined {
  const blocks = steps.map(blocksOf);
  // Backward: where before each step the insert may stand to come to the target.
  let [low, high] = [target, target];
  const ranges: Range[] = [[low, high]];
  for (const each of [...blocks].reverse()) {
    [low, high] = [rangeBefore(each, low)[0], rangeBefore(each, high)[1]];
    ranges.push([low, high]);
  }
  if (place < low || place > high) {
    return undefined;
  }
  // Forward: of the places that a step allows the one that leads there.
  const size = after(inserted);
  const found: Operation[] = [];
  let at = place;
  for (const [number, each] of blocks.entries()) {
    [low, high] = ranges[blocks.length - 1 - number]!;
    const [first, last] = rangeAfter(each, at);
    const to = Math.min(Math.max(low, first), last);
    if (to < low || to > high) {
      return undefined;
    }
    found.push(passed(each, at, to, size));
    at = to;
  }
  const rest = after(steps[steps.length - 1]!) - target;
  return { steps: found, beneath: operationOf(retain(target), ...inserted, retain(rest)) };
}

/** Return the blocks of a step. Around each that keeps text is one that changes it, maybe an empty one. */
function blocksOf(step: Operation): Block[] {
  const found: Block[] = [];
  let [before, then] = [0, 0];
  let begin: Range = [0, 0];
  let changing: Component[] = [];
  const close = (): void => {
    found.push({ components: changing, keeps: false, before: [begin[0], before], after: [begin[1], then] });
    changing = [];
  };
  for (const component of step) {
    if (component.kind === "insert" || component.kind === "delete") {
      changing.push(component);
      before += component.kind === "delete" ? component.length : 0;
      then += component.kind === "insert" ? component.text.length : 0;
      continue;
    }
    close();
    const ends: Range = [before + component.length, then + component.length];
    found.push({ components: [component], keeps: true, before: [before, ends[0]], after: [then, ends[1]] });
    [before, then] = ends;
    begin = ends;
  }
  close();
  return found;
}

/** Return the first and the last place before a step from which one comes to a place after it. */
function rangeBefore(blocks: readonly Block[], at: number): Range {
  for (const block of blocks) {
    const [first, last] = block.after;
    if (!block.keeps && first <= at && at <= last) {
      return block.before;
    }
    if (block.keeps && first < at && at < last) {
      const place = block.before[0] + at - first;
      return [place, place];
    }
  }
  throw new RangeError("the place is within the text");
}

/** Return the first and the last place after a step to which one comes from a place before it. */
function rangeAfter(blocks: readonly Block[], at: number): Range {
  return rangeBefore(blocks.map((block) => ({ ...block, before: block.after, after: block.before })), at);
}

/** Return a step past an insert of `size` units, which is at the place `at` before it and at `to` after it. */
function passed(blocks: readonly Block[], at: number, to: number, size: number): Operation {
  const components: Component[] = [];
  let isPassed = false;
  for (const { components: parts, keeps, before, after: then } of blocks) {
    const isHere = keeps
      ? before[0] < at && at < before[1]
      : before[0] <= at && at <= before[1] && then[0] <= to && to <= then[1];
    if (isPassed || !isHere) {
      components.push(...parts);
      continue;
    }
    isPassed = true;
    let [deleted, inserted] = [at - before[0], to - then[0]];
    const behind: Component[] = [];
    for (const part of parts) {
      const isInsert = part.kind === "insert";
      const length = isInsert ? part.text.length : part.length;
      const left = Math.min(length, Math.max(0, isInsert ? inserted : deleted));
      [deleted, inserted] = isInsert ? [deleted, inserted - length] : [deleted - length, inserted];
      components.push(partOf(part, 0, left));
      behind.push(partOf(part, left, length));
    }
    components.push(retain(size), ...behind);
  }
  return operationOf(...components);
}

function partOf(component: Component, start: number, end: number): Component {
  switch (component.kind) {
    case "insert":
      return insert(component.text.slice(start, end), component.attributes);
    case "format":
      return format(end - start, component.attributes);
    case "delete":
      return remove(end - start);
    case "retain":
      return retain(end - start);
  }
}

/**
 * Return the place of the insert in the text after all steps; undefined where they do not restore the deleted text.
 * `whole` is the composition of the steps, `last` the last one of them, which completes the deleted text.
 */
function targetOf(whole: Operation, last: Operation, place: number, within: Landing, search: Search): number | undefined {
  const blocks = blocksOf(whole);
  const [low, high] = rangeAfter(blocks, place);
  const ends = restoredBy(blocksOf(last));
  if (low === high || !ends.length) {
    return undefined;
  }
  const pieces = restoredBy(blocks);
  const [first, end] = [ends[0]![0], ends[ends.length - 1]![0] + ends[ends.length - 1]![1].length];
  let best: readonly [number, number, number] | undefined;
  for (const [begin, at, until] of search(pieces.map(([, text]) => text).join(""), within)) {
    const wanted = behind(pieces, at);
    // Of a text that is there twice it is the one where the insert stands, and that the last step completes.
    const far = distance(behind(pieces, begin + 1) - 1, first, end) + distance(behind(pieces, until), first, end);
    const here = [distance(wanted, low, high), far, wanted] as const;
    if (!best || here[0] < best[0] || (here[0] === best[0] && (far < best[1] || (far === best[1] && wanted < best[2])))) {
      best = here;
    }
  }
  return best && Math.min(Math.max(best[2], low), high);
}

/** Each stretch that is the deleted text. */
function stretches(restored: string, within: Landing): [number, number, number][] {
  const found: [number, number, number][] = [];
  for (let at = restored.indexOf(within.text); at >= 0 && found.length < MAX_FOUND; at = restored.indexOf(within.text, at + 1)) {
    found.push([at, at + within.offset, at + within.text.length]);
  }
  return found;
}

/** The deleted text, where other text may stand between its units. */
function scattered(restored: string, within: Landing): [number, number, number][] {
  let [begin, place, until] = [-1, 0, 0];
  for (let number = 0; number < within.text.length; number++) {
    const at = restored.indexOf(within.text[number]!, until);
    if (at < 0) {
      return [];
    }
    begin = begin < 0 ? at : begin;
    until = at + 1;
    place = number + 1 === within.offset ? until : place;
  }
  return [[begin, place, until]];
}

/** Return the texts that are inserted, each with its place in the outcome. */
function restoredBy(blocks: readonly Block[]): Piece[] {
  const pieces: Piece[] = [];
  for (const block of blocks) {
    let at = block.after[0];
    for (const component of block.keeps ? [] : block.components) {
      if (component.kind === "insert") {
        pieces.push([at, component.text]);
        at += component.text.length;
      }
    }
  }
  return pieces;
}

/** Return the place behind so many units of the restored texts. */
function behind(pieces: readonly Piece[], count: number): number {
  let left = count;
  for (const [start, text] of pieces) {
    if (left <= text.length) {
      return start + left;
    }
    left -= text.length;
  }
  throw new RangeError("no more units than the restored texts have");
}

function distance(place: number, low: number, high: number): number {
  return Math.max(low - place, place - high, 0);
}
