/** The cursors of other users, kept on the server's text: there each moves as its owner sees it. */
import type { CursorPositionPayload, RestingCursor } from "../protocol.js";
import { cursorColor } from "./colors.js";
import { type Cursor, transformCursor } from "./ot/cursor.js";
import { splitsPair } from "./ot/document.js";
import { DoesNotFit, type Operation } from "./ot/operations.js";
import type { Pending } from "./ot/pending.js";

const MAX_RECENT = 200; // operations that a late cursor is moved along; nodes that share a store relay one in a second

/** A cursor of another user: one a tab. `color` is `#rrggbb`, the same for all cursors of a user. */
export interface RemoteCursor extends Cursor {
  readonly userId: string;
  readonly name: string;
  readonly color: string;
}

/** An operation that the server's text was changed by, the version before it, and the user who made it. */
interface Committed {
  readonly before: number;
  readonly operation: Operation;
  readonly author: string | undefined;
}

/**
 * The cursors of other users, by their id; a server that sends no ids has one cursor a user.
 *
 * A cursor names the version of the text that it is placed on. One of a version that has not come waits for it; one of a
 * past version is moved along what was committed since.
 */
export class RemoteCursors {
  private readonly cursors = new Map<string, RemoteCursor>();
  private readonly waiting = new Map<string, CursorPositionPayload | RestingCursor>();
  private recent: Committed[] = [];

  /** Place a cursor on the server's text, or keep it until its own version has come. */
  place(said: CursorPositionPayload | RestingCursor, pending: Pending): void {
    const key = said.cursor_id ?? said.user_id;
    this.waiting.delete(key);
    if ((said.version ?? 0) > pending.version) {
      this.waiting.set(key, said);
      return;
    }
    const { text } = pending.server;
    const { position, selectionLength } = this.brought(said, pending.version);
    // One of a version that is not known is brought to an edge of a character.
    let start = Math.min(position, text.length);
    let end = Math.min(start + selectionLength, text.length);
    start -= Number(splitsPair(text, start));
    end -= Number(splitsPair(text, end));
    this.cursors.delete(key); // the one that moved last comes last
    this.cursors.set(key, {
      userId: said.user_id,
      name: said.name || said.user_id,
      color: said.color ?? cursorColor(said.user_id),
      position: start,
      selectionLength: end - start,
    });
  }

  /** Return the place of a cursor at `version`; as it was told, where the operations since are not known. */
  private brought(said: CursorPositionPayload | RestingCursor, version: number): Cursor {
    const told: Cursor = { position: said.position, selectionLength: said.selection_length ?? 0 };
    if (said.version === undefined || said.version === null || said.version === version) {
      return told;
    }
    const first = this.recent.findIndex((one) => one.before === said.version);
    try {
      const since = first < 0 ? [] : this.recent.slice(first);
      return since.reduce((place, one) => moved(place, said.user_id, one), told);
    } catch (wrong) {
      if (!(wrong instanceof DoesNotFit)) {
        throw wrong;
      }
      return told;
    }
  }

  /** Replace the cursors that have ids by those that the server tells anew. */
  load(resting: Iterable<RestingCursor>, pending: Pending): void {
    this.waiting.clear();
    for (const [key, cursor] of this.cursors) {
      if (key !== cursor.userId) {
        this.cursors.delete(key);
      }
    }
    for (const cursor of resting) {
      this.place(cursor, pending);
    }
  }

  /**
   * Move all cursors along the operation by which the server's text has come from version `before` to that of now.
   * `author`: the user who made it.
   */
  move(pending: Pending, before: number, author?: string): void {
    if (pending.version === before) {
      return;
    }
    const committed: Committed = { before, operation: pending.committed, author };
    this.recent.push(committed);
    if (this.recent.length > 2 * MAX_RECENT) {
      this.recent = this.recent.slice(-MAX_RECENT);
    }
    for (const [key, cursor] of this.cursors) {
      this.cursors.set(key, { ...cursor, ...moved(cursor, cursor.userId, committed) });
    }
    for (const said of [...this.waiting.values()]) {
      if ((said.version ?? 0) <= pending.version) {
        this.place(said, pending);
      }
    }
  }

  /** Move all cursors along the difference to a text that was loaded anew, maybe of another history. */
  reload(difference: Operation): void {
    this.recent = [];
    this.waiting.clear();
    for (const [key, cursor] of this.cursors) {
      this.cursors.set(key, { ...cursor, ...transformCursor(cursor, difference) });
    }
  }

  /** Remove a cursor. */
  gone(cursorId: string): void {
    this.waiting.delete(cursorId);
    this.cursors.delete(cursorId);
  }

  /** Remove the cursors of a user. */
  left(userId: string): void {
    for (const [key, said] of this.waiting) {
      if (said.user_id === userId) {
        this.waiting.delete(key);
      }
    }
    for (const [key, cursor] of this.cursors) {
      if (cursor.userId === userId) {
        this.cursors.delete(key);
      }
    }
  }

  /** Return the cursors by id, on the text with the operations that the server has not confirmed. */
  shown(unconfirmed: Operation): Map<string, RemoteCursor> {
    return new Map(
      [...this.cursors].map(([key, cursor]) => [key, { ...cursor, ...transformCursor(cursor, unconfirmed) }]),
    );
  }
}

function moved(place: Cursor, userId: string, by: Committed): Cursor {
  return transformCursor(place, by.operation, by.author === userId);
}
