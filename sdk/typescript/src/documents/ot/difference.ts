/**
 * The difference of two documents as an operation, where the operations between them are not known.
 *
 * It keeps whole words, so that an edit elsewhere in the text and a caret keep their place. The work is bounded; beyond
 * the bound the difference is coarser, and right.
 */

import { apply, reformatted, splitsPair, type TextDocument } from "./document.js";
import { type Component, extend, insert, keep, type Operation, remove } from "./operations.js";
import { compose } from "./transform.js";

const MAX_EDITS = 400; // words inserted and deleted, up to which a difference is looked for word by word
const PIECE = /\r\n|[\p{L}\p{M}\p{N}_\u200c\u200d]+|\p{Extended_Pictographic}[\p{M}\p{Emoji_Modifier}\u200d]*|\s\p{M}*|[^]\p{M}*/gu;

/** Return an operation that turns `old` into `wanted`. */
export function difference(old: TextDocument, wanted: TextDocument): Operation {
  const reworded = textDifference(old.text, wanted.text);
  return compose(reworded, reformatted(apply(reworded, old), wanted));
}

/** Return an operation that turns the text `old` into `wanted`. */
export function textDifference(old: string, wanted: string): Operation {
  const prefix = commonStart(old, wanted);
  const suffix = commonEnd(old, wanted, prefix);
  const olds = old.slice(prefix, old.length - suffix).match(PIECE) ?? [];
  const news = wanted.slice(prefix, wanted.length - suffix).match(PIECE) ?? [];
  const built: Component[] = [];
  keep(built, prefix);
  for (const [kind, text] of script(olds, news)) {
    if (kind === 0) {
      keep(built, text.length);
    } else {
      extend(built, kind > 0 ? insert(text) : remove(text.length));
    }
  }
  keep(built, suffix);
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

type Row = readonly [kind: -1 | 0 | 1, text: string];

/** Return the steps from one list of words to another: Myers' greedy algorithm ("An O(ND) Difference Algorithm", 1986). */
function script(olds: readonly string[], news: readonly string[]): Row[] {
  const whole: Row[] = [
    [1, news.join("")],
    [-1, olds.join("")],
  ];
  if (!olds.length || !news.length) {
    return whole;
  }
  const most = Math.min(olds.length + news.length, MAX_EDITS);
  let reached = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= most; d++) {
    trace.push(new Map(reached));
    for (let k = -d; k <= d; k += 2) {
      const below = reached.get(k - 1) ?? -1;
      const above = reached.get(k + 1) ?? -1;
      let x = k === -d || (k !== d && below < above) ? above : below + 1;
      while (x < olds.length && x - k < news.length && olds[x] === news[x - k]) {
        x += 1;
      }
      reached.set(k, x);
      if (x >= olds.length && x - k >= news.length) {
        return walked(trace, olds, news);
      }
    }
    reached = new Map(reached);
  }
  return whole;
}

function walked(trace: readonly Map<number, number>[], olds: readonly string[], news: readonly string[]): Row[] {
  const rows: Row[] = [];
  let x = olds.length;
  let y = news.length;
  for (let d = trace.length - 1; d >= 0; d--) {
    const reached = trace[d]!;
    const k = x - y;
    const below = reached.get(k - 1) ?? -1;
    const above = reached.get(k + 1) ?? -1;
    const from = k === -d || (k !== d && below < above) ? k + 1 : k - 1;
    const x0 = reached.get(from) ?? 0;
    const y0 = x0 - from;
    while (x > x0 && y > y0 && x > 0 && y > 0) {
      rows.push([0, olds[--x]!]);
      y -= 1;
    }
    if (d > 0) {
      if (x === x0) {
        rows.push([1, news[--y]!]);
      } else {
        rows.push([-1, olds[--x]!]);
      }
    }
  }
  return rows.reverse();
}

function commonStart(old: string, wanted: string): number {
  const most = Math.min(old.length, wanted.length);
  let at = 0;
  while (at < most && old.charCodeAt(at) === wanted.charCodeAt(at)) {
    at += 1;
  }
  if (at === old.length && at === wanted.length) {
    return at;
  }
  // back to the edge of a word, so that no word is cut
  while (at > 0 && !isSpace(old.charCodeAt(at - 1))) {
    at -= 1;
  }
  return at;
}

function commonEnd(old: string, wanted: string, prefix: number): number {
  const most = Math.min(old.length, wanted.length) - prefix;
  let count = 0;
  while (count < most && old.charCodeAt(old.length - 1 - count) === wanted.charCodeAt(wanted.length - 1 - count)) {
    count += 1;
  }
  while (count > 0 && !isSpace(old.charCodeAt(old.length - count))) {
    count -= 1;
  }
  return count;
}

function isSpace(unit: number): boolean {
  return unit === 32 || unit === 10;
}
