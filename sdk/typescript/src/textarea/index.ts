/** `@dossier/realtime/textarea`: a shared document in a plain `<textarea>`. */
import type { Change, Cursor, Operation, RemoteCursor, SharedDocument } from "../documents/index.js";
import { replacement } from "../documents/ot/difference.js";
import { transformCursor } from "../documents/ot/cursor.js";
import { apply } from "../documents/ot/document.js";
import { LaggingView, replaced, TypingRuns } from "../documents/view.js";
import { inShown, inText, shownLines } from "./lines.js";
import { CursorOverlay } from "./overlay.js";

/** The options of `bindTextarea`. */
export interface TextareaOptions {
  /** Draw the cursors of the others over the text; true by default. The parent is best `position: relative`. */
  readonly showCursors?: boolean;
  /** Called with an edit that the document does not take; the textarea then shows the document's text again. */
  readonly onError?: (error: Error) => void;
}

/**
 * Let a textarea show and edit a document. Returns the function that ends it.
 *
 * A word that is being composed is never touched: what others write meanwhile comes in when it is done. Undo and redo
 * are those of the document: they take back the user's own words alone. The textarea cannot be written in before the
 * text has come, and while the document takes no edits. Without a `dir` of its own it gets `dir="auto"`.
 */
export function bindTextarea(
  document: SharedDocument,
  element: HTMLTextAreaElement,
  options: TextareaOptions = {},
): () => void {
  const binding = new TextareaBinding(document, element, options);
  return () => binding.end();
}

class TextareaBinding {
  private shown: string; // the document's text as far as the textarea shows it
  private readonly view: LaggingView;
  private readonly typing = new TypingRuns();
  private readonly own = new Set<Operation>();
  private readonly overlay: CursorOverlay | undefined;
  private readonly ends: (() => void)[] = [];
  private isComposing = false;

  constructor(
    private readonly document: SharedDocument,
    private readonly element: HTMLTextAreaElement,
    private readonly options: TextareaOptions,
  ) {
    this.shown = document.text;
    this.view = new LaggingView(document.length);
    element.value = shownLines(this.shown);
    const { readOnly } = element;
    this.ends.push(() => (element.readOnly = readOnly));
    if (!element.hasAttribute("dir")) {
      element.dir = "auto";
      this.ends.push(() => element.removeAttribute("dir"));
    }
    if (options.showCursors ?? true) {
      const overlay = new CursorOverlay(element);
      this.overlay = overlay;
      this.ends.push(() => overlay.destroy());
    }
    const page = element.ownerDocument;
    this.hear(element, "beforeinput", (event) => this.beforeInput(event as InputEvent));
    this.hear(element, "input", () => this.input());
    this.hear(element, "keydown", (event) => this.key(event as KeyboardEvent));
    this.hear(element, "compositionstart", () => (this.isComposing = true));
    this.hear(element, "compositionend", () => this.composed());
    for (const name of ["select", "keyup", "pointerup", "focus", "selectionchange"]) {
      this.hear(element, name, () => this.tellCursor());
    }
    this.hear(element, "focus", () => document.isLoaded && !document.closed && document.showCursor());
    this.hear(page, "selectionchange", () => page.activeElement === element && this.tellCursor());
    this.ends.push(document.onChange((change) => this.changed(change)));
    this.ends.push(document.onCursors(() => this.drawCursors()));
    this.ends.push(document.onStatus(() => this.setWritable()));
    this.setWritable();
    this.drawCursors();
  }

  end(): void {
    this.ends.splice(0).forEach((end) => end());
  }

  private hear(target: EventTarget, name: string, listener: (event: Event) => unknown): void {
    const once = (event: Event): void => void listener(event);
    target.addEventListener(name, once);
    this.ends.push(() => target.removeEventListener(name, once));
  }

  // --- from the user to the document

  private beforeInput(event: InputEvent): void {
    if (event.inputType === "historyUndo" || event.inputType === "historyRedo") {
      event.preventDefault();
      this.history(event.inputType === "historyUndo");
    }
  }

