/** Documents and operations made of chance; a seed makes the same ones every time. */
import { applied, type Attributes, PLAIN } from "../../src/documents/ot/attributes.js";
import { apply, EMPTY, type TextDocument } from "../../src/documents/ot/document.js";
import { type Component, format, insert, normal, type Operation, remove, retain } from "../../src/documents/ot/operations.js";

const CHARACTERS = [..."ab مé\n😀𝄞"];
const CHANGES: Attributes[] = [
  { bold: true },
  { bold: null },
  { bold: false, italic: true },
  { heading: 1, list: null },
  { heading: null, list: "bullet" },
  { underline: true, link: "https://example.org/" },
  { strike: true, bold: true, list: null },
];

export class Chance {
  constructor(private state: number) {}

  /** Return a number from 0 to 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(options: readonly T[]): T {
    return options[this.below(options.length)]!;
  }

  text(longest: number): string {
    return Array.from({ length: this.below(longest + 1) }, () => this.pick(CHARACTERS)).join("");
  }

  document(longest: number): TextDocument {
    const plain = apply(normal([insert(this.text(longest))]), EMPTY);
    return this.next() < 0.5 ? plain : apply(this.operation(plain, "rrf"), plain);
  }

  /** Return an operation on a document; `kinds`: what it does, letter by letter (retain, insert, delete, format). */
  operation(document: TextDocument, kinds = "rrriddf"): Operation {
    const components: Component[] = [];
    const characters = [...document.text];
    let at = 0;
    for (let step = this.below(7); step > 0; step--) {
      const kind = this.pick([...kinds]);
      if (kind === "i") {
        components.push(insert(this.text(3), this.below(5) ? PLAIN : applied(this.pick(CHANGES), PLAIN)));
        continue;
      }
      const taken = characters.slice(at, at + 1 + this.below(3));
      at += taken.length;
      const length = taken.join("").length;
      components.push(kind === "d" ? remove(length) : kind === "f" ? format(length, this.pick(CHANGES)) : retain(length));
    }
    components.push(retain(characters.slice(at).join("").length));
    return normal(components);
  }
}
