/**
 * The pieces that two sequences have in common, in order: the base of a difference of two texts.
 *
 * No piece is junk, however often it occurs. The work is bounded by an `Effort`.
 */

import { type Block, type Effort, type Pieces, search } from "./search.js";

const LOOK_AHEAD = 8; // gaps after an unbalanced one, among which the balancing one is looked for

/** Return the blocks that both sequences have in common, in order, none of them next to another on both sides. */
export function common(old: readonly string[], wanted: readonly string[], effort: Effort): Block[] {
  const ids = new Map<string, number>();
  const number = (piece: string): number => {
    let id = ids.get(piece);
    if (id === undefined) {
      ids.set(piece, (id = ids.size));
    }
    return id;
  };
  const [a, b] = [Int32Array.from(old, number), Int32Array.from(wanted, number)];
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) {
    start += 1;
  }
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) {
    end += 1;
  }
  // A piece that the other side does not have is in no common subsequence: without those the search is short.
  const keptA = placesOf(a, b, start, end);
  const keptB = placesOf(b, a, start, end);
  const found: Block[] = [{ old: 0, wanted: 0, length: start }];
  for (const block of search(keptA.map((at) => a[at]!), keptB.map((at) => b[at]!), effort)) {
    for (let n = 0; n < block.length; n++) {
      found.push({ old: keptA[block.old + n]!, wanted: keptB[block.wanted + n]!, length: 1 });
    }
  }
  found.push({ old: a.length - end, wanted: b.length - end, length: end });
  return balanced(a, b, joined(found));
}

/** Return the places of the pieces of `of`, without its first `start` and last `end`, that `others` has there too. */
function placesOf(of: Pieces, others: Pieces, start: number, end: number): Int32Array {
  const known = new Set(others.subarray(start, others.length - end));
  const places: number[] = [];
  for (let at = start; at < of.length - end; at++) {
    if (known.has(of[at]!)) {
      places.push(at);
    }
  }
  return Int32Array.from(places);
}

/**
 * Return blocks of as many pieces, in which a piece that was replaced stays at its place among equal ones.
 *
 * Of four empty boxes the second is ticked: that is one replaced box, and not a ticked one before the second and none at
 * the end, though both are as short.
 */
function balanced(a: Pieces, b: Pieces, blocks: readonly Block[]): Block[] {
  const ends = [...blocks, { old: a.length, wanted: b.length, length: 0 }];
  const found: Block[] = [];
  let [i, j] = [0, 0]; // the end of the last block
  for (let at = 0; at < ends.length; at++) {
    let net = ends[at]!.old - i - (ends[at]!.wanted - j);
    let kept = 0;
    let until = at;
    while (net && until - at < LOOK_AHEAD && until + 1 < ends.length) {
      const [here, following] = [ends[until]!, ends[until + 1]!];
      kept += here.length;
      net += following.old - here.old - (following.wanted - here.wanted);
      until += 1;
    }
    if (until > at && !net) {
      const there = sameAtTheirPlace(a.subarray(i, ends[until]!.old), b.subarray(j), i, j);
      if (there.length >= kept) {
        there.forEach((block) => found.push(block)); // they are too many to be arguments
        at = until;
      }
    }
    const block = ends[at]!;
    found.push(block);
    [i, j] = [block.old + block.length, block.wanted + block.length];
  }
  return joined(found);
}

/** Return the pieces of a stretch at `i` that those of one at `j` are equal to, each to the one at its place. */
function sameAtTheirPlace(a: Pieces, b: Pieces, i: number, j: number): Block[] {
  const same: Block[] = [];
  for (let n = 0; n < a.length; n++) {
    if (a[n] === b[n]) {
      same.push({ old: i + n, wanted: j + n, length: 1 });
    }
  }
  return same;
}

/** Return the blocks with those next to each other on both sides as one, and without empty ones. */
function joined(blocks: readonly Block[]): Block[] {
  const found: Block[] = [];
  for (const block of blocks) {
    const last = found[found.length - 1];
    if (last && last.old + last.length === block.old && last.wanted + last.length === block.wanted) {
      found[found.length - 1] = { ...last, length: last.length + block.length };
    } else if (block.length) {
      found.push(block);
    }
  }
  return found;
}
