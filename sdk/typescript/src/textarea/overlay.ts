/** The cursors of others over a textarea: a copy of its text that is not seen tells where each place is. */
import type { RemoteCursor } from "../documents/index.js";

const COPIED = [
  "direction", "unicodeBidi", "textAlign", "fontFamily", "fontSize", "fontStyle", "fontWeight", "fontVariant",
  "fontStretch", "fontFeatureSettings", "letterSpacing", "lineHeight", "textIndent", "textTransform", "wordSpacing",
  "tabSize", "paddingTop", "paddingRight", "paddingBottom", "paddingLeft", "borderTopWidth", "borderRightWidth",
  "borderBottomWidth", "borderLeftWidth", "boxSizing", "wordBreak", "overflowWrap", "scrollbarGutter",
] as const; // prettier-ignore

/** The cursors of others, drawn over a textarea; it takes no clicks and is no text for a screen reader. */
export class CursorOverlay {
  private readonly box: HTMLDivElement;
  private readonly mirror: HTMLDivElement;
  private readonly marks: HTMLDivElement;
  private readonly observer: ResizeObserver | undefined;
  private readonly onScroll = (): void => this.scroll();

  constructor(private readonly element: HTMLTextAreaElement) {
    const { ownerDocument: page } = element;
    this.box = page.createElement("div");
    this.box.setAttribute("aria-hidden", "true");
    this.box.className = "dossier-cursors";
    Object.assign(this.box.style, { position: "absolute", overflow: "hidden", pointerEvents: "none", zIndex: "1" });
    this.mirror = page.createElement("div");
    Object.assign(this.mirror.style, { position: "absolute", top: "0", left: "0", visibility: "hidden" });
    Object.assign(this.mirror.style, { whiteSpace: "pre-wrap", borderStyle: "solid", borderColor: "transparent" });
    this.marks = page.createElement("div");
    Object.assign(this.marks.style, { position: "absolute", top: "0", left: "0" });
    this.box.append(this.mirror, this.marks);
    element.after(this.box);
    element.addEventListener("scroll", this.onScroll);
    if (typeof ResizeObserver === "function") {
      this.observer = new ResizeObserver(() => this.place());
      this.observer.observe(element);
    }
  }

  /** Draw the cursors over the text that the textarea shows. */
  show(text: string, cursors: Iterable<RemoteCursor>): void {
    this.place();
    this.mirror.textContent = `${text}\u200b`; // so that the place behind a last line end is on a line
    const letters = this.mirror.firstChild as Text;
    const origin = this.mirror.getBoundingClientRect();
    const marks: HTMLElement[] = [];
    for (const cursor of cursors) {
      const start = Math.min(cursor.position, text.length);
      const end = Math.min(start + cursor.selectionLength, text.length);
      if (end > start) {
        for (const box of rectangles(letters, start, end)) {
          marks.push(this.mark(cursor, "selection", box.left - origin.left, box, box.width));
        }
      }
      const place = caret(letters, end, text);
      if (place) {
        marks.push(this.mark(cursor, "caret", place.left - origin.left - 1, place, 2));
      }
    }
    for (const mark of marks) {
      mark.style.top = `${parseFloat(mark.style.top) - origin.top}px`;
    }
    this.marks.replaceChildren(...marks);
    this.scroll();
  }

  destroy(): void {
    this.observer?.disconnect();
    this.element.removeEventListener("scroll", this.onScroll);
    this.box.remove();
  }

  private mark(cursor: RemoteCursor, kind: string, left: number, box: Place, width: number): HTMLElement {
    const mark = this.element.ownerDocument.createElement("div");
    mark.className = `dossier-${kind}`;
    mark.title = cursor.name;
    mark.dataset["user"] = cursor.userId;
    Object.assign(mark.style, {
      position: "absolute",
      left: `${left}px`,
      top: `${box.top}px`,
      width: `${width}px`,
      height: `${box.height}px`,
      background: cursor.color,
      opacity: kind === "selection" ? "0.25" : "1",
    });
    if (kind === "caret") {
      const name = this.element.ownerDocument.createElement("span");
      name.textContent = cursor.name;
      name.dir = "auto";
      Object.assign(name.style, { position: "absolute", bottom: "100%", insetInlineStart: "0", whiteSpace: "nowrap" });
      Object.assign(name.style, { maxWidth: "16em", overflow: "hidden", textOverflow: "ellipsis" });
      Object.assign(name.style, { font: "11px sans-serif", padding: "0 3px", color: "#fff", background: cursor.color });
      mark.append(name);
    }
    return mark;
  }

  private place(): void {
    const { element, box, mirror } = this;
    const style = getComputedStyle(element);
    for (const name of COPIED) {
      mirror.style[name] = style[name];
    }
    const { offsetTop, offsetLeft, offsetWidth, offsetHeight } = element;
    const inside = { top: `${offsetTop}px`, left: `${offsetLeft}px`, width: `${offsetWidth}px`, height: `${offsetHeight}px` };
    Object.assign(box.style, inside);
    // as wide as the text of the textarea, without its scroll bar
    mirror.style.width =
      style.boxSizing === "border-box"
        ? `${element.clientWidth + parseFloat(style.borderLeftWidth) + parseFloat(style.borderRightWidth)}px`
        : `${element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)}px`;
  }

  private scroll(): void {
    this.marks.style.transform = `translate(${-this.element.scrollLeft}px, ${-this.element.scrollTop}px)`;
  }
}

interface Place {
  readonly left: number;
  readonly top: number;
  readonly height: number;
}

function rectangles(letters: Text, start: number, end: number): DOMRect[] {
  const range = letters.ownerDocument.createRange();
  range.setStart(letters, start);
  range.setEnd(letters, end);
  return typeof range.getClientRects === "function" ? [...range.getClientRects()] : [];
}

/** Return the place of a caret: the one that the browser would draw there, whatever the direction of the letters. */
function caret(letters: Text, place: number, text: string): Place | undefined {
  const [own] = text[place - 1] === "\n" ? [] : rectangles(letters, place, place);
  if (own?.height) {
    return own;
  }
  const [next] = rectangles(letters, place, place + 1);
  if (!next) {
    return undefined;
  }
  const isRight = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(text[place] ?? "");
  return { left: isRight ? next.right : next.left, top: next.top, height: next.height };
}