  private key(event: KeyboardEvent): void {
    // On an Arabic keyboard, as on others that are not Latin, the key is known by its place.
    const key = /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : event.code.replace("Key", "").toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.isComposing || (key !== "z" && key !== "y")) {
      return;
    }
    event.preventDefault();
    this.history(key === "z" && !event.shiftKey);
  }

  private history(isUndo: boolean): void {
    if (this.isComposing || this.element.readOnly) {
      return;
    }
    this.typing.end();
    if (isUndo) {
      this.document.undo();
    } else {
      this.document.redo();
    }
  }

  private input(): void {
    if (!this.isComposing) {
      this.take();
      this.tellCursor();
    }
  }

  private composed(): void {
    this.isComposing = false;
    this.take();
    this.show();
    this.tellCursor();
  }

  /** Take what the user has typed since the textarea was last in step. */
  private take(): void {
    const { element, shown } = this;
    const [at, deleted, text] = replacement(shownLines(shown), element.value, element.selectionEnd);
    if (!deleted && !text) {
      return;
    }
    const start = inText(shown, at);
    const length = inText(shown, at + deleted) - start;
    const edit = replaced(shown.length, start, length, text);
    const moved = this.view.typed(edit);
    this.own.add(moved);
    try {
      this.document.apply(moved, { join: this.typing.joins(start, length, text, performance.now()) });
      this.shown = shown.slice(0, start) + text + shown.slice(start + length);
    } catch (error) {
      this.own.delete(moved);
      this.shown = this.document.text;
      this.view.reset(this.shown.length);
      this.write(this.shown, { position: Math.min(start, this.shown.length), selectionLength: 0 });
      this.options.onError?.(error as Error);
    }
    this.drawCursors();
  }

  private tellCursor(): void {
    const { element, document } = this;
    if (element.ownerDocument.activeElement !== element || !document.isLoaded || document.closed || this.isComposing) {
      return;
    }
    if (element.value !== shownLines(this.shown)) {
      return; // the caret has moved with what was typed, and `input` comes next
    }
    const { position, selectionLength } = this.view.inDocument(this.selection());
    try {
      document.moveCursor(position, selectionLength);
    } catch {
      // between the two halves of a character, for the moment of a key
    }
  }

  // --- from the document to the user

  private changed(change: Change): void {
    if (this.own.delete(change.operation)) {
      return;
    }
    this.view.changed(change.operation);
    if (!this.isComposing) {
      this.show(change.origin === "undo" || change.origin === "redo");
    }
    this.setWritable();
  }

  /** Show what the document has and the textarea has not; `atEnd`: the caret goes behind it. */
  private show(atEnd = false): void {
    if (!this.view.isBehind) {
      return;
    }
    const selection = this.selection();
    const operation = this.view.show();
    this.shown = apply(operation, { text: this.shown, runs: [] }).text;
    this.write(this.shown, atEnd ? { position: endOf(operation), selectionLength: 0 } : transformCursor(selection, operation));
    this.drawCursors();
  }

  private write(text: string, selection: Cursor): void {
    const { element } = this;
    const { scrollTop, scrollLeft, selectionDirection } = element;
    element.value = shownLines(text);
    const start = inShown(text, selection.position);
    const end = inShown(text, selection.position + selection.selectionLength);
    if (element.ownerDocument.activeElement === element) {
      element.setSelectionRange(start, end, selectionDirection);
    }
    element.scrollTop = scrollTop;
    element.scrollLeft = scrollLeft;
  }

  private selection(): Cursor {
    const { selectionStart, selectionEnd } = this.element;
    const position = inText(this.shown, selectionStart);
    return { position, selectionLength: inText(this.shown, selectionEnd) - position };
  }

  private setWritable(): void {
    const { document } = this;
    this.element.readOnly = !document.isLoaded || document.closed || document.status === "read-only";
  }

  private drawCursors(): void {
    if (!this.overlay) {
      return;
    }
    const cursors = [...this.document.cursors.values()].map((cursor): RemoteCursor => {
      const place = this.view.inView(cursor);
      const position = inShown(this.shown, place.position);
      const selectionLength = inShown(this.shown, place.position + place.selectionLength) - position;
      return { ...cursor, position, selectionLength };
    });
    this.overlay.show(this.element.value, this.isComposing ? [] : cursors);
  }
}

/** Return the place behind the last change of an operation, in the text after it. */
function endOf(operation: Operation): number {
  let at = 0;
  let end = 0;
  for (const one of operation) {
    at += one.kind === "insert" ? one.text.length : one.kind === "delete" ? 0 : one.length;
    end = one.kind === "retain" ? end : at;
  }
  return end;
}
