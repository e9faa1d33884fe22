/**
 * The client's half of collaborative editing: the server's text, at most one operation in flight, and a buffer.
 *
 * The algorithm is that of Jupiter (Nichols, Curtis, Dixon and Lamping, UIST 1995) in the form of Google Wave. The
 * invariant at all times: `local` = `server`, then the operation in flight, then the buffer. A method that returns an
 * operation returns the change of `local` that its user did not make.
 */

import { difference } from "./difference.js";
import { apply, effective, invert, type TextDocument } from "./document.js";
import { admit, type EditPayload, type FlatPayload, read, split, versions, write } from "./flat.js";
import { after, changes, nothing, type Operation, sameOperation } from "./operations.js";
import { compose, composed, transform } from "./transform.js";

const MAX_COMPOSED_AT_ONCE = 64; // components of the buffer, up to which a look at it composes it

/** A message of the server that does not continue the known versions; the text is loaded again. */
export class OutOfStep extends Error {
  override readonly name: string = "OutOfStep";
}

/** A committed operation, as `remote_operation` has it. */
export interface CommittedPayload extends FlatPayload {
  readonly version: number;
  readonly op_id?: string | null;
}

/** A client's copy of a document. It takes edits at any time, online or offline. */
export class Pending {
  local: TextDocument;
  /** The operation by which the last message of the server changed `server`; cursors of others move along it. */
  committed: Operation;
  /** The operation that was sent and is not answered. After a reconnect it is sent again unchanged. */
  inFlight: EditPayload | undefined;
  private flight: Operation;
  private composedEdits: Operation;
  private edits: Operation[] = []; // behind `composedEdits`; composed only when the buffer is needed, all at once
  private isReloaded = false; // reloaded with an operation in flight: the text may include it or not

  constructor(
    public server: TextDocument,
    public version: number,
  ) {
    this.local = server;
    this.committed = this.flight = this.composedEdits = nothing(server.text.length);
  }

  /** True when the server has confirmed all of `local`. */
  get synced(): boolean {
    if (this.inFlight || (this.edits.length && this.composedEdits.length > MAX_COMPOSED_AT_ONCE)) {
      return false;
    }
    return !changes(this.buffer);
  }

  /** The operation from `server` to `local`: the one in flight, then the buffer. */
  get unconfirmed(): Operation {
    return compose(this.flight, this.buffer);
  }

  /** Apply an edit of the user to `local`. Throws without any change where it does not fit. */
  edit(operation: Operation): void {
    this.local = admit(operation, this.local);
    this.edits.push(operation);
  }

  /** Return the next operation to send, under a new id; undefined while one is in flight, or without one. */
  send(opId: string): EditPayload | undefined {
    if (this.inFlight) {
      return undefined;
    }
    this.buffer = effective(this.buffer, this.server); // a format that the server's text has already is not sent
    const divided = split(this.buffer);
    if (!divided) {
      return undefined;
    }
    [this.flight, this.buffer] = divided;
    this.inFlight = write(this.flight, this.version, opId);
    return this.inFlight;
  }

  /** Apply a committed operation: of another client, or, in a catch-up, one's own. Throws OutOfStep. */
  remote(payload: CommittedPayload): Operation {
    if (payload.version !== this.version + 1) {
      throw new OutOfStep(`Version ${payload.version} came after version ${this.version}; load the document again`);
    }
    let operation: Operation;
    let server: TextDocument;
    try {
      operation = read(payload, this.server.text.length);
      server = apply(operation, this.server);
    } catch (wrong) {
      throw new OutOfStep(`Version ${payload.version} does not fit: ${String(wrong)}`);
    }
    let change: Operation;
    if (this.inFlight && payload.op_id === this.inFlight.op_id) {
      change = this.cameBack(operation);
    } else {
      // The committed operation goes past both pending ones, and they past it: the invariant holds again.
      [change, this.flight] = transform(operation, this.flight);
      [change, this.buffer] = transform(change, this.buffer);
      this.local = apply(change, this.local);
    }
    this.server = server;
    this.version = payload.version;
    this.committed = operation;
    return change;
  }

