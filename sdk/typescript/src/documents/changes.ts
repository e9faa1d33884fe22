/** Changes of a shared document, as its user gets them. Positions and lengths count UTF-16 code units. */
import { RealtimeError } from "../errors.js";
import { checkedAttributes } from "./arguments.js";
import { inserted } from "./edits.js";
import { PLAIN } from "./ot/attributes.js";
import { type FlatOperation, type Step, written } from "./ot/flat.js";
import { format, insert, type Operation, remove } from "./ot/operations.js";

/**
 * The cause of a change. `local`, `undo`, `redo`: an edit of this document's user; `remote`: an edit of another user or
 * client; `reload`: the text was loaded; `refused`: an edit that the server refused was removed from the text.
 */
export type Origin = "local" | "undo" | "redo" | "remote" | "reload" | "refused";

/** One edit: `content` of an insert, `length` of a delete or format, `attributes` of an insert or format. */
export type Edit = FlatOperation;

/** Edits to apply one after the other, each to the text that the one before produced. */
export interface Change {
  readonly origin: Origin;
  readonly edits: readonly Edit[];
  /** The same as one operation, for bindings of editors. */
  readonly operation: Operation;
  /** The last version of the server that the text includes. */
  readonly version: number;
  /** The author of a `remote` change. */
  readonly userId?: string | undefined;
  readonly userName?: string | undefined;
}

/**
 * The status of an open document, the gravest that applies.
 *
 * `live`: every local edit is confirmed. `saving`: local edits are on their way. `throttled`: they wait for the user's
 * rate limit. `refused`: the server refused the last edit; it was removed, or is kept and offered again every 15 s.
 * `read-only`: the document takes no edits now. `stale`: the text may lack edits of others.
 */
export type DocumentStatus = "live" | "saving" | "throttled" | "refused" | "read-only" | "stale";

/** A store that was restored from a backup. `was` is the text as the server had it, `local` with edits not confirmed. */
export class DocumentRestored extends RealtimeError {
  override readonly name: string = "DocumentRestored";
  constructor(
    readonly channel: string,
    readonly was: string,
    readonly local: string,
  ) {
    super(`${channel} was restored from a backup; compare its text with error.local, and put back what is missing`);
  }
}

/** Return the change that an operation is. */
export function changeOf(
  origin: Origin,
  operation: Operation,
  version: number,
  userId?: string,
  userName?: string,
): Change {
  return { origin, edits: written(operation), operation, version, userId, userName };
}

/** Return edits as steps, one after the other. */
export function stepsOf(edits: Iterable<Edit>): Step[] {
  return [...edits].map((edit): Step => {
    switch (edit.operation_type) {
      case "insert":
        return [edit.position, insert(edit.content ?? "", inserted({ attributes: edit.attributes ?? PLAIN }))];
      case "delete":
        return [edit.position, remove(edit.length ?? 0)];
      case "format":
        return [edit.position, format(edit.length ?? 0, checkedAttributes(edit.attributes ?? PLAIN))];
    }
  });
}
