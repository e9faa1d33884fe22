/** The world around a replica: time, the connection, and those who listen. */
import type { ToldCursor } from "./caret.js";
import type { Change } from "./changes.js";
import type { EditPayload } from "./ot/flat.js";
import type { Pending } from "./ot/pending.js";

/** What a replica asks of the world around it. */
export interface ReplicaHost {
  now(): number;
  newId(): string;
  /** Send an operation and call `acknowledged` or `failed` with the answer; it is sent again until it is answered. */
  send(payload: EditPayload): void;
  /** Send a cursor, now or never. */
  sendCursor(payload: ToldCursor): void;
  /** Subscribe again, with `place` asked anew. */
  reload(): void;
  changed(change: Change): void;
  /** The server's text was loaded, for the first time or anew. */
  loaded(pending: Pending, epoch: string): void;
  /** The server's text went on: `pending.committed` made it `pending.version`. */
  moved(pending: Pending): void;
  cursorsMoved(): void;
  synced(): void;
  failed(error: Error): void;
}
