/**
 * Stretches of a text that something is said about, moved along with the text; as `ot/places/anchors.py` has them.
 *
 * An anchor does not grow by text that is inserted at its edges. Where all of its text is deleted it is orphaned, at the
 * place where the text was. It returns when its text comes back at that place, as by an undo.
 */
import { transformCursor } from "./cursor.js";
import type { Operation } from "./operations.js";

const LEAST_UNITS = 3; // of a text that is found within a longer insert; a shorter one must be the whole insert

/** A stretch of a text; empty for a place. `orphaned`: its text is gone, both ends are where it was. */
export interface TextAnchor {
  readonly start: number;
  readonly end: number;
  readonly orphaned: boolean;
}

/** Return the anchor after an operation. `quote`: the text by which an orphaned one is found again. Throws DoesNotFit. */
export function movedAnchor(anchor: TextAnchor, operation: Operation, quote: string): TextAnchor {
  const length = anchor.end - anchor.start;
  const { position: start, selectionLength: left } = transformCursor(
    { position: anchor.start, selectionLength: length },
    operation,
  );
  const isLost = anchor.orphaned || (length ? !left : buries(operation, anchor.start));
  if (!isLost) {
    return { start, end: start + left, orphaned: false };
  }
  const found = quote ? foundAgain(operation, start, quote) : -1;
  return found < 0 ? { start, end: start, orphaned: true } : { start: found, end: found + quote.length, orphaned: false };
}

/** Return whether the text on both sides of a position is deleted by one stretch. */
function buries(operation: Operation, position: number): boolean {
  let at = 0;
  for (const component of operation) {
    if (at >= position) {
      return false;
    }
    if (component.kind !== "insert") {
      if (component.kind === "delete" && position < at + component.length) {
        return true;
      }
      at += component.length;
    }
  }
  return false;
}

/** Return the place of `quote` in text that an operation inserts at `position` of its outcome; -1: none. */
function foundAgain(operation: Operation, position: number, quote: string): number {
  let after = 0; // the end, in the outcome, of what was passed
  let text = ""; // that is inserted there; differently formatted stretches are inserts of their own
  for (const component of operation) {
    if (component.kind === "insert") {
      text += component.text;
    } else if (component.kind !== "delete") {
      if (after + text.length >= position) {
        break;
      }
      after += text.length + component.length;
      text = "";
    }
    if (after > position) {
      return -1;
    }
  }
  const at = text === quote || quote.length >= LEAST_UNITS ? text.indexOf(quote) : -1;
  return at < 0 || after + text.length < position ? -1 : after + at;
}
