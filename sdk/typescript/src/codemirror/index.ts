/** `@dossier/realtime/codemirror`: a shared document in a CodeMirror 6 editor. */
import { Annotation, type ChangeSet, EditorState, type Extension, Prec, type Range, Transaction } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  EditorView,
  keymap,
  type PluginValue,
  ViewPlugin,
  type ViewUpdate,
} from "@codemirror/view";
import type { Component, Operation, RemoteCursor, SharedDocument } from "../documents/index.js";
import { insert, normal, remove, retain } from "../documents/ot/operations.js";
import { LaggingView, replaced, TypingRuns } from "../documents/view.js";
import { cursorLayers, cursorsMoved } from "./cursors.js";

/** The options of `sharedDocument`. */
export interface CodeMirrorOptions {
  /** Called with an edit that the document does not take; the editor then shows the document's text again. */
  readonly onError?: (error: Error) => void;
}

/** Marks the transactions by which the editor follows the document. */
const followed = Annotation.define<boolean>();
const lineDirection = Decoration.line({ attributes: { dir: "auto" } });

/**
 * Return the extension that lets a CodeMirror editor show and edit a document.
 *
 *     new EditorView({ parent, extensions: [basicSetup, sharedDocument(document)] });
 *
 * A word that is being composed is never touched: what others write meanwhile comes in when it is done. Mod-z is the
 * undo of the document, which takes back the user's own words alone. Each line has the direction of its text.
 */
export function sharedDocument(document: SharedDocument, options: CodeMirrorOptions = {}): Extension {
  const plugin = ViewPlugin.define((editor) => new Binding(document, editor, options), {
    decorations: (binding) => binding.decorations,
  });
  const undo = (): boolean => (document.isLoaded && !document.closed ? document.undo() || true : true);
  const redo = (): boolean => (document.isLoaded && !document.closed ? document.redo() || true : true);
  return [
    plugin,
    EditorState.lineSeparator.of("\n"), // else "\r\n" is one place of the editor and two of the document
    EditorView.perLineTextDirection.of(true),
    EditorState.changeFilter.of((one) => {
      const isWritable = document.isLoaded && !document.closed && document.status !== "read-only";
      return isWritable || one.annotation(followed) === true;
    }),
    Prec.high(
      keymap.of([
        { key: "Mod-z", run: undo, preventDefault: true },
        { key: "Mod-y", mac: "Mod-Shift-z", run: redo, preventDefault: true },
        { linux: "Ctrl-Shift-z", win: "Ctrl-Shift-z", run: redo, preventDefault: true },
      ]),
    ),
    cursorLayers((editor) => editor.plugin(plugin)?.cursors ?? []),
  ];
}

class Binding implements PluginValue {
  decorations: DecorationSet;
  private readonly view: LaggingView;
  private readonly typing = new TypingRuns();
  private readonly own = new Set<Operation>();
  private readonly ends: (() => void)[];
  private isUpdating = false;
  private isEnded = false;
  private isDrawing = false; // the cursors of the others, when what runs now has ended

  constructor(
    private readonly document: SharedDocument,
    private readonly editor: EditorView,
    private readonly options: CodeMirrorOptions,
  ) {
    const { length } = editor.state.doc;
    this.view = new LaggingView(length);
    this.view.changed(replaced(length, 0, length, document.text));
    this.decorations = directions(editor);
    this.ends = [
      document.onChange((change) => {
        if (!this.own.delete(change.operation)) {
          this.view.changed(change.operation);
          this.show();
        }
      }),
      document.onCursors(() => this.redraw()),
    ];
    const composed = (): void => void setTimeout(() => this.show());
    editor.contentDOM.addEventListener("compositionend", composed);
    this.ends.push(() => editor.contentDOM.removeEventListener("compositionend", composed));
    queueMicrotask(() => this.show());
  }

  /** The cursors of the others, in the editor's places. */
  get cursors(): RemoteCursor[] {
    return [...this.document.cursors.values()].map((cursor) => ({ ...cursor, ...this.view.inView(cursor) }));
  }

