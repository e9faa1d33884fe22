/** Documents: a text with runs of formatting, the application of an operation, and its inverse. */

import { type Attributes, applied, between, isPlain, PLAIN, sameAttributes } from "./attributes.js";
import { before, type Component, DoesNotFit, extend, format, insert, type Operation, remove, retain } from "./operations.js";

/** An operation with an edge inside of a surrogate pair. */
export class SplitsPair extends RangeError {
  override readonly name: string = "SplitsPair";
  constructor(readonly offset: number) {
    super(`Unit ${offset} is inside of a surrogate pair; move the edge to a whole character`);
  }
}

/** `length` units with the same attributes. */
export interface Run {
  readonly length: number;
  readonly attributes: Attributes;
}

/** A formatted range, as the wire lists it. */
export interface FormatRun {
  readonly position: number;
  readonly length: number;
  readonly attributes: Attributes;
}

/** A text and its formatting. `runs` cover the whole text and neighbours differ; no runs where all is plain. */
export interface TextDocument {
  readonly text: string;
  readonly runs: readonly Run[];
}

export const EMPTY: TextDocument = { text: "", runs: [] };

/** Return true where a cut at `offset` would separate the two surrogates of a character. */
export function splitsPair(text: string, offset: number): boolean {
  if (offset <= 0 || offset >= text.length) {
    return false;
  }
  const unit = text.charCodeAt(offset);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Return true for a text without a lone surrogate. */
export function isWhole(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

/**
 * Return the document of the wire's `content` and `format`.
 *
 * @throws RangeError for runs that do not fit.
 */
export function documentOf(content: string, runs: Iterable<FormatRun> = []): TextDocument {
  const built: Component[] = [];
  let at = 0;
  for (const run of runs) {
    if (run.position < at || run.position + run.length > content.length) {
      throw new RangeError(`The run of formatting at ${run.position} overlaps another or leaves the text`);
    }
    extend(built, retain(run.position - at));
    extend(built, format(run.length, run.attributes));
    at = run.position + run.length;
  }
  extend(built, retain(content.length - at));
  return apply(built, { text: content, runs: [] });
}

/** Return the formatted ranges of a document. */
export function formatOf(document: TextDocument): FormatRun[] {
  const listed: FormatRun[] = [];
  let at = 0;
  for (const run of document.runs) {
    if (!isPlain(run.attributes)) {
      listed.push({ position: at, length: run.length, attributes: run.attributes });
    }
    at += run.length;
  }
  return listed;
}

/** Return the attributes of the unit at `position`. */
export function attributesAt(document: TextDocument, position: number): Attributes {
  let end = 0;
  for (const run of document.runs) {
    end += run.length;
    if (position < end) {
      return run.attributes;
    }
  }
  return PLAIN;
}

/** Return whether two documents are equal. */
export function sameDocument(one: TextDocument, other: TextDocument): boolean {
  return (
    one.text === other.text &&
    one.runs.length === other.runs.length &&
    one.runs.every((run, at) => {
      const its = other.runs[at]!;
      return run.length === its.length && sameAttributes(run.attributes, its.attributes);
    })
  );
}

/**
 * Return the document after the operation.
 *
 * @throws DoesNotFit for an operation on a text of another length, SplitsPair for an edge inside of a character.
 */
export function apply(operation: Operation, document: TextDocument): TextDocument {
  const { text } = document;
  let pieces = "";
  let at = 0;
  let hasFormat = document.runs.length > 0;
  for (const component of operation) {
    if (component.kind === "insert") {
      pieces += component.text;
      hasFormat ||= !isPlain(component.attributes);
      continue;
    }
    const end = at + component.length;
    if (splitsPair(text, end)) {
      throw new SplitsPair(end);
    }
    if (component.kind !== "delete") {
      pieces += text.slice(at, end);
      hasFormat ||= component.kind === "format";
    }
    at = end;
  }
  if (at !== text.length) {
    throw new DoesNotFit(`The operation is for ${at} units, the text has ${text.length}; load the document again`);
  }
  return { text: pieces, runs: hasFormat ? formatted(operation, document) : [] };
}

/** Return the inverse of `operation`, made on `document`: it restores the text and its attributes. */
export function invert(operation: Operation, document: TextDocument): Operation {
  checkLength(operation, document);
  const built: Component[] = [];
  const stretches = new Stretches(document);
  let at = 0;
  for (const component of operation) {
    if (component.kind === "insert") {
      extend(built, remove(component.text.length));
      continue;
    }
    for (const run of stretches.take(component.length)) {
      if (component.kind === "delete") {
        extend(built, insert(document.text.slice(at, at + run.length), run.attributes));
      } else if (component.kind === "format") {
        const changed = applied(component.attributes, run.attributes);
        extend(built, format(run.length, between(changed, run.attributes)));
      } else {
        extend(built, retain(run.length));
      }
      at += run.length;
    }
  }
  return built;
}

/** Return `operation` without the formats that leave `document` as it is; its effect there is the same. */
export function effective(operation: Operation, document: TextDocument): Operation {
  if (!operation.some((one) => one.kind === "format")) {
    return operation;
  }
  checkLength(operation, document);
  const built: Component[] = [];
  const stretches = new Stretches(document);
  for (const component of operation) {
    const has = component.kind === "insert" ? [] : [...stretches.take(component.length)];
    const isIdle =
      component.kind === "format" &&
      has.every((run) => sameAttributes(applied(component.attributes, run.attributes), run.attributes));
    extend(built, isIdle ? retain(component.length) : component);
  }
  return built;
}

/** Return the operation that gives `has` the formatting of `wanted`, which has the same text. */
export function reformatted(has: TextDocument, wanted: TextDocument): Operation {
  const built: Component[] = [];
  const from = new Stretches(has);
  for (const run of wanted.runs.length ? wanted.runs : [{ length: wanted.text.length, attributes: PLAIN }]) {
    for (const old of from.take(run.length)) {
      extend(built, format(old.length, between(old.attributes, run.attributes)));
    }
  }
  return built;
}

function checkLength(operation: Operation, document: TextDocument): void {
  if (before(operation) !== document.text.length) {
    throw new DoesNotFit(`The operation is for ${before(operation)} units, the text has ${document.text.length}`);
  }
}

function formatted(operation: Operation, document: TextDocument): Run[] {
  const runs: Run[] = [];
  const stretches = new Stretches(document);
  for (const component of operation) {
    if (component.kind === "insert") {
      append(runs, component.text.length, component.attributes);
      continue;
    }
    for (const run of stretches.take(component.length)) {
      if (component.kind === "format") {
        append(runs, run.length, applied(component.attributes, run.attributes));
      } else if (component.kind === "retain") {
        append(runs, run.length, run.attributes);
      }
    }
  }
  return runs.every((run) => isPlain(run.attributes)) ? [] : runs;
}

function append(runs: Run[], length: number, attributes: Attributes): void {
  const last = runs[runs.length - 1];
  if (last && sameAttributes(last.attributes, attributes)) {
    runs[runs.length - 1] = { length: last.length + length, attributes };
  } else {
    runs.push({ length, attributes });
  }
}

/** The runs of a document, taken from the left in pieces of any length. */
class Stretches {
  private readonly runs: readonly Run[];
  private at = 0;
  private rest: Run | undefined;

  constructor(document: TextDocument) {
    this.runs = document.runs.length ? document.runs : [{ length: document.text.length, attributes: PLAIN }];
  }

  /** Yield the runs of the next `length` units, which must exist. */
  *take(length: number): Generator<Run> {
    while (length) {
      const run: Run | undefined = this.rest ?? this.runs[this.at++];
      if (!run) {
        throw new DoesNotFit("The operation is for a longer text; load the document again");
      }
      if (run.length > length) {
        this.rest = { length: run.length - length, attributes: run.attributes };
        yield { length, attributes: run.attributes };
        return;
      }
      this.rest = undefined;
      length -= run.length;
      yield run;
    }
  }
}
