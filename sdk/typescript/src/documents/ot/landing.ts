/**
 * The place of an insert in text that another user deletes at the same time: inside of it, or directly behind it.
 *
 * The insert stays where the deleted text was. Where the delete is undone, the restored text goes on both sides of it:
 * the client finds the place by itself where the insert was committed first, and the service tells it where the delete
 * was (`remote_operation.payload.within`). An insert directly before deleted text needs no place: restored text goes
 * behind it.
 */

import { apply, type TextDocument } from "./document.js";
import { versions } from "./flat.js";
import type { Operation } from "./operations.js";

const MAX_DELETIONS = 64; // of one author in one document; an insert that is later by more is told of no place
const MAX_UNITS = 65_536; // of one deletion

/** The place of another user's insert in text that the author deleted: `offset` units behind its beginning. */
export interface Landing {
  readonly text: string;
  readonly offset: number;
}

/** Return the place of a committed insert in text that the unconfirmed operation deletes; both are for `text`. */
export function landing(committed: Operation, unconfirmed: Operation, text: string): Landing | undefined {
  const first = committed[0];
  const place = first?.kind === "retain" ? first.length : 0;
  let at = 0;
  for (const component of unconfirmed) {
    if (component.kind === "insert") {
      continue;
    }
    if (component.kind === "delete" && at < place && place <= at + component.length) {
      return { text: text.slice(at, at + component.length), offset: place - at };
    }
    at += component.length;
  }
  return undefined;
}

/** Return the stretches that an operation on `text` deletes, from left to right. */
export function deletedTexts(operation: Operation, text: string): string[] {
  const found: string[] = [];
  let at = 0;
  for (const component of operation) {
    if (component.kind === "insert") {
      continue;
    }
    if (component.kind === "delete") {
      found.push(text.slice(at, at + component.length));
    }
    at += component.length;
  }
  return found;
}

/** The texts that an author's last versions deleted. */
export class Deletions {
  private readonly texts = new Map<number, readonly string[]>();

  /** Keep what an operation on `document` deleted, which was committed as the versions from `first` to `last`. */
  keep(operation: Operation, document: TextDocument, first: number, last: number): void {
    const parts = first === last ? [operation] : first < last ? versions(operation, false) : [];
    let text = document;
    if (parts.length === last - first + 1) {
      for (const [number, part] of parts.entries()) {
        this.add(first + number, deletedTexts(part, text.text));
        text = parts.length > 1 ? apply(part, text) : text;
      }
    }
  }

  private add(version: number, texts: readonly string[]): void {
    if (!texts.length || texts.join("").length > MAX_UNITS) {
      return;
    }
    this.texts.set(version, texts);
    if (this.texts.size > MAX_DELETIONS) {
      for (const oldest of this.texts.keys()) {
        this.texts.delete(oldest);
        break;
      }
    }
  }

  /** Return a place in one of these texts; undefined for one in another. */
  landing(place: { readonly version: number; readonly offset: number } | null | undefined): Landing | undefined {
    let left = place?.offset ?? 0;
    for (const text of (place && this.texts.get(place.version)) ?? []) {
      if (left <= text.length) {
        return { text, offset: left };
      }
      left -= text.length;
    }
    return undefined;
  }
}
