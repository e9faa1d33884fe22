/**
 * Conversion of the wire's flat form, `insert | delete | format | batch` at positions, to operations and back.
 *
 * One flat operation is a *part*: an operation with a single component that changes anything. A *batch* is a sequence
 * of parts in one message, which becomes one version.
 */

import { type Attributes, applied, exclusive, isPlain, PLAIN } from "./attributes.js";
import { apply, isWhole, splitsPair, SplitsPair, type TextDocument } from "./document.js";
import {
  after,
  before,
  changes,
  type Changing,
  type Component,
  DoesNotFit,
  extend,
  format,
  insert,
  keep,
  normal,
  type Operation,
  remove,
  retain,
} from "./operations.js";
import { composed } from "./transform.js";

export const MAX_DOCUMENT = 1 << 20;
export const MAX_INSERT = 16_384;
export const MAX_OPERATIONS = 500;
const MAX_CONTENT_BYTES = 62 << 10; // of an insert as JSON, so that the frame around it stays within 64 KiB
const MAX_BATCH_BYTES = 62 << 10;
const MAX_FORMATTING = 4 << 20;
const RUN_BYTES = 200; // of a formatted stretch without its link and the name of its alternative, at most
const CHARACTER_BYTES = 6;

/** One operation in the wire's form; in a batch on the text after those before it. */
export interface FlatOperation {
  readonly operation_type: "insert" | "delete" | "format";
  readonly position: number;
  readonly content?: string | null;
  readonly length?: number | null;
  readonly attributes?: Attributes | null;
}

/** What `edit_operation` and `remote_operation` share. */
export interface FlatPayload {
  readonly operation_type: "insert" | "delete" | "format" | "batch";
  readonly position?: number | null;
  readonly content?: string | null;
  readonly length?: number | null;
  readonly attributes?: Attributes | null;
  readonly operations?: readonly FlatOperation[] | null;
}

/** The payload of an `edit_operation`. */
export interface EditPayload extends FlatPayload {
  readonly version: number;
  readonly op_id: string;
  readonly epoch?: string;
}

/** A component that changes something, and its position in the text after the steps before it. */
export type Step = readonly [position: number, component: Changing];

/** An operation that no document takes. */
export class InvalidOperation extends RangeError {
  override readonly name: string = "InvalidOperation";
}

/**
 * Return the operation of a payload, a single one or a batch, for a text of `length` units.
 *
 * `isEdit`: the formats get what they imply; what was committed stays as it was written.
 *
 * @throws InvalidOperation for a payload that fits no text, DoesNotFit where it reaches beyond this one.
 */
export function read(payload: FlatPayload, length: number, isEdit = false): Operation {
  if (payload.operation_type !== "batch") {
    if (payload.position === undefined || payload.position === null) {
      throw new InvalidOperation("The operation has no position");
    }
    return ofSteps([[payload.position, componentOf(payload, isEdit)]], length);
  }
  const made = ofSteps(
    (payload.operations ?? []).map((one): Step => [one.position, componentOf(one, isEdit)]),
    length,
  );
  if (!made.every((one) => one.kind !== "insert" || isWhole(one.text))) {
    throw new InvalidOperation("A position is inside of a character that the batch inserts; move it to an edge");
  }
  return made;
}

/** Return an operation as its author sends it, made against `version`: a batch, where it has several parts. */
export function write(operation: Operation, version: number, opId: string): EditPayload {
  const flats = written(operation);
  if (flats.length > 1) {
    return { operation_type: "batch", operations: flats, version, op_id: opId };
  }
  return { ...flats[0]!, version, op_id: opId };
}

/** Return the parts of an operation in the wire's form, left to right. */
export function written(operation: Operation): FlatOperation[] {
  return [...steps(operation)].map(flat);
}

/** Return the parts that together are `operation`, each for the text after the parts before it. */
export function parts(operation: Operation): Operation[] {
  let length = before(operation);
  return [...steps(operation)].map(([position, component]) => {
    const made = ofSteps([[position, component]], length);
    length = after(made);
    return made;
  });
}

/** Return the operations, one a version, that an edit is committed as once it was transformed. */
export function versions(operation: Operation, isBatch: boolean): Operation[] {
  if (isBatch) {
    return changes(operation) ? [operation] : [];
  }
  return parts(operation);
}

/** Return [as much as one message may hold, an operation with the rest]; undefined where nothing changes. */
export function split(operation: Operation): [Operation, Operation] | undefined {
  const taken: Component[] = [];
  const waiting = [...operation].reverse();
  let count = 0;
  let bytes = 0;
  for (let component = waiting.pop(); component; component = waiting.pop()) {
    if (component.kind === "retain") {
      taken.push(component);
      continue;
    }
    const piece = [...pieces(component)][0]!;
    const weight = jsonBytes(flat([MAX_DOCUMENT, piece])) + 1;
    if (count && (count === MAX_OPERATIONS || bytes + weight > MAX_BATCH_BYTES)) {
      waiting.push(component);
      break;
    }
    taken.push(piece);
    count += 1;
    bytes += weight;
    if (component.kind === "insert" && piece.kind === "insert" && piece.text.length < component.text.length) {
      waiting.push(insert(component.text.slice(piece.text.length), component.attributes));
    }
  }
  if (!count) {
    return undefined;
  }
  waiting.reverse();
  const covered = before(waiting);
  const first = normal([...taken, retain(covered)]);
  return [first, normal([retain(after(first) - covered), ...waiting])];
}

/**
 * Return the operation with the effect of the steps one after the other, on a text of `length` units.
 *
 * @throws DoesNotFit for a step that reaches beyond the text that the steps before it made.
 */
