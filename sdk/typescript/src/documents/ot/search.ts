/**
 * The search for the longest common subsequence of two sequences of numbers, with a bound on the work.
 *
 * Myers, "An O(ND) Difference Algorithm and Its Variations" (Algorithmica 1986), in its linear space: the cost grows with
 * the number of differences, not with the length. Where an `Effort` is used up, pieces that occur once on both sides
 * divide the rest (patience), and a rest without any counts as different: coarser, and right.
 */

const MIN_EFFORT = 64; // steps; with less left, nothing more is searched
const MAX_ANCHORED = 8; // divisions by unique pieces of the same stretch: each one reads all of it

/** The steps that a search may still take; a step is a comparison of two pieces. */
export class Effort {
  /** True where a part of the difference is coarser than it could be. */
  isExceeded = false;

  constructor(public left: number) {}
}

/** `length` pieces that are the same from `old` in the old sequence and from `wanted` in the new one. */
export interface Block {
  readonly old: number;
  readonly wanted: number;
  readonly length: number;
}

/** The pieces from `i` to `iEnd` of the old sequence, against those from `j` to `jEnd` of the new one. */
interface Box {
  readonly i: number;
  readonly iEnd: number;
  readonly j: number;
  readonly jEnd: number;
  /** How often pieces that occur once have divided what the box is a part of. */
  readonly anchored: number;
}

export type Pieces = Int32Array;

/** Return the common blocks of two sequences of numbers, in order. */
export function search(a: Pieces, b: Pieces, effort: Effort): Block[] {
  const found: Block[] = [];
  const waiting: Box[] = [{ i: 0, iEnd: a.length, j: 0, jEnd: b.length, anchored: 0 }];
  for (let box = waiting.pop(); box; box = waiting.pop()) {
    let { i, iEnd, j, jEnd } = box;
    while (i < iEnd && j < jEnd && a[i] === b[j]) {
      i += 1;
      j += 1;
    }
    if (i > box.i) {
      found.push({ old: box.i, wanted: box.j, length: i - box.i });
    }
    while (i < iEnd && j < jEnd && a[iEnd - 1] === b[jEnd - 1]) {
      iEnd -= 1;
      jEnd -= 1;
    }
    if (iEnd < box.iEnd) {
      waiting.push({ ...box, i: iEnd, j: jEnd });
    }
    if (i < iEnd && j < jEnd) {
      const parts = divided(a, b, { ...box, i, iEnd, j, jEnd }, effort);
      for (let at = parts.length - 1; at >= 0; at--) {
        waiting.push(parts[at]!);
      }
    }
  }
  return found;
}

/** Return the smaller boxes, in order, that the common subsequence of a box goes through. */
function divided(a: Pieces, b: Pieces, box: Box, effort: Effort): Box[] {
  const { i, iEnd, j, jEnd } = box;
  const { x, y, isComplete } = halved(a.subarray(i, iEnd), b.subarray(j, jEnd), effort);
  if (!isComplete) {
    effort.isExceeded = true;
    const anchored = box.anchored + 1;
    const found = anchored > MAX_ANCHORED ? [] : anchors(a, b, box);
    if (found.length) {
      const parts: Box[] = [];
      let [atA, atB] = [i, j];
      for (const [placeA, placeB] of found) {
        parts.push({ i: atA, iEnd: placeA, j: atB, jEnd: placeB, anchored });
        parts.push({ i: placeA, iEnd: placeA + 1, j: placeB, jEnd: placeB + 1, anchored });
        [atA, atB] = [placeA + 1, placeB + 1];
      }
      parts.push({ i: atA, iEnd, j: atB, jEnd, anchored });
      return parts;
    }
  }
  if ((x === 0 && y === 0) || (x === iEnd - i && y === jEnd - j)) {
    return [];
  }
  return [
    { ...box, iEnd: i + x, jEnd: j + y },
    { ...box, i: i + x, j: j + y },
  ];
}

/**
 * Return a place that a shortest difference goes through, found from both ends at once.
 *
 * It is not complete where half of the effort that is left does not suffice: then it is the farthest place from the beginning.
 */
