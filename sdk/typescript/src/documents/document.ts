/** A shared document: local edits apply at once, online or offline, and are synchronised after. */
import type { RealtimeConnection, Subscription } from "../client/interface.js";
import { ConnectionClosed, NotSubscribed, type RealtimeError } from "../errors.js";
import type { ChannelName, OperationId } from "../protocol.js";
import { type Change, type DocumentStatus, type Edit, stepsOf } from "./changes.js";
import { bodyOf, Draft } from "./draft.js";
import { follow } from "./following.js";
import { DocumentNews } from "./news.js";
import { type Attributes, exclusive } from "./ot/attributes.js";
import type { Cursor } from "./ot/cursor.js";
import { type FormatRun, formatOf, type TextDocument } from "./ot/document.js";
import { type EditPayload, ofSteps, type Step } from "./ot/flat.js";
import { format, insert, type Operation, remove } from "./ot/operations.js";
import { checkedAttributes, checkOperation, checkSteps } from "./arguments.js";
import { type EditOptions, inserted, newId, replacements, seconds } from "./edits.js";
import type { EditPace } from "./pace.js";
import { CURSOR_REF } from "./refusals.js";
import type { RemoteCursor } from "./remote_cursors.js";
import { DocumentReplica } from "./replica.js";
import { DocumentComments } from "./together/comments.js";
import { unsavedEdits } from "./unsaved.js";

const FLUSH_SECONDS = 5;

/**
 * A shared document, as `openDocument(client, id)` returns it.
 *
 * Every position and length counts UTF-16 code units, which are those of a string: `"a😀b".length` is 4. An edit changes
 * `text` at once and never waits; typing is sent as one operation each 0.12 s. Without a connection edits are kept; after
 * a reconnect they are merged with those of the others. An edit that is denied for now (the document is frozen, the right
 * to write is gone) stays in the text, is reported to `onError` once and sent again every 15 s. An edit that can never be
 * accepted is removed from the text (a change of origin "refused") and reported. Where the service's store was restored
 * from a backup, edits that were not confirmed are moved to the text as it is now, and `DocumentRestored` is reported.
 *
 * When the subscription ends (`close`, a lost right to read, the client's end), `text` stays as it was, and edits that are
 * not confirmed by then are reported to `onError` as `UnsavedEdits`.
 */
export class SharedDocument {
  readonly channel: ChannelName;
  /** The comments and suggestions; `load` reads them. */
  readonly comments: DocumentComments;
  /** The error that ended the document; undefined while it is open, and after `close`. */
  error: Error | undefined;
  private readonly replica: DocumentReplica;
  private readonly subscription: Subscription;
  private readonly ends: (() => void)[] = [];
  private readonly news: DocumentNews;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private draft: Draft | undefined;
  private isClosed = false;

  /** Use `openDocument`. */
  constructor(
    private readonly client: RealtimeConnection,
    readonly id: string,
    pace: EditPace,
    private readonly onEnd: (document: SharedDocument) => boolean,
  ) {
    this.channel = `document:${id}` as ChannelName;
    const news = (this.news = new DocumentNews(this.channel));
    const comments = (this.comments = new DocumentComments(client, this.channel, (error) => news.fault(error)));
    this.ends.push(() => comments.close());
    this.replica = new DocumentReplica(this.channel, pace, {
      now: seconds,
      newId,
      send: (payload) => this.sendOperation(payload),
      sendCursor: (payload) => void client.post({ type: "cursor_position", channel: this.channel, ref: CURSOR_REF, payload }),
      reload: () => this.subscription.reload(),
      changed: (change) => news.changed(change),
      loaded: (pending, epoch) => comments.loaded(pending, epoch),
      moved: (pending) => comments.moved(pending),
      cursorsMoved: () => news.cursorsMoved(),
      synced: () => news.saves.tell(),
      failed: (error) => news.fault(error),
    });
    this.ends.push(
      client.on("operation_ack", ({ channel, payload: { op_id, version } }) => {
        if (channel === this.channel && op_id) {
          this.run(() => this.replica.acknowledged(op_id, version));
        }
      }),
    );
    this.subscription = client.subscribe(
      this.channel,
      {
        onMessage: (message) => this.run(() => follow(this.replica, message, client.userId, (id) => comments.isAccepted(id))),
        onError: (error) => this.failed(error),
        onEnd: (error) => this.ended(error),
      },
      {
        includePresence: true,
        document: {
          place: () => {
            const place = this.replica.place();
            this.settle();
            return place;
          },
          onSubscribed: (answer) => this.run(() => this.replica.subscribed(answer)),
          onLost: () => this.run(() => this.replica.lost()),
          flush: (timeout) => this.flush(timeout),
        },
      },
    );
    void this.subscription.ready().catch((error: unknown) => this.ended(error));
  }

