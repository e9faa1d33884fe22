/** The user's own cursor: moved along with the text, and told to the others at most ten times a second. */
import { type Cursor, transformCursor } from "./ot/cursor.js";
import { invert, splitsPair } from "./ot/document.js";
import { DoesNotFit, type Operation } from "./ot/operations.js";
import type { Pending } from "./ot/pending.js";

const INTERVAL = 0.1; // seconds between two; the server relays no more

/** A cursor as it is sent, on the server's text of `version`. */
export interface ToldCursor {
  readonly position: number;
  readonly selection_length: number;
  readonly version: number;
}

export class OwnCaret {
  place: Cursor | undefined;
  /** The time from which it may be told again. */
  dueAt = -Infinity;
  private isNews = false;

  /** True where the others have not been told the place of now. */
  get isDue(): boolean {
    return this.isNews;
  }

  /** Move it. Throws for a place outside of the text, or inside of a character. Returns false for the same place. */
  move(place: Cursor, text: string): boolean {
    const end = place.position + place.selectionLength;
    if (place.position < 0 || end < place.position || end > text.length) {
      throw new DoesNotFit(`The text has ${text.length} units, the cursor reaches ${end}; keep it within the text`);
    }
    if (splitsPair(text, place.position) || splitsPair(text, end)) {
      throw new RangeError("The cursor is inside of a character; move it to an edge");
    }
    if (this.place?.position === place.position && this.place.selectionLength === place.selectionLength) {
      return false;
    }
    this.place = place;
    this.isNews = true;
    return true;
  }

  /** Move it along with a change of the text; `own`: the user made it. */
  follow(change: Operation, own: boolean): void {
    if (this.place) {
      this.place = transformCursor(this.place, change, own);
    }
  }

  /** Tell it again: the place that was told is not that of now, or nobody knows it any more. */
  renew(): void {
    this.isNews = this.place !== undefined;
  }

  /** Return the cursor to tell now; undefined where there is none, or not yet. */
  take(pending: Pending, now: number): ToldCursor | undefined {
    if (!this.place || !this.isNews || now < this.dueAt) {
      return undefined;
    }
    this.isNews = false;
    this.dueAt = now + INTERVAL;
    const { position, selectionLength } = transformCursor(this.place, invert(pending.unconfirmed, pending.server));
    return { position, selection_length: selectionLength, version: pending.version };
  }
}
