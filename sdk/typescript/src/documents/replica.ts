/**
 * The replica of one document: local edits at once, all edits in the server's order.
 *
 * At most one operation is in flight. It is sent under a random `op_id` and sent again unchanged, so that the server can
 * recognise it; later edits wait in a buffer, online or offline. Times are seconds on a steady clock.
 */
import { NotSubscribed, ProtocolViolation } from "../errors.js";
import type {
  CursorPositionPayload,
  DocumentState,
  RemoteOperationPayload,
  RestingCursor,
  SubscribedMessage,
} from "../protocol.js";
import { OwnCaret } from "./caret.js";
import { changeOf, DocumentRestored, type DocumentStatus, type Origin } from "./changes.js";
import type { Cursor } from "./ot/cursor.js";
import { difference } from "./ot/difference.js";
import type { ReplicaHost } from "./host.js";
import { documentOf, effective, EMPTY, sameDocument, type TextDocument } from "./ot/document.js";
import { History } from "./ot/history.js";
import { Deletions, type Landing, landing } from "./ot/landing.js";
import { changes, type Operation } from "./ot/operations.js";
import { OutOfStep, Pending } from "./ot/pending.js";
import type { EditPace } from "./pace.js";
import { refusalOf, RETRY_AFTER } from "./refusals.js";
import { type RemoteCursor, RemoteCursors } from "./remote_cursors.js";
import { statusOf } from "./status.js";

const RELOAD_INTERVAL = 1; // seconds between two loads; bounds the requests to a server that is wrong each time

/** The replica of one document. */
export class DocumentReplica {
  epoch = "";
  readonly caret = new OwnCaret();
  isReadOnly = false; // frozen, deleted or read-only for a time
  /** The refusal of edits that are kept: the server denies them for now, so that no short wait can help. */
  denied: Error | undefined;
  private pending: Pending | undefined;
  private readonly history = new History();
  private readonly others = new RemoteCursors();
  private readonly deletions = new Deletions();
  private within: Landing | undefined; // of the remote insert that is being applied
  private isLive = false;
  private mustLoad = true; // the next subscription asks for the whole text
  private isLost = false; // the text must be loaded again, from `loadAt` on
  private loadAt = -Infinity;
  private isDoubtful = false; // reloaded with an operation in flight: to be out of step is then no fault of the server
  private asked: string | undefined; // the id of the operation that was sent and is not answered
  private holdUntil = -Infinity;
  private sentAt = -Infinity;
  private isHurried = false; // the document is closing: what waits goes out without the pace
  private isRemoved = false; // the last edit was refused for good, and no edit was made since
  private isLimited = false; // the rate limit refused the operation in flight
  private wasIdTaken = false;

  constructor(
    readonly channel: string,
    private readonly pace: EditPace,
    private readonly host: ReplicaHost,
  ) {}

  get isLoaded(): boolean {
    return this.pending !== undefined;
  }

  /** The document with all local edits; empty before it is loaded. */
  get document(): TextDocument {
    return this.pending?.local ?? EMPTY;
  }

  get version(): number {
    return this.pending?.version ?? 0;
  }

  get isSynced(): boolean {
    return this.pending?.synced ?? false;
  }

  get canUndo(): boolean {
    return this.history.canUndo;
  }

  get canRedo(): boolean {
    return this.history.canRedo;
  }

  get cursors(): Map<string, RemoteCursor> {
    return this.pending ? this.others.shown(this.pending.unconfirmed) : new Map();
  }

  get status(): DocumentStatus {
    return statusOf({
      isLive: this.isLive && this.isLoaded,
      isReadOnly: this.isReadOnly,
      isRefused: this.denied !== undefined || this.isRemoved,
      isSynced: this.isSynced,
      isThrottled: this.isLimited || this.pace.isThrottled(this.host.now()),
    });
  }

  // --- calls of the user ----------------------------------------------------------------------------

  /** Make an edit; `join`: it is undone together with the last one. The text is unchanged where it throws. */
  edit(operation: Operation, join: boolean): boolean {
    const document = this.text().local;
    return this.make("local", operation, () => this.history.edited(operation, document, join));
  }

  undo(): boolean {
    const step = this.history.undo(this.text().local);
    return step !== undefined && this.make("undo", step.operation, step.done);
  }

  redo(): boolean {
    const step = this.history.redo(this.text().local);
    return step !== undefined && this.make("redo", step.operation, step.done);
  }

  /** Send what waits without the pace, until everything is confirmed. */
  hurry(): void {
    this.isHurried = true;
    this.send();
  }

  moveCursor(cursor: Cursor): void {
    if (this.caret.move(cursor, this.text().local.text)) {
      this.send();
    }
  }

  // --- the subscription -----------------------------------------------------------------------------

  /** Return the place to subscribe from; undefined to ask for the whole text. */
  place(): { version: number; epoch?: string } | undefined {
    this.lost();
    if (this.mustLoad) {
      return undefined;
    }
    return this.epoch ? { version: this.version, epoch: this.epoch } : { version: this.version };
  }