  // --- state ----------------------------------------------------------------------------------------

  /** The text with all local edits, also those that the server has not confirmed. */
  get text(): string {
    return this.current.text;
  }

  /** The length of `text`, in UTF-16 code units. */
  get length(): number {
    return this.current.text.length;
  }

  /** The formatted ranges of the text, in order; plain text is left out. */
  get formatting(): readonly FormatRun[] {
    return formatOf(this.current);
  }

  /** The last version of the server that the text includes. */
  get version(): number {
    return this.replica.version;
  }

  /** True when the text is loaded; before, nothing can be edited. */
  get isLoaded(): boolean {
    return this.replica.isLoaded;
  }

  /** True when the server has confirmed, durably, every local edit. */
  get synced(): boolean {
    return this.replica.isSynced;
  }

  /** The state of the text that the user is to know: the gravest that applies. */
  get status(): DocumentStatus {
    return this.isClosed ? "stale" : this.replica.status;
  }

  /** True after the end of the subscription: nothing is received, and nothing can be edited. */
  get closed(): boolean {
    return this.isClosed;
  }

  /** All cursors of the other users, one a tab, by cursor id, with name and colour. */
  get cursors(): ReadonlyMap<string, RemoteCursor> {
    return this.replica.cursors;
  }

  /** The user's own cursor, moved with every change of the text. Undefined until it is set. */
  get cursor(): Cursor | undefined {
    return this.replica.caret.place;
  }

  /** True where `undo` has an edit to take back. */
  get canUndo(): boolean {
    return this.replica.canUndo;
  }

  /** True where `redo` has an edit to make again. */
  get canRedo(): boolean {
    return this.replica.canRedo;
  }

  // --- editing --------------------------------------------------------------------------------------

  /**
   * Insert `text` at `position`.
   *
   * @throws NotSubscribed before `ready`, ConnectionClosed after the end, TypeError for what is no text, and RangeError for
   *   an edit that does not fit (beyond the text, inside of a character, NUL, no such formatting); the text and the undo
   *   steps are then unchanged.
   */
  insert(position: number, text: string, options: EditOptions = {}): void {
    this.make([[position, insert(text, inserted(options))]], options);
  }

  /** Delete `length` units at `position`. Throws as `insert`. */
  delete(position: number, length: number, options: EditOptions = {}): void {
    this.make([[position, remove(length)]], options);
  }

  /** Replace `length` units by `text`, as one edit. Throws as `insert`. */
  replace(position: number, length: number, text: string, options: EditOptions = {}): void {
    const steps: Step[] = [[position, insert(text, inserted(options))]];
    if (length) {
      steps.push([position + text.length, remove(length)]);
    }
    this.make(steps, options);
  }

  /** Replace each `old`, from left to right, as one edit with the formatting of what it replaces; return their number. */
  replaceAll(old: string, text: string): number {
    if (!old) {
      throw new RangeError("There is nothing to look for; name the text to replace");
    }
    const steps = replacements(this.current, old, text);
    this.make(steps, {});
    return steps.length / 2;
  }

  /** Set attributes of `length` units; `null` removes one. Throws as `insert`. */
  format(position: number, length: number, attributes: Attributes): void {
    this.make([[position, format(length, exclusive(checkedAttributes(attributes)))]], {});
  }

