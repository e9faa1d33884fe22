/**
 * The place of a caret or a selection after an operation.
 *
 * A caret stays before text that another user inserts exactly at it, so that the next letter of its owner joins the
 * last one; it moves behind text that its owner inserts. A selection does not grow by text that another user inserts at
 * its edges. Where the text around a position is deleted, the position is that of the deleted text.
 */

import { DoesNotFit, type Operation } from "./operations.js";

/** A caret, or, with a length, a selection, in UTF-16 code units. */
export interface Cursor {
  readonly position: number;
  readonly selectionLength: number;
}

/** Return whether two cursors are at one place. */
export function sameCursor(one: Cursor, other: Cursor): boolean {
  return one.position === other.position && one.selectionLength === other.selectionLength;
}

/**
 * Return `position` after `operation`; `own`: it moves behind text inserted exactly at it.
 *
 * @throws DoesNotFit for a position beyond the text.
 */
export function transformPosition(position: number, operation: Operation, own = false): number {
  let at = 0;
  let moved = position;
  for (const component of operation) {
    if (at > position) {
      return moved;
    }
    if (component.kind === "insert") {
      if (at < position || own) {
        moved += component.text.length;
      }
    } else {
      if (component.kind === "delete") {
        moved -= Math.min(component.length, position - at);
      }
      at += component.length;
    }
  }
  if (position > at) {
    throw new DoesNotFit(`The text has ${at} units, the position is ${position}; send one within the text`);
  }
  return moved;
}

/** Return a cursor after `operation`; `own`: its author is the owner of the selection. */
export function transformCursor(cursor: Cursor, operation: Operation, own = false): Cursor {
  if (!cursor.selectionLength) {
    return { position: transformPosition(cursor.position, operation, own), selectionLength: 0 };
  }
  // The start always moves behind an insert exactly at it: text inserted before a selection stays outside of it.
  const start = transformPosition(cursor.position, operation, true);
  const end = transformPosition(cursor.position + cursor.selectionLength, operation, own);
  return { position: start, selectionLength: end - start };
}