function halved(a: Pieces, b: Pieces, effort: Effort): { x: number; y: number; isComplete: boolean } {
  const allowed = Math.floor(effort.left / 2);
  if (allowed < MIN_EFFORT) {
    return { x: 0, y: 0, isComplete: false };
  }
  const [n, m] = [a.length, b.length];
  const reach = Math.min(Math.ceil((n + m) / 2), Math.floor(Math.sqrt(2 * allowed)) + 1); // the effort suffices for no farther diagonal
  const forward = new Front((x, y) => a[x] === b[y], n, m, reach, allowed);
  const backward = new Front((x, y) => a[n - 1 - x] === b[m - 1 - y], n, m, reach, allowed);
  const isOdd = (n - m) % 2 !== 0;
  let met: readonly [number, number] | undefined;
  for (let d = 0; d <= reach && !met && forward.steps + backward.steps <= allowed; d++) {
    met = forward.advance(d, isOdd ? backward : undefined);
    if (!met) {
      const back = backward.advance(d, isOdd ? undefined : forward);
      met = back && [n - back[0], m - back[1]];
    }
  }
  effort.left -= forward.steps + backward.steps;
  const [x, y] = met ?? forward.far;
  return { x, y, isComplete: met !== undefined };
}

/** The farthest places that d differences reach from the beginning, one on each diagonal x - y. */
class Front {
  far: readonly [number, number] = [0, 0];
  steps = 0;
  private readonly places: Int32Array;
  private readonly offset: number;
  private low = 0; // diagonals that left the box, on either side
  private high = 0;

  constructor(
    private readonly isSame: (x: number, y: number) => boolean,
    private readonly n: number,
    private readonly m: number,
    reach: number,
    private readonly allowed: number,
  ) {
    this.offset = reach + 1;
    this.places = new Int32Array(2 * reach + 4).fill(-1);
    this.places[this.offset + 1] = 0;
  }

  /** Go on by one difference; return the place where it meets `other`, which comes from the end. */
  advance(d: number, other: Front | undefined): readonly [number, number] | undefined {
    const { n, m, places, offset } = this;
    for (let k = -d + this.low; k <= d - this.high; k += 2) {
      const [left, right] = [places[offset + k - 1]!, places[offset + k + 1]!];
      let x = k === -d || (k !== d && left < right) ? right : left + 1;
      const begin = x;
      while (x < n && x - k < m && this.isSame(x, x - k)) {
        x += 1;
      }
      places[offset + k] = x;
      this.steps += 1 + x - begin;
      const y = x - k;
      if (x > n) {
        this.high += 2;
      } else if (y > m) {
        this.low += 2;
      } else if (other?.reaches(n - m - k, n - x)) {
        return [x, y];
      } else if (x + y > this.far[0] + this.far[1]) {
        this.far = [x, y];
      }
      if (this.steps > this.allowed) {
        return undefined;
      }
    }
    return undefined;
  }

  /** Return whether the front is at `x` or farther, on a diagonal as this front counts them. */
  private reaches(diagonal: number, x: number): boolean {
    return (this.places[this.offset + diagonal] ?? -1) >= Math.max(x, 0);
  }
}

/** Return the longest rising sequence of the pieces that occur once on either side of a box. */
function anchors(a: Pieces, b: Pieces, { i, iEnd, j, jEnd }: Box): [number, number][] {
  const inA = onlyPlaces(a, i, iEnd);
  const inB = onlyPlaces(b, j, jEnd);
  const pairs: [number, number][] = [];
  for (const [piece, at] of inA) {
    const other = inB.get(piece) ?? -1;
    if (at >= 0 && other >= 0) {
      pairs.push([at, other]);
    }
  }
  pairs.sort(([one], [other]) => one - other);
  // The last pair of a rising sequence of each length, with the smallest end, and the pair before each pair in its own.
  const last: number[] = [];
  const before = pairs.map(([, at], index) => {
    let [low, high] = [0, last.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pairs[last[middle]!]![1] < at) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    last[low] = index;
    return last[low - 1];
  });
  const rising: [number, number][] = [];
  for (let index = last.at(-1); index !== undefined; index = before[index]) {
    rising.push(pairs[index]!);
  }
  return rising.reverse();
}

/** Return the place of each piece between two places; -1 for a piece that occurs more than once. */
function onlyPlaces(pieces: Pieces, start: number, end: number): Map<number, number> {
  const places = new Map<number, number>();
  for (let at = start; at < end; at++) {
    places.set(pieces[at]!, places.has(pieces[at]!) ? -1 : at);
  }
  return places;
}
