/**
 * Undo and redo of one author's edits: their inverses, transformed along every later edit of the others.
 *
 * Edits of others stay: where both set an attribute, theirs holds.
 */

import { invert, type TextDocument } from "./document.js";
import type { Landing } from "./landing.js";
import { changes, type Operation } from "./operations.js";
import { placed } from "./placing.js";
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
  private made = ""; // the name of the last edit, where the service made it: it is undone without what is typed next

  get canUndo(): boolean {
    return this.undos.some((step) => changes(step.operation));
  }

  get canRedo(): boolean {
    return this.redos.some((step) => changes(step.operation));
  }

  /** Add an edit of the author on `document`; `join`: it is undone together with the last one. */
  edited(operation: Operation, document: TextDocument, join: boolean): void {
    let step: HistoryStep = { operation: invert(operation, document) };
    const last = join && !this.made ? this.undos.pop() : undefined;
    if (last) {
      step = { operation: compose(step.operation, last.operation), beneath: last.beneath };
    }
    this.undos.push(step);
    if (this.undos.length > MAX_STEPS) {
      this.undos.shift();
    }
    this.redos.length = 0;
    this.made = "";
  }

  /**
   * Transform the steps along another's change; `within`: it is an insert into text that the author had deleted. `own`: the
   * text before it, where the service made the change for the author: it is an edit as any other, and can be undone.
   * `name`: the name of that edit, which may come as several changes; they are undone together.
   */
  changed(operation: Operation, within?: Landing, own?: TextDocument, name = ""): void {
    if (own) {
      const isMore = name !== "" && name === this.made;
      this.made = "";
      this.edited(operation, own, isMore);
      this.made = name;
      return;
    }
    if (!within || !place(this.undos, operation, within)) {
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

/** Put an insert into the text that the steps restore; false where they do not restore it. */
function place(steps: HistoryStep[], change: Operation, within: Landing): boolean {
  const found = placed(upToDate(steps), change, within);
  if (!found) {
    return false;
  }
  found.steps.forEach((operation, number) => {
    const at = steps.length - 1 - number;
    steps[at] = { operation, beneath: steps[at]!.beneath };
  });
  const lowest = steps.length - found.steps.length;
  const { operation, beneath } = steps[lowest]!;
  steps[lowest] = { operation, beneath: beneath ? compose(beneath, found.beneath) : found.beneath };
  return true;
}

/** The operations of the steps from the last one on, each on the text that the one after it leaves. */
function* upToDate(steps: HistoryStep[]): Iterable<Operation> {
  for (let at = steps.length - 1; at >= 0; at--) {
    const { operation, beneath } = steps[at]!;
    yield operation;
    if (beneath && at > 0) {
      steps[at] = { operation };
      carry(steps, beneath, at - 1);
    }
  }
}

function carry(steps: HistoryStep[], change: Operation, at = steps.length - 1): void {
  // Only one step is transformed now; the change, transformed past it, is kept for the steps below (`beneath`).
  const step = steps[at];
  if (step) {
    const [operation, moved] = transform(step.operation, change);
    steps[at] = { operation, beneath: step.beneath ? compose(step.beneath, moved) : moved };
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
