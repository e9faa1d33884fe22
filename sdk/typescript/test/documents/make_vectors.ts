/** Prints vectors in the form of tests/ot/vectors.json, for the Python SDK to be held to: `node make_vectors.js seed`. */
import { transformCursor } from "../../src/documents/ot/cursor.js";
import { apply, invert, type TextDocument } from "../../src/documents/ot/document.js";
import { type FlatOperation, parts, written } from "../../src/documents/ot/flat.js";
import { changes, nothing } from "../../src/documents/ot/operations.js";
import { compose, transform } from "../../src/documents/ot/transform.js";
import { Chance } from "./chance.js";
import { documentToJson, operationToJson } from "./vector_forms.js";

const COUNTS = { apply: 1_000, transform: 1_500, cursor: 1_000, flat: 750, batch: 750 };

function made(kind: keyof typeof COUNTS, chance: Chance): unknown {
  const document = chance.document(12);
  const operation = chance.operation(document);
  switch (kind) {
    case "apply": {
      const after = apply(operation, document);
      return [
        documentToJson(document),
        operationToJson(operation),
        documentToJson(after),
        operationToJson(invert(operation, document)),
      ];
    }
    case "transform": {
      const second = chance.operation(document);
      const both = transform(operation, second);
      const operations = [operation, second, ...both].map(operationToJson);
      return [documentToJson(document), ...operations, documentToJson(apply(both[1], apply(operation, document)))];
    }
    case "cursor": {
      const position = chance.below(document.text.length + 1);
      const selectionLength = chance.below(2) ? chance.below(document.text.length - position + 1) : 0;
      const own = chance.below(2) === 1;
      const moved = transformCursor({ position, selectionLength }, operation, own);
      return [operationToJson(operation), own, [position, selectionLength], [moved.position, moved.selectionLength]];
    }
    case "flat": {
      const flats = parts(operation).flatMap(written);
      return [documentToJson(document), operationToJson(operation), flats, documentToJson(apply(operation, document))];
    }
    case "batch":
      return batch(document, chance);
  }
}

function batch(document: TextDocument, chance: Chance): unknown {
  let text = document;
  let whole = nothing(document.text.length);
  const flats: FlatOperation[] = [];
  while (!flats.length) {
    for (let turn = 0; turn < 3; turn++) {
      const operation = chance.operation(text);
      flats.push(...written(operation));
      text = apply(operation, text);
      whole = compose(whole, operation);
    }
  }
  const left = changes(whole) ? written(whole) : [];
  return [documentToJson(document), flats, operationToJson(whole), left, documentToJson(text)];
}

const chance = new Chance(Number(process.argv[2] ?? 20260925));
const vectors: Record<string, unknown[]> = {};
for (const kind of Object.keys(COUNTS) as (keyof typeof COUNTS)[]) {
  vectors[kind] = Array.from({ length: COUNTS[kind] }, () => made(kind, chance));
}
console.log(JSON.stringify(vectors));
