/** The cursors of other users, kept on the server's text: there each moves as its owner sees it. */
import type { CursorPositionPayload, RestingCursor } from "../protocol.js";
import { cursorColor } from "./colors.js";
import { type Cursor, transformCursor } from "./ot/cursor.js";
import { splitsPair } from "./ot/document.js";
import type { Operation } from "./ot/operations.js";

/** A cursor of another user: one a tab. `color` is `#rrggbb`, the same for all cursors of a user. */
export interface RemoteCursor extends Cursor {
  readonly userId: string;
  readonly name: string;
  readonly color: string;
}

/** The cursors of other users, by their id; a server that sends no ids has one cursor a user. */
export class RemoteCursors {
  private readonly cursors = new Map<string, RemoteCursor>();

  /** Place a cursor. It may be of another version than `text`: it is brought to an edge of a character in it. */
  place(said: CursorPositionPayload | RestingCursor, text: string): void {
    let start = Math.min(said.position, text.length);
    let end = Math.min(start + (said.selection_length ?? 0), text.length);
    start -= Number(splitsPair(text, start));
    end -= Number(splitsPair(text, end));
    const key = said.cursor_id ?? said.user_id;
    this.cursors.delete(key); // the one that moved last comes last
    this.cursors.set(key, {
      userId: said.user_id,
      name: said.name || said.user_id,
      color: said.color ?? cursorColor(said.user_id),
      position: start,
      selectionLength: end - start,
    });
  }

  /** Replace the cursors that have ids by those that the server tells anew. */
  load(resting: Iterable<RestingCursor>, text: string): void {
    for (const [key, cursor] of this.cursors) {
      if (key !== cursor.userId) {
        this.cursors.delete(key);
      }
    }
    for (const cursor of resting) {
      this.place(cursor, text);
    }
  }

  /** Move all cursors along a committed operation; `author`: the user who made it. */
  move(committed: Operation, author?: string): void {
    for (const [key, cursor] of this.cursors) {
      this.cursors.set(key, { ...cursor, ...transformCursor(cursor, committed, cursor.userId === author) });
    }
  }

  /** Remove a cursor. */
  gone(cursorId: string): void {
    this.cursors.delete(cursorId);
  }

  /** Remove the cursors of a user. */
  left(userId: string): void {
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