  /** Note the loss of the subscription or the connection. */
  lost(): void {
    this.isLive = this.isLost = false;
  }

  /** Take the server's answer; an operation in flight goes on being asked. */
  subscribed(answer: SubscribedMessage): void {
    const state = answer.document;
    if (state) {
      try {
        this.load(documentOf(state.content ?? "", state.format ?? []), state);
      } catch (wrong) {
        this.loseSync(`${this.channel} came with a text that is none: ${String(wrong)}`);
        return;
      }
    } else if (this.mustLoad || !answer.recovered) {
      this.loseSync(`${this.channel} came without its text`);
      return;
    }
    this.isLive = true;
    this.setReadOnly(Boolean(state?.frozen) || (state?.read_only_until ?? undefined) !== undefined);
    const resting: readonly RestingCursor[] = state?.cursors ?? [];
    this.others.load(resting, this.text());
    this.host.cursorsMoved();
    if (this.denied) {
      this.holdUntil = -Infinity; // the edit may be allowed by now
    }
    this.caret.renew();
    this.send();
  }

  /** Apply a committed operation. `userId`: of the user of this client, who has made it elsewhere where it `isAccepted`. */
  remote(by: RemoteOperationPayload, userId: string | undefined, isAccepted = false): void {
    this.follow((pending) => {
      const { unconfirmed, server, inFlight, version, local } = pending;
      // The id of another user's operation is not the id of the one in flight, were they spelled alike.
      const isOwn = inFlight !== undefined && by.op_id === inFlight.op_id && (!userId || by.user_id === userId);
      const change = pending.remote(isOwn ? by : { ...by, op_id: null });
      this.within = this.deletions.landing(by.within) ?? landing(pending.committed, unconfirmed, server.text);
      this.others.move(pending, version, by.user_id);
      this.caret.committed(pending.committed, by.user_id === userId);
      this.changed("remote", change, by, isAccepted && by.user_id === userId ? local : undefined);
      this.host.cursorsMoved();
    });
  }

  /** Take the acknowledgement of an operation. */
  acknowledged(opId: string, version: number): void {
    if (this.asked === opId) {
      this.asked = undefined;
    }
    this.follow((pending) => {
      this.wasIdTaken = false;
      const { server, version: had } = pending;
      const change = pending.acknowledged(opId, version);
      this.deletions.keep(pending.committed, server, had + 1, pending.version);
      this.others.move(pending, had);
      this.caret.committed(pending.committed, true);
      this.changed("reload", change);
    });
  }

  cursor(placed: CursorPositionPayload): void {
    if (this.pending && this.isLive) {
      this.others.place(placed, this.pending);
      this.host.cursorsMoved();
    }
  }

  cursorGone(cursorId: string): void {
    this.others.gone(cursorId);
    this.host.cursorsMoved();
  }

  /** Remove the cursors of a user who left. */
  left(userId: string): void {
    this.others.left(userId);
    this.host.cursorsMoved();
  }

  /** Take whether the document takes edits. */
  setReadOnly(isReadOnly: boolean): void {
    if (this.isReadOnly && !isReadOnly && this.denied) {
      this.holdUntil = -Infinity; // the edit may be allowed now
    }
    this.isReadOnly = isReadOnly;
    this.send();
  }

  /** Handle what an operation was refused with. */
  refused(opId: string, error: unknown): void {
    if (this.asked !== opId) {
      return;
    }
    this.asked = undefined;
    const pending = this.pending;
    if (!pending || pending.inFlight?.op_id !== opId) {
      return;
    }
    const now = this.host.now();
    const wasSynced = pending.synced;
    const { refusal, retryAfter, isLimit } = refusalOf(error);
    if (refusal === "conflict") {
      if (pending.conflict(opId)) {
        this.loseSync(undefined);
        return;
      }
      this.isDoubtful = false;
    } else if (refusal === "id taken") {
      // Nothing was committed under this id but another edit: this one goes under a new id. A server that refuses the
      // new one too is not asked at once.
      pending.conflict(opId);
      this.holdUntil = now + (this.wasIdTaken ? RETRY_AFTER : 0);
      this.isDoubtful = false;
      this.wasIdTaken = true;
      this.host.failed(error as Error);
    } else if (refusal === "later") {
      this.holdUntil = now + retryAfter;
      if (isLimit) {
        this.isLimited = true;
        this.pace.exceeded(retryAfter, now);
      }
    } else if (refusal === "denied") {
      // The document may be released or the right come back: the edit stays and is sent again later.
      this.holdUntil = now + RETRY_AFTER;
      if (!this.denied) {
        this.denied = error as Error;
        this.host.failed(this.denied);
      }
    } else {
      this.changed("refused", pending.refused(opId));
      this.isRemoved = true;
      this.host.failed(error as Error);
      this.settled(pending, wasSynced);
    }
    this.send();
  }

  // --- time -----------------------------------------------------------------------------------------

