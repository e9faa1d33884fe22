/** What the service would refuse does not enter the text: it would take what was typed beside it along. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ALTERNATIVE, HIGHLIGHTS, LINK, LISTS, MAX_ALTERNATIVE, MAX_LINK } from "../../src/documents/arguments.js";
import { SharedDocument } from "../../src/documents/index.js";
import { format, insert, retain } from "../../src/documents/ot/operations.js";
import { EditPace } from "../../src/documents/pace.js";
import { Chance } from "./chance.js";
import { DocumentService } from "./document_service.js";

const TEXT = "ab😀cd";

function opened(): SharedDocument {
  const connection = new DocumentService(TEXT).connect("ali", new Chance(1));
  const document = new SharedDocument(connection, "paper", new EditPace(0), () => true);
  while (!document.isLoaded) {
    connection.step();
  }
  return document;
}

const WRONG: [string, (document: SharedDocument) => void][] = [
  ...[
    { link: "http://example.org" },
    { link: "javascript:alert(1)" },
    { link: "https://a b" },
    { link: `/${"a".repeat(2048)}` },
    { heading: 0 },
    { heading: 4 },
    { heading: 1.5 },
    { list: "dotted" },
    { highlight: "red" },
    { alternative: "" },
    { alternative: "a\nb" },
    { alternative: "a".repeat(65) },
    { alternative: "\ud83d" },
    { bold: "yes" },
    { colour: "red" },
    { toString: true },
  ].flatMap((attributes): [string, (document: SharedDocument) => void][] => [
    [`format ${JSON.stringify(attributes).slice(0, 40)}`, (document) => document.format(0, 1, attributes as never)],
    [
      `insert ${JSON.stringify(attributes).slice(0, 40)}`,
      (document) => document.insert(0, "x", { attributes: attributes as never }),
    ],
    [
      `edit ${JSON.stringify(attributes).slice(0, 40)}`,
      (document) => document.edit([{ operation_type: "format", position: 0, length: 1, attributes: attributes as never }]),
    ],
    [
      `apply ${JSON.stringify(attributes).slice(0, 40)}`,
      (document) => document.apply([format(1, attributes as never), retain(5)]),
    ],
  ]),
  ["a position that is a text", (document) => document.insert("0" as never, "x")],
  ["a broken position", (document) => document.insert(1.5, "x")],
  ["a position that is no number", (document) => document.insert(NaN, "x")],
  ["a position before the text", (document) => document.insert(-1, "x")],
  ["a negative length", (document) => document.delete(3, -1)],
  ["a broken length", (document) => document.format(0, 0.5, { bold: true })],
  ["a negative length of a replacement", (document) => document.replace(3, -1, "x")],
  ["a place inside of a character", (document) => document.insert(3, "x")],
  ["a number as text", (document) => document.insert(0, 5 as never)],
  ["nothing as text", (document) => document.replace(0, 1, undefined as never)],
  ["a number as text of an operation", (document) => document.apply([insert(5 as never), retain(6)])],
];

it.each(WRONG)("refuses %s and leaves the text as it is", (_, edit) => {
  const document = opened();
  document.insert(0, "typed ");
  document.delete(0, 6);
  const { text, formatting } = document;
  expect(() => edit(document)).toThrow();
  expect([document.text, document.formatting]).toEqual([text, formatting]);
  expect(() => document.transaction(() => edit(document))).toThrow();
  expect([document.text, document.formatting]).toEqual([text, formatting]);
});

it("takes every formatting, and nothing for an empty stretch", () => {
  const document = opened();
  document.format(0, 2, { bold: true, italic: false, heading: 3, link: "/a?b#ج", highlight: "pink", alternative: "أ 😀" });
  document.format(4, 2, { list: "ordered", link: "https://example.org", strike: true, underline: true });
  document.format(0, 2, { link: null, heading: null, bold: null });
  document.insert(0, "", { attributes: { link: "/" } });
  document.delete(0, 0);
  expect(document.text).toBe(TEXT);
  expect(document.formatting[0]!.attributes).toEqual({ italic: false, highlight: "pink", alternative: "أ 😀" });
});

it("says how to go on", () => {
  expect(() => opened().format(0, 1, { link: "http://example.org" })).toThrow(/address https:/);
});

it("knows the forms of the service", () => {
  const schema = JSON.parse(readFileSync(new URL("../../../../docs/schema.json", import.meta.url), "utf8")) as {
    $defs: { Attributes: { properties: Record<string, { anyOf: Record<string, unknown>[] }> } };
  };
  const of = (name: string) => schema.$defs.Attributes.properties[name]!.anyOf[0]!;
  expect(of("link")).toEqual({ type: "string", maxLength: MAX_LINK, pattern: expect.any(String) as string });
  expect(new RegExp(of("link")["pattern"] as string).source).toBe(LINK.source);
  expect(new RegExp(of("alternative")["pattern"] as string).source).toBe(ALTERNATIVE.source);
  expect([of("alternative")["minLength"], of("alternative")["maxLength"]]).toEqual([1, MAX_ALTERNATIVE]);
  expect([of("highlight")["enum"], of("list")["enum"]]).toEqual([HIGHLIGHTS, LISTS]);
  expect(of("heading")).toEqual({ type: "integer", minimum: 1, maximum: 3 });
  expect(Object.keys(schema.$defs.Attributes.properties)).toHaveLength(9);
});
