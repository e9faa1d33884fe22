import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Cursor, transformCursor } from "../../src/documents/ot/cursor.js";
import { apply, invert } from "../../src/documents/ot/document.js";
import { type FlatOperation, parts, read, written } from "../../src/documents/ot/flat.js";
import { History } from "../../src/documents/ot/history.js";
import { transform } from "../../src/documents/ot/transform.js";
import {
  documentFromJson,
  documentToJson,
  type JsonComponent,
  type JsonDocument,
  operationFromJson,
  operationToJson,
} from "./vector_forms.js";

interface Vectors {
  apply: [JsonDocument, JsonComponent[], JsonDocument, JsonComponent[]][];
  transform: [JsonDocument, JsonComponent[], JsonComponent[], JsonComponent[], JsonComponent[], JsonDocument][];
  cursor: [JsonComponent[], boolean, [number, number], [number, number]][];
  flat: [JsonDocument, JsonComponent[], FlatOperation[], JsonDocument][];
  batch: [JsonDocument, FlatOperation[], JsonComponent[], FlatOperation[], JsonDocument][];
  undo: [JsonDocument, [JsonComponent[], boolean][], JsonComponent[], [string, number] | null, JsonDocument, JsonDocument][];
}

const FILE = join(dirname(fileURLToPath(import.meta.url)), "../../../../tests/ot/vectors.json");
const VECTORS = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;

describe.runIf(existsSync(FILE))("the vectors of the Python SDK", () => {
  it("are all there", () => {
    expect(Object.values(VECTORS).reduce((sum, rows) => sum + rows.length, 0)).toBeGreaterThanOrEqual(5_000);
  });

  it("hold: apply", () => {
    for (const [before, by, then, back] of VECTORS.apply) {
      const text = documentFromJson(before);
      const made = apply(operationFromJson(by), text);
      expect(documentToJson(made)).toEqual(then);
      expect(operationToJson(invert(operationFromJson(by), text))).toEqual(back);
      expect(documentToJson(apply(operationFromJson(back), made))).toEqual(before);
    }
  });

  it("hold: transform", () => {
    for (const [before, one, other, oneAfter, otherAfter, then] of VECTORS.transform) {
      const [first, second] = [operationFromJson(one), operationFromJson(other)];
      const [firsts, seconds] = transform(first, second);
      expect([operationToJson(firsts), operationToJson(seconds)]).toEqual([oneAfter, otherAfter]);
      const text = documentFromJson(before);
      expect(documentToJson(apply(seconds, apply(first, text)))).toEqual(then);
      expect(documentToJson(apply(firsts, apply(second, text)))).toEqual(then);
    }
  });

  it("hold: cursor", () => {
    for (const [by, own, [position, selectionLength], then] of VECTORS.cursor) {
      const cursor: Cursor = { position, selectionLength };
      const moved = transformCursor(cursor, operationFromJson(by), own);
      expect([moved.position, moved.selectionLength]).toEqual(then);
    }
  });

  it("hold: flat", () => {
    for (const [before, by, flats, then] of VECTORS.flat) {
      expect(parts(operationFromJson(by)).flatMap(written)).toEqual(flats);
      let text = documentFromJson(before);
      for (const said of flats) {
        text = apply(read(said, text.text.length, true), text);
      }
      expect(documentToJson(text)).toEqual(then);
    }
  });

  it("hold: undo", () => {
    for (const [before, steps, by, within, then, undone] of VECTORS.undo) {
      const history = new History();
      let text = documentFromJson(before);
      for (const [step, isJoined] of steps) {
        history.edited(operationFromJson(step), text, isJoined);
        text = apply(operationFromJson(step), text);
      }
      history.changed(operationFromJson(by), within ? { text: within[0], offset: within[1] } : undefined);
      text = apply(operationFromJson(by), text);
      expect(documentToJson(text)).toEqual(then);
      for (let step = history.undo(text); step; step = history.undo(text)) {
        text = apply(step.operation, text);
        step.done();
      }
      expect(documentToJson(text)).toEqual(undone);
    }
  });

  it("hold: batch", () => {
    for (const [before, operations, by, flats, then] of VECTORS.batch) {
      const text = documentFromJson(before);
      const made = read({ operation_type: "batch", operations }, text.text.length, true);
      expect(operationToJson(made)).toEqual(by);
      expect(written(made)).toEqual(flats);
      expect(documentToJson(apply(made, text))).toEqual(then);
    }
  });
});