export function ofSteps(all: Iterable<Step>, length: number): Operation {
  const runs: Operation[] = [];
  let run: Component[] = [];
  let at = 0; // the end of what the run has passed, in the text after it; all behind is as it was before the run
  for (const [position, component] of all) {
    const reach = component.kind === "insert" ? position : position + component.length;
    if (position < 0 || reach > length) {
      throw new DoesNotFit(`The operation reaches unit ${reach} of a text of ${length}; load the document again`);
    }
    if (position < at) {
      keep(run, length - at);
      runs.push(run);
      run = [];
      at = 0;
    }
    keep(run, position - at);
    extend(run, component);
    if (component.kind === "insert") {
      length += component.text.length;
      at = position + component.text.length;
    } else if (component.kind === "delete") {
      length -= component.length;
      at = position;
    } else {
      at = position + component.length;
    }
  }
  keep(run, length - at);
  return composed([...runs, run]);
}

/**
 * Return the document after `operation`, checked against the limits of documents.
 *
 * @throws InvalidOperation for NUL, a lone surrogate, a text over 1 Mi units, and more formatting than a document may
 *   have; SplitsPair for an edge inside of a character; DoesNotFit for an operation on a text of another length.
 */
export function admit(operation: Operation, document: TextDocument): TextDocument {
  for (const one of operation) {
    if (one.kind === "insert" && one.text.includes("\0")) {
      throw new InvalidOperation("A document takes no NUL; remove it");
    }
    if (one.kind === "insert" && !isWhole(one.text)) {
      throw new InvalidOperation("The text has half a surrogate pair; insert whole characters");
    }
  }
  const length = after(operation);
  if (length > MAX_DOCUMENT && length > document.text.length) {
    throw new InvalidOperation(`A document holds ${MAX_DOCUMENT} units; shorten it first`);
  }
  const made = apply(operation, document);
  if (made.runs.length > document.runs.length && formattingBytes(made) > MAX_FORMATTING) {
    throw new InvalidOperation(`A document holds ${MAX_FORMATTING} bytes of formatting; format longer stretches alike`);
  }
  return made;
}

function formattingBytes(document: TextDocument): number {
  return document.runs.reduce((sum, { attributes: { link, alternative } }) => {
    return sum + RUN_BYTES + CHARACTER_BYTES * ((link?.length ?? 0) + (alternative?.length ?? 0));
  }, 0);
}

function componentOf(payload: FlatPayload, isEdit: boolean): Changing {
  switch (payload.operation_type) {
    case "insert": {
      const text = contentOf(payload);
      if (text.length > MAX_INSERT) {
        throw new InvalidOperation(`An insert holds ${MAX_INSERT} units; send several`);
      }
      // The text is new: an attribute that is null removes nothing.
      return insert(text, payload.attributes ? applied(exclusive(payload.attributes), PLAIN) : PLAIN);
    }
    case "delete": {
      const length = payload.content ? payload.content.length : payload.length;
      if (!length) {
        throw new InvalidOperation("A delete needs its length, or its content");
      }
      return remove(length);
    }
    case "format":
      if (!payload.length || !payload.attributes || isPlain(payload.attributes)) {
        throw new InvalidOperation("A format needs its length and at least one attribute");
      }
      return format(payload.length, isEdit ? exclusive(payload.attributes) : payload.attributes);
    default:
      throw new InvalidOperation("A batch within a batch; put its operations into the outer one");
  }
}

function contentOf(payload: FlatPayload): string {
  if (!payload.content) {
    throw new InvalidOperation("An insert needs content of at least one character");
  }
  if (!isWhole(payload.content)) {
    throw new InvalidOperation("The content has a lone surrogate; remove it");
  }
  return payload.content;
}

/** Yield the parts of an operation, left to right, each with its position in the text after those before it. */
function* steps(operation: Operation): Generator<Step> {
  let at = 0;
  for (const component of operation) {
    if (component.kind === "retain") {
      at += component.length;
      continue;
    }
    for (const piece of pieces(component)) {
      yield [at, piece];
      at += piece.kind === "insert" ? piece.text.length : piece.kind === "format" ? piece.length : 0;
    }
  }
}

/** Yield an insert in pieces that one may hold, of whole characters; anything else as it is. */
function* pieces(component: Changing): Generator<Changing> {
  if (component.kind !== "insert" || component.text.length <= MAX_CONTENT_BYTES / 6) {
    yield component;
    return;
  }
  const { text, attributes } = component;
  for (let at = 0; at < text.length; ) {
    const end = pieceEnd(text, at);
    yield insert(text.slice(at, end), attributes);
    at = end;
  }
}

/** Return the end of the longest piece of `text` from `at` that one insert in one frame may hold. */
function pieceEnd(text: string, at: number): number {
  let end = Math.min(at + MAX_INSERT, text.length);
  end -= Number(splitsPair(text, end));
  // JSON writes a control character in six bytes: a piece that is too long with them is halved.
  if (jsonBytes(text.slice(at, end)) > MAX_CONTENT_BYTES) {
    end = at + ((end - at) >> 1);
    end -= Number(splitsPair(text, end));
  }
  return end;
}

function flat([position, component]: Step): FlatOperation {
  if (component.kind === "insert") {
    const { text: content, attributes } = component;
    return isPlain(attributes)
      ? { operation_type: "insert", position, content }
      : { operation_type: "insert", position, content, attributes };
  }
  if (component.kind === "delete") {
    return { operation_type: "delete", position, length: component.length };
  }
  return { operation_type: "format", position, length: component.length, attributes: component.attributes };
}

function jsonBytes(value: unknown): number {
  const json = JSON.stringify(value);
  let bytes = json.length;
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    // a surrogate pair is four bytes of UTF-8: two a unit
    bytes += unit < 0x80 ? 0 : unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

export { SplitsPair };