  /** Make edits, each on the text after those before it, as one. Throws as `insert`. */
  edit(edits: Iterable<Edit>, options: EditOptions = {}): void {
    this.make(stepsOf(edits), options);
  }

  /** Make an edit that is an operation on `text`, as the bindings of editors do. Throws as `insert`. */
  apply(operation: Operation, options: EditOptions = {}): void {
    this.check();
    checkOperation(operation);
    if (this.draft) {
      this.draft.edit(operation);
    } else {
      this.run(() => this.replica.edit(operation, options.join ?? false));
    }
  }

  /**
   * Group the edits that `body` makes: one change, one step of `undo`, sent as one.
   *
   * `body` is a plain function, without a promise. An error in it takes back all that it did, and goes on. Transactions
   * may stand within each other: one that fails is taken back alone, and the outermost sends.
   */
  transaction<T>(body: () => T, options: EditOptions = {}): T {
    this.check();
    const outer = this.draft;
    const draft = (this.draft = new Draft(this.current));
    let result: T;
    try {
      result = bodyOf(body);
    } finally {
      this.draft = outer;
    }
    this.apply(draft.operation, options);
    if (draft.cursor) {
      this.moveCursor(draft.cursor.position, draft.cursor.selectionLength);
    }
    return result;
  }

  /** Undo the user's last edit, also after edits of others; false where there is none (200 are kept). */
  undo(): boolean {
    this.checkAlone();
    return this.run(() => this.replica.undo());
  }

  /** Redo the edit that was undone last, until the next edit; false where there is none. */
  redo(): boolean {
    this.checkAlone();
    return this.run(() => this.replica.redo());
  }

  /** Move the user's cursor and show it to the others: the latest place, ten times a second at most. */
  moveCursor(position: number, selectionLength = 0): void {
    this.check();
    if (this.draft) {
      this.draft.cursor = { position, selectionLength };
    } else {
      this.run(() => this.replica.moveCursor({ position, selectionLength }));
    }
  }

  /** Show the cursor to the others anew, as on `focus`: tabs that share a connection share one cursor. */
  showCursor(): void {
    this.check();
    this.run(() => this.replica.caret.renew());
  }

  // --- callbacks and waiting ------------------------------------------------------------------------

  /**
   * Call `listener` with each change of the text, local ones included, at the moment of the change.
   *
   * Applied one after the other to an empty text, the edits of all changes produce `text`. An edit made in a listener is
   * reported after the change that the listener got. Each `on…` returns the function that ends it.
   */
  onChange(listener: (change: Change) => void): () => void {
    return this.news.changes.add(listener);
  }

  /** Call `listener` with `cursors` when another user's cursor was moved or is gone. */
  onCursors(listener: (cursors: ReadonlyMap<string, RemoteCursor>) => void): () => void {
    return this.news.cursors.add(listener);
  }

  /** Call `listener` with the new `status` when it changes. */
  onStatus(listener: (status: DocumentStatus) => void): () => void {
    return this.news.statuses.add(listener);
  }

  /** Call `listener` whenever the last local edit is confirmed. */
  onSynced(listener: () => void): () => void {
    return this.news.saves.add(listener);
  }

  /** Call `listener` with errors; edits are kept unless a change of origin "refused" came. */
  onError(listener: (error: Error) => void): () => void {
    return this.news.errors.add(listener);
  }

  /** Wait until the text is loaded. Rejects with what ended the document. */
  async ready(): Promise<void> {
    await this.news.until(() => this.replica.isLoaded, () => this.end);
  }

  /** Wait until the server has confirmed every local edit. Rejects after `timeout` seconds, and with the end. */
  async waitSynced(timeout?: number): Promise<void> {
    await this.news.until(() => this.replica.isSynced, () => this.end, timeout);
  }

