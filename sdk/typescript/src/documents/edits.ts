/** Edits as the user of a document gives them. */
import { checkedAttributes } from "./arguments.js";
import { type Attributes, applied, exclusive, PLAIN } from "./ot/attributes.js";
import { attributesAt, type TextDocument } from "./ot/document.js";
import type { Step } from "./ot/flat.js";
import { insert, remove } from "./ot/operations.js";

/** How an edit is made. `join`: undone together with the edit before, as for typing. */
export interface EditOptions {
  readonly join?: boolean;
  /** The attributes of inserted text; without them it is plain. */
  readonly attributes?: Attributes;
}

/** Return the attributes of inserted text. Throws RangeError for what the service does not take. */
export function inserted(options: Pick<EditOptions, "attributes">): Attributes {
  return options.attributes ? applied(exclusive(checkedAttributes(options.attributes)), PLAIN) : PLAIN;
}

/** Return the steps that replace each `old`, from left to right, with the formatting of what they replace. */
export function replacements(document: TextDocument, old: string, text: string): Step[] {
  const steps: Step[] = [];
  let shift = 0;
  for (let at = document.text.indexOf(old); at >= 0; at = document.text.indexOf(old, at + old.length)) {
    steps.push([at + shift, insert(text, attributesAt(document, at))]);
    steps.push([at + shift + text.length, remove(old.length)]);
    shift += text.length - old.length;
  }
  return steps;
}

/** Return the time on a steady clock. */
export function seconds(): number {
  return performance.now() / 1000;
}

/** Return an id that nobody can guess: ids are shown to all readers of a document. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
