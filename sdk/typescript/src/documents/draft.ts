/** The edits of a transaction until its end. */
import type { Cursor } from "./ot/cursor.js";
import type { TextDocument } from "./ot/document.js";
import { admit } from "./ot/flat.js";
import { nothing, type Operation } from "./ot/operations.js";
import { composed } from "./ot/transform.js";

/** A transaction that is open: the text with its edits, and the cursor where it was moved. */
export class Draft {
  document: TextDocument;
  cursor: Cursor | undefined;
  private readonly operations: Operation[] = [];

  constructor(private readonly base: TextDocument) {
    this.document = base;
  }

  /** Apply an edit to the text. Throws without any change where it does not fit. */
  edit(operation: Operation): void {
    this.document = admit(operation, this.document);
    this.operations.push(operation);
  }

  /** All edits as one operation on the text before them. */
  get operation(): Operation {
    return composed([nothing(this.base.text.length), ...this.operations]);
  }
}

/** Call the body of a transaction. Throws TypeError where it goes on after its end. */
export function bodyOf<T>(body: () => T): T {
  const result = body();
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new TypeError("A transaction has no await; collect what it needs before, and edit in a plain function");
  }
  return result;
}
