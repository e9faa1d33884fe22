/**
 * The place of an insert inside of text that another user deletes at the same time.
 *
 * The insert stays where the deleted text was. Where the delete is undone, the restored text goes on both sides of it:
 * the client finds the place by itself where the insert was committed first, and the service tells it where the delete
 * was (`remote_operation.payload.within`).
 */

import type { Operation } from "./operations.js";

const MAX_DELETIONS = 64; // of one author in one document; an insert that is later by more is told of no place
const MAX_UNITS = 65_536; // of one deletion

/** The place of another user's insert in text that the author deleted: `offset` units behind its beginning. */
export interface Landing {
  readonly text: string;
  readonly offset: number;
}

/** Return the place of a committed insert inside of text that the unconfirmed operation deletes; both are for `text`. */
export function landing(committed: Operation, unconfirmed: Operation, text: string): Landing | undefined {
  const first = committed[0];
  const place = first?.kind === "retain" ? first.length : 0;
  let at = 0;
  for (const component of unconfirmed) {
    if (component.kind === "insert") {
      continue;
    }
    if (component.kind === "delete" && at < place && place < at + component.length) {
      return { text: text.slice(at, at + component.length), offset: place - at };
    }
    at += component.length;
  }
  return undefined;
}

/** Return the text that an operation on `text` deletes; undefined where it deletes in no place, or in several. */
export function deletedText(operation: Operation, text: string): string | undefined {
  let found: string | undefined;
  let at = 0;
  for (const component of operation) {
    if (component.kind === "insert") {
      continue;
    }
    if (component.kind === "delete") {
      if (found !== undefined) {
        return undefined;
      }
      found = text.slice(at, at + component.length);
    }
    at += component.length;
  }
  return found;
}

/** The texts that an author's last versions deleted. */
export class Deletions {
  private readonly texts = new Map<number, string>();

  /** Keep the text that a version deleted; undefined where it deleted in no place, or in several. */
  add(version: number, text: string | undefined): void {
    if (text === undefined || text.length > MAX_UNITS) {
      return;
    }
    this.texts.set(version, text);
    if (this.texts.size > MAX_DELETIONS) {
      for (const oldest of this.texts.keys()) {
        this.texts.delete(oldest);
        break;
      }
    }
  }

  /** Return a place inside of one of these texts; undefined for one inside of another. */
  landing(place: { readonly version: number; readonly offset: number } | null | undefined): Landing | undefined {
    const text = place ? this.texts.get(place.version) : undefined;
    return text === undefined || !place ? undefined : { text, offset: place.offset };
  }
}
