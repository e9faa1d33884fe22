/** A page with one document in a textarea or in CodeMirror, for tests in a real browser; `window.page` is its handle. */
import { EditorView } from "@codemirror/view";
import { sharedDocument } from "../../src/codemirror/index.js";
import { openDocument, type SharedDocument } from "../../src/documents/index.js";
import { DossierRealtimeClient } from "../../src/index.js";
import { bindTextarea } from "../../src/textarea/index.js";

interface Page {
  client: DossierRealtimeClient;
  document: SharedDocument;
  errors: string[];
  /** Return what the editor shows. */
  shown(): string;
  /** Put the caret at a place, and the keyboard into the editor. */
  focus(at: number, length?: number): void;
  /** Return the places of the carets of others in pixels, by user. */
  carets(): Record<string, [number, number]>;
}

const query = new URLSearchParams(location.hash.slice(1));
const host = document.getElementById("editor")!;
const client = new DossierRealtimeClient({ token: query.get("token")!, url: query.get("url")! });
const shared = openDocument(client, query.get("id")!);
const errors: string[] = [];
shared.onError((error) => errors.push(error.message));
const log = console.error.bind(console);
console.error = (...said: unknown[]) => {
  errors.push(said.map(String).join(" ")); // a listener that failed is told here alone
  log(...said);
};

function carets(): Record<string, [number, number]> {
  const found = [...document.querySelectorAll<HTMLElement>(".dossier-caret")];
  return Object.fromEntries(
    found.map((mark) => {
      const { left, top } = mark.getBoundingClientRect();
      return [mark.dataset["user"]!, [left, top]];
    }),
  );
}

const common = { client, document: shared, errors, carets };
let page: Page;
if (query.get("editor") === "codemirror") {
  const view = new EditorView({ parent: host, extensions: [sharedDocument(shared), EditorView.lineWrapping] });
  page = {
    ...common,
    shown: () => view.state.doc.toString(),
    focus: (at, length = 0) => {
      view.focus();
      view.dispatch({ selection: { anchor: at, head: at + length } });
    },
  };
} else {
  const area = document.createElement("textarea");
  area.rows = 12;
  area.cols = 60;
  host.append(area);
  bindTextarea(shared, area);
  page = {
    ...common,
    shown: () => area.value,
    focus: (at, length = 0) => {
      area.focus();
      area.setSelectionRange(at, at + length);
    },
  };
}
(window as unknown as { page: Page }).page = page;
