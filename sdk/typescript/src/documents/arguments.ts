/**
 * The arguments of edits, checked where they are given.
 *
 * What the service would refuse must not enter the text: it would be refused with all that was typed since the last
 * operation, offline with all of it, and taken back from the text. The forms are those of `Attributes` in docs/schema.json.
 */
import type { Attributes } from "./ot/attributes.js";
import { DoesNotFit, type Operation } from "./ot/operations.js";
import type { Step } from "./ot/flat.js";

type Form = readonly [allows: (value: unknown) => boolean, words: string];

const BLANK = "\\x00-\\x20\\x7f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff";
/** An address that text may link to. */
export const LINK = new RegExp(`^(/|/[^/\\\\${BLANK}][^${BLANK}]*|https://[^${BLANK}]*)$`);
/** The name of a bracketed alternative. */
export const ALTERNATIVE = /^[^\x00-\x1f\x7f]*$/;
export const MAX_LINK = 2048;
export const MAX_ALTERNATIVE = 64;
export const HIGHLIGHTS: readonly unknown[] = ["blue", "green", "orange", "pink", "yellow"];
export const LISTS: readonly unknown[] = ["bullet", "ordered"];

const FLAG: Form = [(value) => typeof value === "boolean", "true"];
const FORMS: Record<keyof Attributes, Form> = {
  bold: FLAG,
  italic: FLAG,
  underline: FLAG,
  strike: FLAG,
  heading: [(value) => value === 1 || value === 2 || value === 3, "1, 2 or 3"],
  list: [(value) => LISTS.includes(value), '"bullet" or "ordered"'],
  link: [
    (value) => isText(value, MAX_LINK) && LINK.test(value as string),
    "a path of this product (/…) or an address https://…, without blanks",
  ],
  highlight: [(value) => HIGHLIGHTS.includes(value), HIGHLIGHTS.join(", ")],
  alternative: [
    (value) => value !== "" && isText(value, MAX_ALTERNATIVE) && ALTERNATIVE.test(value as string),
    `a name of one line and at most ${MAX_ALTERNATIVE} characters`,
  ],
};

/**
 * Return attributes that the service takes.
 *
 * @throws RangeError for another name or value.
 */
export function checkedAttributes(attributes: Attributes): Attributes {
  for (const [name, value] of Object.entries(attributes)) {
    const form = Object.hasOwn(FORMS, name) ? FORMS[name as keyof Attributes] : undefined;
    if (!form) {
      throw new RangeError(`There is no formatting "${name}"; use ${Object.keys(FORMS).join(", ")}`);
    }
    if (value !== null && value !== undefined && !form[0](value)) {
      throw new RangeError(`The formatting ${name} cannot have this value; use ${form[1]}, or null to remove it`);
    }
  }
  return attributes;
}

/**
 * Check the texts, places and lengths of edits. Whether they are within the text is checked where they are made.
 *
 * @throws TypeError for what is no text, DoesNotFit for a number that is not whole, or below 0.
 */
export function checkSteps(steps: Iterable<Step>): void {
  for (const [position, component] of steps) {
    if (component.kind === "insert") {
      checkText(component.text);
    } else {
      checkNumber("length", component.length);
    }
    checkNumber("position", position);
  }
}

/**
 * Check what an operation inserts and formats.
 *
 * @throws TypeError for what is no text, RangeError for formatting that the service does not take.
 */
export function checkOperation(operation: Operation): void {
  for (const component of operation) {
    if (component.kind === "insert") {
      checkText(component.text);
    }
    if (component.kind === "insert" || component.kind === "format") {
      checkedAttributes(component.attributes);
    }
  }
}

function checkText(text: unknown): void {
  if (typeof text !== "string") {
    throw new TypeError("Only a text can be inserted; make a string of it");
  }
}

function checkNumber(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new DoesNotFit(`The ${name} ${String(value)} is no whole number from 0 on; count UTF-16 units from the text's start`);
  }
}

function isText(value: unknown, characters: number): boolean {
  return typeof value === "string" && !/[\ud800-\udfff]/u.test(value) && [...value].length <= characters;
}
