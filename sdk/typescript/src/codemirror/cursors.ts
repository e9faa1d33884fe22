/** The cursors of others in CodeMirror, drawn in a layer: an element within the text would cut Arabic words. */
import { Annotation, EditorSelection, type Extension } from "@codemirror/state";
import { EditorView, layer, type LayerMarker, RectangleMarker } from "@codemirror/view";
import type { Cursor, RemoteCursor } from "../documents/index.js";

/** Marks the transaction that tells the layer to draw again. */
export const cursorsMoved = Annotation.define<boolean>();

class CursorMarker implements LayerMarker {
  constructor(
    private readonly box: RectangleMarker,
    private readonly cursor: RemoteCursor,
    private readonly isCaret: boolean,
  ) {}

  eq(other: LayerMarker): boolean {
    return (
      other instanceof CursorMarker &&
      this.box.eq(other.box) &&
      this.isCaret === other.isCaret &&
      this.cursor.name === other.cursor.name &&
      this.cursor.color === other.cursor.color
    );
  }

  draw(): HTMLElement {
    const element = this.box.draw();
    element.dataset["user"] = this.cursor.userId;
    if (this.isCaret) {
      element.style.borderInlineStart = `2px solid ${this.cursor.color}`;
      const name = element.ownerDocument.createElement("span");
      name.className = "dossier-caret-name";
      name.dir = "auto";
      name.textContent = this.cursor.name;
      name.style.background = this.cursor.color;
      element.append(name);
    } else {
      element.style.background = this.cursor.color;
    }
    return element;
  }
}

/** Return the layers of the cursors that `cursors` returns, in the editor's places. */
export function cursorLayers(cursors: (view: EditorView) => Iterable<RemoteCursor>): Extension {
  const markers = (view: EditorView, isCaret: boolean): CursorMarker[] =>
    [...cursors(view)].flatMap((cursor) => {
      const { from, to } = within(cursor, view.state.doc.length);
      if (!isCaret && from === to) {
        return [];
      }
      const range = isCaret ? EditorSelection.cursor(to) : EditorSelection.range(from, to);
      const name = isCaret ? "dossier-caret" : "dossier-selection";
      return RectangleMarker.forRange(view, name, range).map((box) => new CursorMarker(box, cursor, isCaret));
    });
  const update = ({ docChanged, geometryChanged, transactions }: Parameters<Parameters<typeof layer>[0]["update"]>[0]): boolean =>
    docChanged || geometryChanged || transactions.some((one) => one.annotation(cursorsMoved));
  return [
    layer({ above: true, class: "dossier-carets", update, markers: (view) => markers(view, true) }),
    layer({ above: false, class: "dossier-selections", update, markers: (view) => markers(view, false) }),
    EditorView.baseTheme({
      ".dossier-selection": { opacity: "0.25" },
      ".dossier-caret": { pointerEvents: "none" },
      ".dossier-caret-name": {
        position: "absolute",
        bottom: "100%",
        insetInlineStart: "-2px",
        padding: "0 3px",
        color: "#fff",
        font: "11px sans-serif",
        whiteSpace: "nowrap",
        maxWidth: "16em",
        overflow: "hidden",
        textOverflow: "ellipsis",
      },
    }),
  ];
}

function within(cursor: Cursor, length: number): { from: number; to: number } {
  const from = Math.min(cursor.position, length);
  return { from, to: Math.min(from + cursor.selectionLength, length) };
}
