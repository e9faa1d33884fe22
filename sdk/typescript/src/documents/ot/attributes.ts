/** The algebra of formatting. One type is both the state of a text (no `null`) and a change of it (`null` removes). */

/** Attributes of formatting. In a change, `null` removes an attribute and one that is left out is unchanged. */
export interface Attributes {
  readonly bold?: boolean | null;
  readonly italic?: boolean | null;
  readonly underline?: boolean | null;
  readonly strike?: boolean | null;
  readonly heading?: number | null;
  readonly list?: "bullet" | "ordered" | null;
  readonly link?: string | null;
  readonly highlight?: "yellow" | "green" | "blue" | "pink" | "orange" | null;
  readonly alternative?: string | null;
}

type Value = string | number | boolean | null;
type Name = keyof Attributes;
type Values = Partial<Record<Name, Value>>;

const NAMES: readonly Name[] = [
  "bold",
  "italic",
  "underline",
  "strike",
  "heading",
  "list",
  "link",
  "highlight",
  "alternative",
];

/** The attributes of plain text; as a change, no change. */
export const PLAIN: Attributes = Object.freeze({});

/** Return true for attributes that are plain, or a change that changes nothing. */
export function isPlain(attributes: Attributes): boolean {
  return attributes === PLAIN || NAMES.every((name) => attributes[name] === undefined);
}

/** Return whether two attributes are equal. */
export function sameAttributes(one: Attributes, other: Attributes): boolean {
  return one === other || NAMES.every((name) => one[name] === other[name]);
}

/** Return the change that has the effect of `first` and then `second`. (A module that exports a `then` cannot be imported.) */
export function chained(first: Attributes, second: Attributes): Attributes {
  return combined(first, second, (a, b) => (b === undefined ? a : b));
}

/** Return the attributes of a text with `has` after `change`. */
export function applied(change: Attributes, has: Attributes): Attributes {
  return combined(has, change, (a, b) => (b === undefined ? a : b === null ? undefined : b));
}

/** Return the part of `change` that is left where `other`, a change of some of the same attributes, wins. */
export function without(change: Attributes, other: Attributes): Attributes {
  return combined(change, other, (a, b) => (b === undefined ? a : undefined));
}

/** Return the change from the attributes `before` to the attributes `after`. */
export function between(before: Attributes, after: Attributes): Attributes {
  return exclusive(combined(before, after, (a, b) => (a === b ? undefined : b === undefined ? null : b)));
}

/**
 * Return a change that sets `heading` or `list` with the removal of the other one; `heading` wins over both.
 *
 * Such a change says by itself all that it does. So of two at once the later decides, attribute by attribute, and the
 * text never has both (docs/protocol.md#formatting).
 */
export function exclusive(change: Attributes): Attributes {
  if (change.heading !== undefined && change.heading !== null) {
    return change.list === null ? change : combined(change, { list: null }, (a, b) => (b === undefined ? a : b));
  }
  if (change.list !== undefined && change.list !== null && change.heading === undefined) {
    return combined(change, { heading: null }, (a, b) => (b === undefined ? a : b));
  }
  return change;
}

function combined(
  one: Attributes,
  other: Attributes,
  choose: (a: Value | undefined, b: Value | undefined) => Value | undefined,
): Attributes {
  const made: Values = {};
  let isEmpty = true;
  for (const name of NAMES) {
    const value = choose(one[name], other[name]);
    if (value !== undefined) {
      made[name] = value;
      isEmpty = false;
    }
  }
  return isEmpty ? PLAIN : (made as Attributes);
}