  /** Send what waits now, and wait `timeout` seconds at most for its confirmation; true where all is saved. */
  async flush(timeout = FLUSH_SECONDS): Promise<boolean> {
    if (!this.isClosed && this.replica.isLoaded) {
      this.run(() => this.replica.hurry());
      const isDone = (): boolean => this.replica.isSynced || this.replica.denied !== undefined;
      await this.news.until(isDone, () => this.end, timeout).catch(() => undefined);
    }
    return !this.isUnsaved;
  }

  /**
   * Close the document once the server has confirmed every edit; true where it has.
   *
   * Until then it stays open, also while offline. With a `timeout` it is closed as soon as `flush(timeout)` has settled.
   */
  async closeWhenSynced(timeout?: number): Promise<boolean> {
    if (timeout !== undefined) {
      await this.flush(timeout);
    } else if (!this.isClosed && this.replica.isLoaded) {
      this.run(() => this.replica.hurry());
      await this.waitSynced().catch(() => undefined);
    }
    const isSaved = !this.isUnsaved;
    this.close();
    return isSaved;
  }

  /**
   * Close the document at once. Edits that the server has not confirmed are reported to `onError` as `UnsavedEdits`;
   * `await flush()` before, or `closeWhenSynced`, saves them.
   */
  close(): void {
    if (!this.isClosed && this.onEnd(this)) {
      this.stop(); // before its end is told: this one is the program's own
      this.subscription.unsubscribe();
    }
  }

  // --- details --------------------------------------------------------------------------------------

  private get current(): TextDocument {
    return this.draft?.document ?? this.replica.document;
  }

  private make(steps: Step[], options: EditOptions): void {
    this.check();
    checkSteps(steps);
    this.apply(ofSteps(steps, this.length), options);
  }

  private get isUnsaved(): boolean {
    return this.replica.isLoaded && (!this.replica.isSynced || this.draft !== undefined);
  }

  private get end(): Error | undefined {
    return this.isClosed ? (this.error ?? new ConnectionClosed(`${this.channel} is closed; open it again to edit it`)) : undefined;
  }

  private check(): void {
    const early = `${this.channel} has not come yet; await ready() before you edit it`;
    const wrong = this.end ?? (this.isLoaded ? undefined : new NotSubscribed(early));
    if (wrong) {
      throw wrong;
    }
  }

  private checkAlone(): void {
    this.check();
    if (this.draft) {
      throw new RangeError("A transaction is open; end it before you undo or redo");
    }
  }

  private sendOperation(payload: EditPayload): void {
    const command = { type: "edit_operation", channel: this.channel, payload } as never;
    this.client.request(command).then(
      (answer) => {
        const version = answer.type === "operation_ack" ? answer.payload.version : undefined;
        if (version !== undefined) {
          this.run(() => this.replica.acknowledged(payload.op_id as OperationId, version));
        }
      },
      (error: unknown) => this.isClosed || this.run(() => this.replica.refused(payload.op_id, error)),
    );
  }

  private failed(error: RealtimeError): void {
    this.news.fault(error);
    if (this.subscription?.status === "ended") {
      this.ended(error);
    }
  }

  private ended(error: unknown): void {
    if (!this.isClosed) {
      this.error = error instanceof Error ? error : new ConnectionClosed(String(error));
      this.onEnd(this);
      this.stop();
    }
  }

  private stop(): void {
    const { isUnsaved, text } = this;
    this.isClosed = true;
    clearTimeout(this.timer);
    this.ends.forEach((end) => end());
    this.settle();
    if (isUnsaved) {
      this.news.fault(unsavedEdits(this.channel, text, this.replica, this.error));
    }
  }

  /** Run a step of the replica; then tell what came of it, and set the clock. */
  private run<T>(step: () => T): T {
    try {
      return step();
    } finally {
      this.settle();
    }
  }

  private settle(): void {
    this.news.tell(this);
    clearTimeout(this.timer);
    const deadline = this.isClosed ? undefined : this.replica.deadline;
    if (deadline !== undefined) {
      const wait = Math.max(0, (deadline - seconds()) * 1000);
      this.timer = setTimeout(() => this.run(() => this.replica.tick()), Math.min(Math.ceil(wait), 60_000));
    }
  }
}
