/**
 * The difference of two documents as an operation, where the operations between them are not known.
 *
 * It changes only what changed: line by line, in lines that differ word by word, and in words that differ character by
 * character. So an edit elsewhere in the text, a caret and the formatting of text that stays keep their place. The work is
 * bounded (`Effort`); beyond the bound a difference is coarser, and right.
 */

import { apply, reformatted, splitsPair, type TextDocument } from "./document.js";
import { common } from "./matching.js";
import { type Component, extend, insert, keep, type Operation, remove } from "./operations.js";
import { type Block, Effort } from "./search.js";
import { beginsWithMark, cut, isBlank, type Level } from "./tokens.js";
import { compose } from "./transform.js";

const EFFORT = 1_000_000; // steps of one difference, at most: some tens of milliseconds, beside the time to cut the texts
const FINER: Partial<Record<Level, Level>> = { line: "word", word: "character" };
const MAX_WORDS = 8; // of a change, on either side, that is looked at character by character
const LONG_LINE = 4_096; // units; a longer line is compared from a space on, not from its beginning

/** The stretch from `old` to `oldEnd` of one sequence is replaced by that from `wanted` to `wantedEnd` of another. */
interface Change {
  readonly old: number;
  readonly oldEnd: number;
  readonly wanted: number;
  readonly wantedEnd: number;
}

/** Return an operation that turns `old` into `wanted`. */
export function difference(old: TextDocument, wanted: TextDocument, effort?: Effort): Operation {
  const reworded = textDifference(old.text, wanted.text, effort);
  return compose(reworded, reformatted(apply(reworded, old), wanted));
}

/** Return an operation that turns the text `old` into `wanted`. */
export function textDifference(old: string, wanted: string, effort = new Effort(EFFORT)): Operation {
  const [prefix, suffix] = unchanged(old, wanted);
  const [before, after] = [old.slice(prefix, old.length - suffix), wanted.slice(prefix, wanted.length - suffix)];
  const built: Component[] = [];
  keep(built, prefix);
  let at = 0;
  for (const change of changesOf(before, after, "line", effort)) {
    keep(built, change.old - at);
    extend(built, insert(after.slice(change.wanted, change.wantedEnd)));
    extend(built, remove(change.oldEnd - change.old));
    at = change.oldEnd;
  }
  keep(built, before.length - at + suffix);
  return built;
}

/** Return the one replacement that turns `old` into `wanted`, nearest to `caret`, the end of what was typed. */
export function replacement(old: string, wanted: string, caret = wanted.length): [at: number, deleted: number, text: string] {
  // Of "aa" typed behind "a" the common beginning alone cannot tell which one is new; the caret can.
  const tail = Math.max(wanted.length - caret, 0);
  let suffix = 0;
  while (suffix < tail && suffix < old.length && old[old.length - 1 - suffix] === wanted[wanted.length - 1 - suffix]) {
    suffix += 1;
  }
  let prefix = 0;
  const most = Math.min(old.length, wanted.length) - suffix;
  while (prefix < most && old[prefix] === wanted[prefix]) {
    prefix += 1;
  }
  while (suffix < Math.min(old.length, wanted.length) - prefix && old[old.length - 1 - suffix] === wanted[wanted.length - 1 - suffix]) {
    suffix += 1;
  }
  prefix -= Number(splitsPair(old, prefix) || splitsPair(wanted, prefix));
  if (splitsPair(old, old.length - suffix) || splitsPair(wanted, wanted.length - suffix)) {
    suffix -= 1;
  }
  return [prefix, old.length - prefix - suffix, wanted.slice(prefix, wanted.length - suffix)];
}

/** Return what differs between two texts, as coarse as `level` and finer where that is worth it. */
function changesOf(old: string, wanted: string, level: Level, effort: Effort): Change[] {
  if (!old || !wanted) {
    return old === wanted ? [] : [{ old: 0, oldEnd: old.length, wanted: 0, wantedEnd: wanted.length }];
  }
  const [olds, news] = [cut(old, level), cut(wanted, level)];
  let gaps = gapsOf(common(olds, news, effort), olds.length, news.length);
  if (level === "line") {
    gaps = gaps.flatMap((gap) => paired(olds, news, gap));
  }
  const [atOld, atNew] = [starts(olds), starts(news)];
  let found = gaps.map((gap): Change => ({
    old: atOld[gap.old]!,
    oldEnd: atOld[gap.oldEnd]!,
    wanted: atNew[gap.wanted]!,
    wantedEnd: atNew[gap.wantedEnd]!,
  }));
  if (level === "word") {
    found = merged(found, (left, right) => replaces(left) && replaces(right) && isBlank(old.slice(left.oldEnd, right.old)));
  } else if (level === "character") {
    found = merged(found, (left, right) => right.old - left.oldEnd <= Math.min(sizeOf(left), sizeOf(right)));
  }
  return found.flatMap((change) => {
    const [before, after] = [old.slice(change.old, change.oldEnd), wanted.slice(change.wanted, change.wantedEnd)];
    const finer = FINER[level];
    if (!replaces(change) || !finer || (finer === "character" && (isLong(before) || isLong(after)))) {
      return [change];
    }
    return changesOf(before, after, finer, effort).map((inner): Change => ({
      old: change.old + inner.old,
      oldEnd: change.old + inner.oldEnd,
      wanted: change.wanted + inner.wanted,
      wantedEnd: change.wanted + inner.wantedEnd,
    }));
  });
}

