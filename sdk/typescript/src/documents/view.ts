/**
 * An editor's view of a document, which may be behind it: while a word is composed (Arabic, dead keys, Chinese), the
 * view must not be touched, and what others write meanwhile waits.
 */
import { type Cursor, transformCursor } from "./ot/cursor.js";
import { after, changes, type Component, insert, normal, nothing, type Operation, remove, retain } from "./ot/operations.js";
import { compose, transform } from "./ot/transform.js";

/** What the view shows is a text of `length` units; `behind` is the operation from there to the document's text. */
export class LaggingView {
  behind: Operation;

  constructor(length: number) {
    this.behind = nothing(length);
  }

  /** Note a change of the document that the view does not show yet. */
  changed(operation: Operation): void {
    this.behind = compose(this.behind, operation);
  }

  /** Take an edit that the user made in the view; return it as an edit of the document. */
  typed(edit: Operation): Operation {
    // The edit is the later of the two: what is typed keeps its place, left of what others wrote there.
    const [behind, moved] = transform(this.behind, edit);
    this.behind = behind;
    return moved;
  }

  /** Return the operation that brings the view up to the document; it is then shown. */
  show(): Operation {
    const { behind } = this;
    this.behind = nothing(after(behind));
    return behind;
  }

  /** True where the view does not show the document's text. */
  get isBehind(): boolean {
    return changes(this.behind);
  }

  /** Return a place in the view as a place in the document. */
  inDocument(cursor: Cursor): Cursor {
    return transformCursor(cursor, this.behind);
  }

  /** Return a place in the document as a place in the view. */
  inView(cursor: Cursor): Cursor {
    return this.isBehind ? transformCursor(cursor, inverse(this.behind)) : cursor;
  }

  /** Give up what is behind: the view is set to a text of `length` units. */
  reset(length: number): void {
    this.behind = nothing(length);
  }
}

/** Return the inverse of an operation for places alone: of text that it deletes only the length is known. */
function inverse(operation: Operation): Operation {
  return normal(
    operation.map((one): Component => {
      switch (one.kind) {
        case "insert":
          return remove(one.text.length);
        case "delete":
          return insert(" ".repeat(one.length));
        default:
          return retain(one.length);
      }
    }),
  );
}

/** Return the operation that replaces `deleted` units at `position` of a text of `length` units. */
export function replaced(length: number, position: number, deleted: number, text: string): Operation {
  const components: Component[] = [retain(position), insert(text), remove(deleted), retain(length - position - deleted)];
  return normal(components);
}

const PAUSE_MS = 1_000;

/** Decides which edits in a view are undone together: letters typed one after the other, without a pause. */
export class TypingRuns {
  private last: { readonly at: number; readonly end: number; readonly kind: string } | undefined;

  /** Return whether an edit goes on with the one before; `when`: milliseconds. */
  joins(position: number, deleted: number, text: string, when: number): boolean {
    const kind = text && deleted ? "replace" : text ? "insert" : "delete";
    const { last } = this;
    const goesOn = kind === "insert" ? last?.end === position : last?.end === position + deleted || last?.end === position;
    const joins =
      last !== undefined && kind !== "replace" && last.kind === kind && goesOn && when - last.at < PAUSE_MS && !text.includes("\n");
    this.last = { at: when, end: position + text.length, kind: kind === "replace" ? "insert" : kind };
    return joins;
  }

  /** End the run: the next edit is a step of its own. */
  end(): void {
    this.last = undefined;
  }
}