  /** Do what waited for its time. */
  tick(): void {
    if (this.isLost && this.host.now() >= this.loadAt) {
      this.isLost = false;
      this.host.reload();
    }
    this.send();
  }

  /** Return the time of the next `tick`; undefined while nothing waits for a time. */
  get deadline(): number | undefined {
    if (this.isLost) {
      return this.loadAt;
    }
    if (!this.isLive || !this.pending || this.asked !== undefined) {
      return undefined;
    }
    const due = this.pending.synced ? [] : [this.due];
    const caret = this.caret.deadline;
    if (caret !== undefined && !this.pending.inFlight) {
      due.push(caret);
    }
    return due.length ? Math.min(...due) : undefined;
  }

  private get due(): number {
    if (this.isHurried || this.pending?.inFlight) {
      return this.holdUntil;
    }
    // Of the time of sending: an interval that is asked anew at each look gets shorter while one waits for it.
    return this.sentAt === -Infinity ? this.holdUntil : Math.max(this.holdUntil, this.sentAt + this.pace.interval(this.sentAt));
  }

  // --- changes --------------------------------------------------------------------------------------

  private text(): Pending {
    if (!this.pending) {
      throw new NotSubscribed(`${this.channel} has not come yet; await ready() before you edit it`);
    }
    return this.pending;
  }

  private make(origin: Origin, operation: Operation, record: () => void): boolean {
    const pending = this.text();
    if (!changes(effective(operation, pending.local))) {
      return false;
    }
    pending.edit(operation);
    this.isRemoved = false;
    record();
    this.caret.follow(operation, true);
    this.host.changed(changeOf(origin, operation, this.version));
    this.send();
    return true;
  }

  private load(document: TextDocument, state: DocumentState): void {
    const epoch = state.epoch ?? "";
    let change: Operation;
    if (!this.pending) {
      this.pending = new Pending(document, state.version);
      change = difference(EMPTY, document);
    } else {
      this.isDoubtful = this.pending.inFlight !== undefined;
      if (this.epoch && this.epoch !== epoch && !sameDocument(this.pending.server, document)) {
        this.host.failed(new DocumentRestored(this.channel, this.pending.server.text, this.pending.local.text));
      }
      change = this.pending.reload(document, state.version);
      this.others.reload(this.pending.committed);
    }
    this.mustLoad = false;
    this.epoch = epoch;
    this.host.loaded(this.pending, epoch);
    this.changed("reload", change);
  }

  private follow(apply: (pending: Pending) => void): void {
    const pending = this.pending;
    if (!pending || !this.isLive) {
      return;
    }
    const wasSynced = pending.synced;
    try {
      apply(pending);
      this.host.moved(pending);
    } catch (wrong) {
      if (!(wrong instanceof OutOfStep)) {
        throw wrong;
      }
      this.loseSync(wrong.message);
      return;
    }
    this.settled(pending, wasSynced);
    this.send();
  }

  private changed(origin: Origin, change: Operation, by?: RemoteOperationPayload, own?: TextDocument): void {
    const within = this.within;
    this.within = undefined;
    if (changes(change)) {
      this.history.changed(change, within, own, by?.op_id ?? "");
      this.caret.follow(change, false);
      this.host.changed(changeOf(origin, change, this.version, by?.user_id, by?.user_name));
    }
  }

  private settled(pending: Pending, wasSynced: boolean): void {
    if (!pending.inFlight) {
      this.denied = undefined;
      this.isDoubtful = this.isLimited = false;
    }
    if (pending.synced) {
      this.isHurried = false;
      if (!wasSynced) {
        this.host.synced();
      }
    }
  }

  /** Ask for the whole text, because a message did not continue the known one. No local edit is lost. */
  private loseSync(why: string | undefined): void {
    this.isLive = false;
    this.mustLoad = this.isLost = true;
    this.loadAt = Math.max(this.host.now(), this.loadAt + RELOAD_INTERVAL);
    if (why !== undefined && !this.isDoubtful) {
      this.host.failed(new ProtocolViolation(why));
    }
  }

  // --- output ---------------------------------------------------------------------------------------

  /** Send the next operation, unless one is asked already. The cursor goes before it: it is for the version before. */
  private send(): void {
    const pending = this.pending;
    if (!pending || !this.isLive || this.asked !== undefined) {
      return;
    }
    const now = this.host.now();
    const caret = pending.inFlight ? undefined : this.caret.take(pending, now);
    if (caret) {
      this.host.sendCursor(caret);
    }
    if (now < this.due) {
      return;
    }
    const wasSynced = pending.synced;
    if (!pending.inFlight && !wasSynced) {
      const made = pending.send(this.host.newId());
      if (made && this.epoch) {
        // Its version is one of this history: also where it is sent again after the store was restored.
        pending.inFlight = { ...made, epoch: this.epoch };
      }
    }
    if (!pending.inFlight) {
      this.settled(pending, wasSynced); // what waited is on the server already
      return;
    }
    this.asked = pending.inFlight.op_id;
    this.sentAt = now;
    this.pace.sent(now);
    this.host.send(pending.inFlight);
  }
}
