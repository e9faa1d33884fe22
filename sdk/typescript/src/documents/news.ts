/** What a document tells: its changes one after the other, and what came of each step once it is done. */
import { RealtimeError } from "../errors.js";
import type { Change, DocumentStatus } from "./changes.js";
import { Listeners, Waiting } from "./listeners.js";
import type { RemoteCursor } from "./remote_cursors.js";

type Cursors = ReadonlyMap<string, RemoteCursor>;

/** The listeners of one document, and the news that wait for the end of a step. */
export class DocumentNews {
  readonly changes: Listeners<Change>;
  readonly cursors: Listeners<Cursors>;
  readonly statuses: Listeners<DocumentStatus>;
  readonly saves: Listeners<void>;
  readonly errors: Listeners<Error>;
  readonly waiting = new Waiting();
  private readonly queue: Change[] = [];
  private isTelling = false;
  private haveCursorsMoved = false;
  private told: DocumentStatus = "stale";

  constructor(private readonly channel: string) {
    this.changes = new Listeners(channel);
    this.cursors = new Listeners(channel);
    this.statuses = new Listeners(channel);
    this.saves = new Listeners(channel);
    this.errors = new Listeners(channel);
  }

  changed(change: Change): void {
    this.queue.push(change);
  }

  cursorsMoved(): void {
    this.haveCursorsMoved = true;
  }

  fault(error: Error): void {
    if (this.errors.isEmpty) {
      console.warn(`${this.channel}: ${error.message} (call document.onError(listener) to receive it)`);
    }
    this.errors.tell(error);
  }

  /** Tell what came of a step, and wake what waits for it. */
  tell(document: { readonly status: DocumentStatus; readonly cursors: Cursors }): void {
    this.tellChanges();
    if (this.haveCursorsMoved) {
      this.haveCursorsMoved = false;
      if (!this.cursors.isEmpty) {
        this.cursors.tell(document.cursors);
      }
    }
    const { status } = document;
    if (status !== this.told) {
      this.told = status;
      this.statuses.tell(status);
    }
    this.waiting.wake();
  }

  /** Wait until `isTrue`. Rejects with `ended`, where that is an error by then, and after `timeout` seconds. */
  until(isTrue: () => boolean, ended: () => Error | undefined, timeout?: number): Promise<void> {
    const late = `${this.channel}: the server has not confirmed everything in ${timeout} s; it is kept and sent on`;
    const look = (): boolean => {
      const isDone = isTrue();
      const error = isDone ? undefined : ended();
      if (error) {
        throw error;
      }
      return isDone;
    };
    return this.waiting.until(look, timeout, () => new RealtimeError(late));
  }

  private tellChanges(): void {
    if (this.isTelling) {
      return; // a listener made an edit: the loop that called it goes on with this change
    }
    this.isTelling = true;
    for (let change = this.queue.shift(); change; change = this.queue.shift()) {
      this.changes.tell(change);
    }
    this.isTelling = false;
  }
}
