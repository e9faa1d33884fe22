/**
 * `transform` for two concurrent operations on one text, and `compose` for two operations in a row.
 *
 * The conflict rules of `transform` (docs/protocol.md#concurrent-edits), where `first` was committed first:
 *
 * - Inserts at one place: the second, committed last, keeps the left, so that what two people type at one place stays
 *   two whole words.
 * - Both delete: it is deleted once. One deletes, the other formats: it is deleted.
 * - Both format: the second wins, attribute by attribute.
 * - An insert inside of a range that the other deletes or formats stays as it is.
 */

import { applied, chained, without } from "./attributes.js";
import {
  type Component,
  cut,
  DoesNotFit,
  extend,
  format,
  insert,
  keep,
  type Operation,
  retain,
  size,
  type Span,
} from "./operations.js";

const DIFFERENT = "The two operations are for texts of different lengths; load the document again";
const NOT_AFTER = "The second operation is for another text than the first one makes; load the document again";

/**
 * Return [first', second'], so that `first` then `second'` equals `second` then `first'` (TP1).
 *
 * Both operations are for the same text.
 *
 * @throws DoesNotFit where they are for texts of different lengths.
 */
export function transform(first: Operation, second: Operation): [Operation, Operation] {
  const firsts: Component[] = [];
  const seconds: Component[] = [];
  let i = 0;
  let j = 0;
  let x = first[i];
  let y = second[j];
  let xLeft = lengthOf(x); // units of the span that the other side has not covered yet
  let yLeft = lengthOf(y);
  while (x || y) {
    if (y?.kind === "insert") {
      // before an insert of `first` at the same place: the second keeps the left
      keep(firsts, y.text.length);
      extend(seconds, y);
      y = second[++j];
      yLeft = lengthOf(y);
    } else if (x?.kind === "insert") {
      extend(firsts, x);
      keep(seconds, x.text.length);
      x = first[++i];
      xLeft = lengthOf(x);
    } else if (!x || !y) {
      throw new DoesNotFit(DIFFERENT);
    } else {
      const shared = Math.min(xLeft, yLeft);
      extend(firsts, remains(x, y, shared, true));
      extend(seconds, remains(y, x, shared, false));
      xLeft -= shared;
      yLeft -= shared;
      if (!xLeft) {
        x = first[++i];
        xLeft = lengthOf(x);
      }
      if (!yLeft) {
        y = second[++j];
        yLeft = lengthOf(y);
      }
    }
  }
  return [firsts, seconds];
}

/**
 * Return one operation with the effect of `first` and then `second`, which is for the text after `first`.
 *
 * @throws DoesNotFit where `second` is for a text of another length.
 */
export function compose(first: Operation, second: Operation): Operation {
  const built: Component[] = [];
  let i = 0;
  let j = 0;
  let x = first[i];
  let y = second[j];
  while (x || y) {
    if (x?.kind === "delete") {
      // of the text before both: `second` does not see these units
      extend(built, x);
      x = first[++i];
    } else if (y?.kind === "insert") {
      // into the text after both: `first` does not see these units
      extend(built, y);
      y = second[++j];
    } else if (!x || !y) {
      throw new DoesNotFit(NOT_AFTER);
    } else {
      const length = size(x);
      const shared = Math.min(length, y.length);
      extend(built, followed(cut(x, 0, shared), cut(y, 0, shared)));
      x = length === shared ? first[++i] : cut(x, shared, length);
      y = y.length === shared ? second[++j] : cut(y, shared, y.length);
    }
  }
  return built;
}

/**
 * Return one operation with the effect of all, each for the text after those before it; at least one.
 *
 * It composes neighbours in pairs, then the pairs: every component is walked over log n times.
 */
export function composed(operations: readonly Operation[]): Operation {
  let rows = [...operations];
  while (rows.length > 1) {
    const pairs: Operation[] = [];
    for (let at = 0; at < rows.length; at += 2) {
      const next = rows[at + 1];
      pairs.push(next ? compose(rows[at]!, next) : rows[at]!);
    }
    rows = pairs;
  }
  return rows[0]!;
}

/** Return the part of `span` that is left once `other` was applied; `overruled`: where both format, `other` wins. */
function remains(span: Span, other: Span, length: number, overruled: boolean): Span {
  if (other.kind === "delete") {
    return retain(0); // the units are gone: nothing is left to delete, format or retain
  }
  if (span.kind === "format") {
    const change =
      overruled && other.kind === "format" ? without(span.attributes, other.attributes) : span.attributes;
    return format(length, change);
  }
  return { kind: span.kind, length };
}

/** Return the component with the effect of `x` and then `y` on the same units. */
function followed(x: Exclude<Component, { kind: "delete" }>, y: Span): Component {
  if (y.kind === "retain") {
    return x;
  }
  if (y.kind === "delete") {
    return x.kind === "insert" ? retain(0) : y; // inserted and deleted again: no trace is left
  }
  if (x.kind === "insert") {
    return insert(x.text, applied(y.attributes, x.attributes));
  }
  return x.kind === "format" ? format(x.length, chained(x.attributes, y.attributes)) : y;
}

function lengthOf(component: Component | undefined): number {
  return component && component.kind !== "insert" ? component.length : 0;
}