/** Return what is between the blocks of two sequences of these lengths. */
function gapsOf(blocks: readonly Block[], olds: number, news: number): Change[] {
  const gaps: Change[] = [];
  let [old, wanted] = [0, 0];
  for (const block of [...blocks, { old: olds, wanted: news, length: 0 }]) {
    if (old < block.old || wanted < block.wanted) {
      gaps.push({ old, oldEnd: block.old, wanted, wantedEnd: block.wanted });
    }
    [old, wanted] = [block.old + block.length, block.wanted + block.length];
  }
  return gaps;
}

/** Return the changes of lines that replace as many: each line by its own, where half of them are alike. */
function paired(olds: readonly string[], news: readonly string[], gap: Change): Change[] {
  const count = gap.oldEnd - gap.old;
  if (count !== gap.wantedEnd - gap.wanted || count < 2) {
    return [gap];
  }
  const alike = Array.from({ length: count }, (_, n) => isAlike(olds[gap.old + n]!, news[gap.wanted + n]!));
  if (2 * alike.filter(Boolean).length < count) {
    return [gap];
  }
  const found: Change[] = [];
  for (let at = 0, end = 0; at < count; at = end) {
    end = at + 1;
    while (!alike[at] && end < count && !alike[end]) {
      end += 1;
    }
    found.push({ old: gap.old + at, oldEnd: gap.old + end, wanted: gap.wanted + at, wantedEnd: gap.wanted + end });
  }
  return found;
}

function isAlike(old: string, wanted: string): boolean {
  const prefix = commonStart(old, wanted);
  return 2 * (prefix + commonEnd(old, wanted, prefix)) >= Math.min(old.length, wanted.length);
}

/** Return the changes, with two neighbours as one where what is kept between them is not worth it. */
function merged(changes: readonly Change[], isMerged: (left: Change, right: Change) => boolean): Change[] {
  const found: Change[] = [];
  for (let change of changes) {
    for (let left = found[found.length - 1]; left && isMerged(left, change); left = found[found.length - 1]) {
      change = { ...change, old: left.old, wanted: left.wanted };
      found.pop();
    }
    found.push(change);
  }
  return found;
}

function replaces(change: Change): boolean {
  return change.old < change.oldEnd && change.wanted < change.wantedEnd;
}

function sizeOf(change: Change): number {
  return Math.max(change.oldEnd - change.old, change.wantedEnd - change.wanted);
}

function isLong(text: string): boolean {
  return cut(text, "word").length > MAX_WORDS;
}

/** Return the place of each piece in their text, and the end. */
function starts(pieces: readonly string[]): number[] {
  const places = [0];
  let at = 0;
  for (const piece of pieces) {
    places.push((at += piece.length));
  }
  return places;
}

/** Return the lengths of a common beginning and a common end whose edges are edges of pieces in both texts. */
function unchanged(old: string, wanted: string): [prefix: number, suffix: number] {
  const prefix = commonStart(old, wanted);
  if (prefix === old.length && prefix === wanted.length) {
    return [prefix, 0];
  }
  const end = old.length - commonEnd(old, wanted, prefix);
  let start = prefix ? old.lastIndexOf("\n", prefix - 1) + 1 : 0;
  if (prefix - start > LONG_LINE) {
    start = edgeBetween(old, old.lastIndexOf(" ", prefix - 2) + 1, start, prefix) ?? start;
  }
  let after = old.indexOf("\n", end) + 1 || old.length;
  if (after - end > LONG_LINE) {
    after = edgeBetween(old, old.indexOf(" ", end) + 1, end, after) ?? after;
  }
  return [start, old.length - after];
}

/** Return `at`, behind a space, where it is the edge of a word between `start` and `end`. */
function edgeBetween(text: string, at: number, start: number, end: number): number | undefined {
  return at > start && at < end && text.charCodeAt(at) < 0xd800 && !beginsWithMark(text[at]!) ? at : undefined;
}

/** Return the length of the common beginning, in whole characters. */
function commonStart(old: string, wanted: string): number {
  const most = Math.min(old.length, wanted.length);
  let at = 0;
  while (at < most && old.charCodeAt(at) === wanted.charCodeAt(at)) {
    at += 1;
  }
  return at - Number(splitsPair(old, at) || splitsPair(wanted, at));
}

/** Return the length of the common end behind `prefix`, in whole characters. */
function commonEnd(old: string, wanted: string, prefix: number): number {
  const most = Math.min(old.length, wanted.length) - prefix;
  let count = 0;
  while (count < most && old.charCodeAt(old.length - 1 - count) === wanted.charCodeAt(wanted.length - 1 - count)) {
    count += 1;
  }
  return count - Number(splitsPair(old, old.length - count) || splitsPair(wanted, wanted.length - count));
}
