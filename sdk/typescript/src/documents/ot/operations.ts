/**
 * Operations: the components that retain, insert, delete and format, from the first unit of a text to its last.
 *
 * An operation covers the whole text, as in Google Wave and ot.js. It is kept normal: no empty component, no two
 * neighbours that could be one, an insert before the delete at its place. So two operations with the same effect on a
 * text of the same length are equal. Every offset and length counts UTF-16 code units, which are those of a string.
 */

import { type Attributes, isPlain, PLAIN, sameAttributes } from "./attributes.js";

/** An operation for a text of another length, or two operations for different texts. */
export class DoesNotFit extends RangeError {
  override readonly name: string = "DoesNotFit";
}

/** `length` units that stay as they are. */
export interface Retain {
  readonly kind: "retain";
  readonly length: number;
}

/** Inserted text. It has its own attributes and inherits none from its neighbours. */
export interface Insert {
  readonly kind: "insert";
  readonly text: string;
  readonly attributes: Attributes;
}

/** `length` units that are deleted. */
export interface Delete {
  readonly kind: "delete";
  readonly length: number;
}

/** `length` units that stay and change their attributes; `null` removes one. */
export interface Format {
  readonly kind: "format";
  readonly length: number;
  readonly attributes: Attributes;
}

/** The components that cover units of the text before the operation. */
export type Span = Retain | Delete | Format;
/** The parts of an operation. */
export type Component = Span | Insert;
/** The components that change something. */
export type Changing = Insert | Delete | Format;
/** A sequence of normal components. */
export type Operation = readonly Component[];

export const retain = (length: number): Retain => ({ kind: "retain", length });
export const insert = (text: string, attributes: Attributes = PLAIN): Insert => ({ kind: "insert", text, attributes });
export const remove = (length: number): Delete => ({ kind: "delete", length });
export const format = (length: number, attributes: Attributes): Format => ({ kind: "format", length, attributes });

/** Return the normal operation of these components. */
export function operation(...components: Component[]): Operation {
  return normal(components);
}

/** Return the normal operation of these components. */
export function normal(components: Iterable<Component>): Operation {
  const built: Component[] = [];
  for (const component of components) {
    extend(built, component);
  }
  return built;
}

/** Return the operation that leaves a text of `length` units as it is. */
export function nothing(length: number): Operation {
  return length ? [retain(length)] : [];
}

/** Return the length of the text before an operation. */
export function before(operation: Operation): number {
  return operation.reduce((sum, one) => sum + (one.kind === "insert" ? 0 : one.length), 0);
}

/** Return the length of the text after an operation. */
export function after(operation: Operation): number {
  return operation.reduce((sum, one) => sum + (one.kind === "delete" ? 0 : size(one)), 0);
}

/** Return true for an operation that changes the text or its formatting. */
export function changes(operation: Operation): boolean {
  return operation.some((one) => one.kind !== "retain");
}

/** Return the number of units that a component covers or inserts. */
export function size(component: Component): number {
  return component.kind === "insert" ? component.text.length : component.length;
}

/** Return whether two operations are equal. */
export function sameOperation(one: Operation, other: Operation): boolean {
  return one.length === other.length && one.every((component, at) => sameComponent(component, other[at]!));
}

/** Append `component` to the components built so far, which stay normal. */
export function extend(built: Component[], component: Component): void {
  if (component.kind === "retain") {
    keep(built, component.length);
  } else if (component.kind === "insert") {
    if (component.text) {
      extendInsert(built, component);
    }
  } else if (component.length) {
    const last = built[built.length - 1];
    if (component.kind === "delete") {
      if (last?.kind === "delete") {
        built[built.length - 1] = remove(last.length + component.length);
      } else {
        built.push(component);
      }
    } else if (isPlain(component.attributes)) {
      keep(built, component.length);
    } else if (last?.kind === "format" && sameAttributes(last.attributes, component.attributes)) {
      built[built.length - 1] = format(last.length + component.length, last.attributes);
    } else {
      built.push(component);
    }
  }
}

/** Append `length` retained units to the components built so far. */
export function keep(built: Component[], length: number): void {
  if (!length) {
    return;
  }
  const last = built[built.length - 1];
  if (last?.kind === "retain") {
    built[built.length - 1] = retain(last.length + length);
  } else {
    built.push(retain(length));
  }
}

/** Return the units from `start` to `end` of a component. */
export function cut<C extends Component>(component: C, start: number, end: number): C {
  if (component.kind === "insert") {
    return { ...component, text: component.text.slice(start, end) };
  }
  return { ...component, length: end - start };
}

/** Append an insert, in front of a delete that ends what is built: the normal order of the two. */
function extendInsert(built: Component[], component: Insert): void {
  const deleted = built[built.length - 1]?.kind === "delete" ? built.pop() : undefined;
  const last = built[built.length - 1];
  if (last?.kind === "insert" && sameAttributes(last.attributes, component.attributes)) {
    built[built.length - 1] = insert(last.text + component.text, last.attributes);
  } else {
    built.push(component);
  }
  if (deleted) {
    built.push(deleted);
  }
}

function sameComponent(one: Component, other: Component): boolean {
  if (one.kind === "insert") {
    return other.kind === "insert" && one.text === other.text && sameAttributes(one.attributes, other.attributes);
  }
  if (one.kind !== other.kind || one.length !== other.length) {
    return false;
  }
  return one.kind !== "format" || (other.kind === "format" && sameAttributes(one.attributes, other.attributes));
}
