/** The forms of tests/ot/vectors.json, in which the two SDKs hold each other to account; see tests/ot/make_vectors.py. */
import { type Attributes, isPlain } from "../../src/documents/ot/attributes.js";
import { documentOf, formatOf, type TextDocument } from "../../src/documents/ot/document.js";
import { type Component, format, insert, type Operation, remove, retain } from "../../src/documents/ot/operations.js";

export type JsonDocument = [string, [number, number, Attributes][]];
export type JsonComponent = number | string | [string, Attributes] | [number, Attributes];

export function documentToJson(document: TextDocument): JsonDocument {
  return [document.text, formatOf(document).map((run) => [run.position, run.length, run.attributes])];
}

export function documentFromJson([text, runs]: JsonDocument): TextDocument {
  return documentOf(
    text,
    runs.map(([position, length, attributes]) => ({ position, length, attributes })),
  );
}

export function operationToJson(operation: Operation): JsonComponent[] {
  return operation.map((one) => {
    switch (one.kind) {
      case "retain":
        return one.length;
      case "delete":
        return -one.length;
      case "insert":
        return isPlain(one.attributes) ? one.text : [one.text, one.attributes];
      case "format":
        return [one.length, one.attributes];
    }
  });
}

export function operationFromJson(value: JsonComponent[]): Operation {
  return value.map((one): Component => {
    if (typeof one === "number") {
      return one > 0 ? retain(one) : remove(-one);
    }
    if (typeof one === "string") {
      return insert(one);
    }
    return typeof one[0] === "string" ? insert(one[0], one[1]) : format(one[0], one[1]);
  });
}
