/**
 * The user's own cursor: moved along with the text, and told where the others would show it at another place.
 *
 * The others move a cursor along all committed operations, and behind what its owner inserts exactly at it. So typing
 * needs no further message: only a place that they cannot find out by themselves is told, ten times a second at most.
 */
import { type Cursor, sameCursor, transformCursor } from "./ot/cursor.js";
import { invert, splitsPair } from "./ot/document.js";
import { changes, DoesNotFit, type Operation } from "./ot/operations.js";
import type { Pending } from "./ot/pending.js";
import { isForNow } from "./refusals.js";

const INTERVAL = 0.1; // seconds between two; the server relays no more
const CONFLICT = 1; // seconds after a conflict, in which what is under way to this client comes

/** A cursor as it is sent, on the server's text of `version`. */
export interface ToldCursor {
  readonly position: number;
  readonly selection_length: number;
  readonly version: number;
}

export class OwnCaret {
  place: Cursor | undefined;
  private shown: Cursor | undefined; // on the server's text, as the others show it; undefined where they know of none
  private isUnchecked = false; // what the others show may not be the place of now
  private isDoubtful = false; // told over a break of the connection: told once more when every edit is saved
  private dueAt = -Infinity;

  /** Move it. Throws for a place outside of the text, or inside of a character. Returns false for the same place. */
  move(place: Cursor, text: string): boolean {
    const end = place.position + place.selectionLength;
    if (place.position < 0 || end < place.position || end > text.length) {
      throw new DoesNotFit(`The text has ${text.length} units, the cursor reaches ${end}; keep it within the text`);
    }
    if (splitsPair(text, place.position) || splitsPair(text, end)) {
      throw new RangeError("The cursor is inside of a character; move it to an edge");
    }
    if (this.place && sameCursor(this.place, place)) {
      return false;
    }
    this.place = place;
    this.isUnchecked = true;
    return true;
  }

  /** Move it along with a change of the local text; `own`: the user made it. */
  follow(change: Operation, own: boolean): void {
    if (this.place) {
      this.place = transformCursor(this.place, change, own);
      this.isUnchecked ||= !own;
    }
  }

  /** Note that the others have moved it along a committed operation; `own`: of this user, maybe in another tab. */
  committed(operation: Operation, own: boolean): void {
    if (this.shown) {
      this.shown = transformCursor(this.shown, operation, own);
    }
    this.isUnchecked = true;
  }

  /** Tell it again, from `dueAt` on: the others may not know it any more. */
  renew(dueAt = this.dueAt): void {
    this.shown = undefined;
    this.isUnchecked = true;
    this.isDoubtful ||= this.place !== undefined;
    this.dueAt = dueAt;
  }

  /** Tell it again, where waiting may help; `retryAfter` in seconds. */
  refused(code: string, retryAfter: number, now: number): void {
    if (isForNow(code)) {
      this.renew(now + retryAfter);
    } else if (code === "VERSION_CONFLICT") {
      this.renew(now + CONFLICT);
    }
  }

  /** The time from which it is to be looked at again; undefined where the others show it in its place. */
  get deadline(): number | undefined {
    return this.isUnchecked && this.place ? this.dueAt : undefined;
  }

  /** Return the cursor to tell now; undefined where there is none, or not yet. */
  take(pending: Pending, now: number): ToldCursor | undefined {
    if (!this.place || !this.isUnchecked || now < this.dueAt) {
      return undefined;
    }
    this.isUnchecked = false;
    const { unconfirmed } = pending;
    if (this.isDoubtful && !changes(unconfirmed)) {
      this.isDoubtful = false;
      this.shown = undefined;
    }
    if (this.shown && sameCursor(transformCursor(this.shown, unconfirmed, true), this.place)) {
      return undefined;
    }
    const told = transformCursor(this.place, invert(unconfirmed, pending.server));
    if (this.shown && sameCursor(told, this.shown)) {
      return undefined; // it is inside of text that the server does not have yet: the acknowledgement comes first
    }
    this.shown = told;
    this.dueAt = now + INTERVAL;
    return { position: told.position, selection_length: told.selectionLength, version: pending.version };
  }
}