  update(update: ViewUpdate): void {
    this.isUpdating = true;
    for (const one of update.transactions) {
      if (one.docChanged && !one.annotation(followed)) {
        this.take(one.changes, one.isUserEvent("undo") || one.isUserEvent("redo"));
      }
    }
    if (update.docChanged || update.viewportChanged) {
      this.decorations = directions(update.view);
    }
    if (update.selectionSet || update.docChanged || update.focusChanged) {
      this.tellCursor();
    }
    if (update.focusChanged && this.editor.hasFocus && this.document.isLoaded && !this.document.closed) {
      this.document.showCursor();
    }
    this.isUpdating = false;
    if (this.view.isBehind) {
      queueMicrotask(() => this.show());
    }
  }

  destroy(): void {
    this.isEnded = true;
    this.ends.forEach((end) => end());
  }

  private take(changes: ChangeSet, isApart: boolean): void {
    const { document } = this;
    const edit = operationOf(changes);
    const moved = this.view.typed(edit);
    this.own.add(moved);
    const [start, deleted, text] = spanOf(edit);
    const joins = this.typing.joins(start, deleted, text, performance.now()) && !isApart;
    try {
      document.apply(moved, { join: joins });
    } catch (error) {
      this.own.delete(moved);
      this.view.reset(changes.newLength);
      this.view.changed(replaced(changes.newLength, 0, changes.newLength, document.text));
      this.options.onError?.(error as Error);
    }
  }

  private tellCursor(): void {
    const { document, editor } = this;
    if (!editor.hasFocus || !document.isLoaded || document.closed) {
      return;
    }
    const { from, to } = editor.state.selection.main;
    try {
      const { position, selectionLength } = this.view.inDocument({ position: from, selectionLength: to - from });
      document.moveCursor(position, selectionLength);
    } catch {
      // a place of a text that is about to be replaced
    }
  }

  private show(): void {
    if (this.isEnded || this.isUpdating || this.editor.composing || !this.view.isBehind) {
      return;
    }
    const changes = changesOf(this.view.show());
    const annotations = [followed.of(true), Transaction.addToHistory.of(false), Transaction.remote.of(true)];
    this.editor.dispatch({ changes, annotations, sequential: false });
  }

  /** Draw the cursors of the others anew, soon: the news of them may come while the editor is being updated. */
  private redraw(): void {
    if (this.isDrawing) {
      return;
    }
    this.isDrawing = true;
    queueMicrotask(() => {
      this.isDrawing = false;
      if (!this.isEnded) {
        this.editor.dispatch({ annotations: cursorsMoved.of(true) });
      }
    });
  }
}

function directions(editor: EditorView): DecorationSet {
  const lines: Range<Decoration>[] = [];
  for (const { from, to } of editor.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = editor.state.doc.lineAt(at);
      lines.push(lineDirection.range(line.from));
      at = line.to + 1;
    }
  }
  return Decoration.set(lines, true);
}

function operationOf(changes: ChangeSet): Operation {
  const components: Component[] = [];
  let at = 0;
  changes.iterChanges((from, to, _fromB, _toB, text) => {
    components.push(retain(from - at), insert(text.sliceString(0, undefined, "\n")), remove(to - from));
    at = to;
  });
  components.push(retain(changes.length - at));
  return normal(components);
}

function changesOf(operation: Operation): { from: number; to: number; insert: string }[] {
  const changes: { from: number; to: number; insert: string }[] = [];
  let at = 0;
  for (const one of operation) {
    if (one.kind === "insert") {
      changes.push({ from: at, to: at, insert: one.text });
      continue;
    }
    if (one.kind === "delete") {
      changes.push({ from: at, to: at + one.length, insert: "" });
    }
    at += one.length;
  }
  return changes;
}

function spanOf(edit: Operation): [start: number, deleted: number, text: string] {
  const start = edit[0]?.kind === "retain" ? edit[0].length : 0;
  const text = edit.map((one) => (one.kind === "insert" ? one.text : "")).join("");
  return [start, edit.reduce((sum, one) => sum + (one.kind === "delete" ? one.length : 0), 0), text];
}
