/**
 * Undo and redo of one author's edits: their inverses, transformed along every later edit of the others.
 *
 * Edits of others stay: where both set an attribute, theirs holds.
 */

import { invert, type TextDocument } from "./document.js";
import type { Landing } from "./landing.js";
import { after, changes, insert, type Operation, operation as operationOf, retain } from "./operations.js";
import { compose, transform } from "./transform.js";

const MAX_STEPS = 200; // edits that can be undone

/**
 * The last step of a list applies to the present text; every other one to the text that the step after it leaves.
 * `beneath` is the composition of the others' changes that the steps below have not been transformed along yet.
 */
interface HistoryStep {
  readonly operation: Operation;
  readonly beneath?: Operation | undefined;
}

/** The operation of an undo or a redo, and the function to call once it is applied. */
export interface NextStep {
  readonly operation: Operation;
  readonly done: () => void;
}

/** The undo and redo steps of one author in one document. It must be given every change of the text. */
export class History {
  private readonly undos: HistoryStep[] = [];
  private readonly redos: HistoryStep[] = [];

  get canUndo(): boolean {
    return this.undos.some((step) => changes(step.operation));
  }

  get canRedo(): boolean {
    return this.redos.some((step) => changes(step.operation));
  }

  /** Add an edit of the author on `document`; `join`: it is undone together with the last one. */
  edited(operation: Operation, document: TextDocument, join: boolean): void {
    let step: HistoryStep = { operation: invert(operation, document) };
    const last = join ? this.undos.pop() : undefined;
    if (last) {
      step = { operation: compose(step.operation, last.operation), beneath: last.beneath };
    }
    this.undos.push(step);
    if (this.undos.length > MAX_STEPS) {
      this.undos.shift();
    }
    this.redos.length = 0;
  }

  /** Transform the steps along another's change; `within`: it is an insert into text that the author had deleted. */
  changed(operation: Operation, within?: Landing): void {
    const top = this.undos[this.undos.length - 1];
    const split = within && top ? around(top.operation, operation, within) : undefined;
    if (top && split) {
      const [step, change] = split;
      const beneath = top.beneath ? compose(top.beneath, change) : change;
      this.undos[this.undos.length - 1] = { operation: step, beneath };
    } else {
      carry(this.undos, operation);
    }
    carry(this.redos, operation);
  }

  /** Return the step that undoes the last edit; undefined without one. */
  undo(document: TextDocument): NextStep | undefined {
    return next(this.undos, this.redos, document);
  }

  /** Return the step that redoes the edit that was undone last; undefined without one. */
  redo(document: TextDocument): NextStep | undefined {
    return next(this.redos, this.undos, document);
  }
}

/** Return the step that restores the deleted text on both sides of the insert, and the insert behind the step. */
function around(step: Operation, change: Operation, within: Landing): [Operation, Operation] | undefined {
  const inserts = change.filter((one) => one.kind === "insert");
  const inserted = inserts[0];
  if (inserts.length !== 1 || !inserted || change.some((one) => one.kind !== "insert" && one.kind !== "retain")) {
    return undefined;
  }
  const first = change[0];
  const place = first?.kind === "retain" ? first.length : 0;
  let at = 0;
  for (let number = 0; number < step.length; number++) {
    const component = step[number]!;
    if (component.kind !== "insert") {
      at += component.length;
    } else if (at === place && component.text === within.text) {
      const left = insert(component.text.slice(0, within.offset), component.attributes);
      const right = insert(component.text.slice(within.offset), component.attributes);
      const ahead = step.slice(0, number);
      const split = operationOf(...ahead, left, retain(inserted.text.length), right, ...step.slice(number + 1));
      const start = after(ahead) + within.offset;
      return [split, operationOf(retain(start), inserted, retain(after(step) - start))];
    }
  }
  return undefined;
}

function carry(steps: HistoryStep[], change: Operation): void {
  // Only the top step is transformed now; the change, transformed past it, is kept for the steps below (`beneath`).
  const top = steps[steps.length - 1];
  if (top) {
    const [operation, moved] = transform(top.operation, change);
    steps[steps.length - 1] = { operation, beneath: top.beneath ? compose(top.beneath, moved) : moved };
  }
}

function next(taken: HistoryStep[], other: HistoryStep[], document: TextDocument): NextStep | undefined {
  for (let top = taken[taken.length - 1]; top; top = taken[taken.length - 1]) {
    const { operation } = top;
    if (changes(operation)) {
      const inverse = invert(operation, document);
      const done = (): void => {
        pop(taken);
        other.push({ operation: inverse });
      };
      return { operation, done };
    }
    pop(taken); // edits of the others left nothing of it; the step below is next
  }
  return undefined;
}

function pop(steps: HistoryStep[]): void {
  const beneath = steps.pop()?.beneath;
  if (beneath) {
    carry(steps, beneath);
  }
}