  /** Take the acknowledgement of an operation, committed up to `version`. Throws OutOfStep. */
  acknowledged(opId: string | null | undefined, version: number): Operation {
    this.committed = nothing(this.server.text.length);
    if (!this.inFlight || opId !== this.inFlight.op_id) {
      return nothing(this.local.text.length); // answered before: an ack sent twice, or after a catch-up
    }
    if (this.isReloaded && version <= this.version) {
      return this.takeBack(); // the loaded text includes it, or nothing was left of it: remove the second copy
    }
    const flight = effective(this.flight, this.server);
    const expected = this.version + versions(flight, this.isBatch).length;
    const isOld = !changes(flight) && version <= this.version; // an answer from before the catch-up
    if (this.isReloaded || (version !== expected && !isOld)) {
      throw new OutOfStep(`Acknowledged at version ${version}, not ${expected}; load the document again`);
    }
    this.committed = this.flight;
    this.server = apply(this.flight, this.server);
    this.version = expected;
    this.settle();
    return nothing(this.local.text.length);
  }

  /**
   * Put an operation that the server has not committed and never will back into the buffer, to go under a new id.
   *
   * Returns true where the document must be loaded first: the server may have another text for this version.
   */
  conflict(opId: string): boolean {
    if (opId !== this.inFlight?.op_id) {
      return false;
    }
    const wasLoaded = this.isReloaded;
    this.buffer = compose(this.flight, this.buffer);
    this.settle();
    return !wasLoaded;
  }

  /** Remove an operation, which the server refused for good, from `local`. */
  refused(opId: string): Operation {
    return opId === this.inFlight?.op_id ? this.takeBack() : nothing(this.local.text.length);
  }

  /**
   * Take the server's whole text, sent because its operations since are gone. No pending edit is lost.
   *
   * The text may include an operation in flight or not; only the answer to sending it again decides.
   */
  reload(document: TextDocument, version: number): Operation {
    this.committed = difference(this.server, document);
    let change: Operation;
    if (holds(this.committed, this.flight)) {
      // The copy in the text stays before the one in flight: what follows the second still follows the first.
      [this.flight, change] = transform(this.flight, this.committed);
    } else {
      [change, this.flight] = transform(this.committed, this.flight);
    }
    [change, this.buffer] = transform(change, this.buffer);
    this.local = apply(change, this.local);
    this.server = document;
    this.version = version;
    this.isReloaded = this.inFlight !== undefined;
    return change;
  }

  private get buffer(): Operation {
    if (this.edits.length) {
      this.composedEdits = composed([this.composedEdits, ...this.edits]);
      this.edits = [];
    }
    return this.composedEdits;
  }

  private set buffer(operation: Operation) {
    this.composedEdits = operation;
    this.edits = [];
  }

  private get isBatch(): boolean {
    return this.inFlight?.operation_type === "batch";
  }

  /** Take a version of the operation in flight that came back in a catch-up; `local` includes it already. */
  private cameBack(operation: Operation): Operation {
    const left = versions(effective(this.flight, this.server), this.isBatch);
    if (!left[0] || !sameOperation(left[0], operation)) {
      throw new OutOfStep("The server committed something else than was sent; load the document again");
    }
    this.flight = left.length > 1 ? composed(left.slice(1)) : nothing(after(operation));
    if (!changes(this.flight)) {
      this.inFlight = undefined;
      this.isReloaded = false;
    }
    return nothing(this.local.text.length);
  }

  /** Remove the operation in flight from `local`: its inverse on `server`, transformed past the buffer. */
  private takeBack(): Operation {
    const inverse = invert(this.flight, this.server);
    let change: Operation;
    [change, this.buffer] = transform(inverse, this.buffer);
    this.local = apply(change, this.local);
    this.settle();
    return change;
  }

  private settle(): void {
    this.inFlight = undefined;
    this.isReloaded = false;
    this.flight = nothing(this.server.text.length);
  }
}

/** Return true where a change of the text may include the one insert of the operation in flight. */
function holds(change: Operation, flight: Operation): boolean {
  const inserted = flight.filter((one) => one.kind === "insert");
  const only = inserted[0];
  if (inserted.length !== 1 || !only || flight.some((one) => one.kind === "format")) {
    return false;
  }
  return change.some((one) => one.kind === "insert" && one.text.includes(only.text));
}
