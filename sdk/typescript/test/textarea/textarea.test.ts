// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from "vitest";
import { SharedDocument } from "../../src/documents/index.js";
import { EditPace } from "../../src/documents/pace.js";
import { bindTextarea } from "../../src/textarea/index.js";
import { inShown, inText, shownLines } from "../../src/textarea/lines.js";
import { DocumentService, type FakeConnection } from "../documents/document_service.js";

afterEach(() => {
  window.document.body.replaceChildren();
});

async function pass(...connections: FakeConnection[]): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    connections.forEach((connection) => connection.step());
    await new Promise((resolve) => setTimeout(resolve));
  }
}

async function bound(content: string, options = {}) {
  const service = new DocumentService(content);
  const connection = service.connect("ali");
  const document = new SharedDocument(connection, "paper", new EditPace(0), () => true);
  const element = window.document.createElement("textarea");
  window.document.body.append(element);
  const end = bindTextarea(document, element, options);
  const wasReadOnly = element.readOnly;
  await pass(connection);
  element.focus();
  const type = (text: string, start: number, deleted = 0): void => {
    element.value = element.value.slice(0, start) + text + element.value.slice(start + deleted);
    element.setSelectionRange(start + text.length, start + text.length);
    element.dispatchEvent(new Event("input"));
  };
  const remote = (position: number, text: string): void => {
    const other = service.connect("sara");
    service.edit({ operation_type: "insert", position, content: text, version: service.version, op_id: `o${service.version}` }, other);
  };
  return { service, connection, document, element, end, type, remote, wasReadOnly };
}

it("cannot be written in before the text has come, and then shows and edits it", async () => {
  const { service, connection, document, element, type, remote, wasReadOnly, end } = await bound("hello");
  expect([wasReadOnly, element.readOnly, element.value, element.dir]).toEqual([true, false, "hello", "auto"]);
  type(" مرحبا", 5);
  await pass(connection);
  expect(service.document.text).toBe("hello مرحبا");
  element.setSelectionRange(8, 8);
  remote(0, "😀 ");
  await pass(connection);
  expect([element.value, element.selectionStart]).toEqual(["😀 hello مرحبا", 11]);
  element.dispatchEvent(new KeyboardEvent("keydown", { key: "z", ctrlKey: true, cancelable: true }));
  expect(document.text).toBe("😀 hello");
  expect(element.value).toBe("😀 hello");
  end();
  expect(element.hasAttribute("dir")).toBe(false);
});

it("never touches a word that is being composed, and loses nothing of it or of the others", async () => {
  const { service, connection, element, remote } = await bound("one two");
  element.dispatchEvent(new Event("compositionstart"));
  element.value = "one ´two";
  element.setSelectionRange(5, 5);
  element.dispatchEvent(new Event("input"));
  remote(4, "X ");
  remote(0, "start ");
  await pass(connection);
  expect(element.value).toBe("one ´two");
  element.value = "one étwo";
  element.setSelectionRange(5, 5);
  element.dispatchEvent(new Event("input"));
  element.dispatchEvent(new Event("compositionend"));
  await pass(connection);
  expect(element.value).toBe("start one éX two");
  expect(service.document.text).toBe("start one éX two");
  expect(element.selectionStart).toBe(11);
});

it("shows the document again after a paste that it does not take, with the undo steps as they were", async () => {
  const errors: Error[] = [];
  const { document, element, type } = await bound("text", { onError: (error: Error) => errors.push(error) });
  type("a", 4);
  type("\0bad", 0);
  expect([element.value, document.text, errors.length]).toEqual(["texta", "texta", 1]);
  document.undo();
  expect(element.value).toBe("text");
});

it("undoes and redoes on a keyboard that is not Latin, and by the letter on one that is", async () => {
  const { document, element, type } = await bound("text");
  const press = (key: string, code: string, shiftKey = false): void => {
    element.dispatchEvent(new KeyboardEvent("keydown", { key, code, shiftKey, ctrlKey: true, cancelable: true }));
  };
  type("!", 4);
  const texts = [["ئ", "KeyZ"], ["غ", "KeyY"], ["ئ", "KeyZ"], ["ئ", "KeyZ", true], ["w", "KeyZ"], ["z", "KeyW"]].map(([key, code, shift]) => {
    press(key as string, code as string, shift as boolean);
    return document.text;
  });
  expect(texts).toEqual(["text", "text!", "text", "text!", "text!", "text"]);
});

it("finds the places of a text with other line ends than a textarea shows", async () => {
  const text = "a\r\nb\rc";
  expect(shownLines(text)).toBe("a\nb\nc");
  expect([0, 1, 2, 3, 4, 5].map((place) => inText(text, place))).toEqual([0, 1, 3, 4, 5, 6]);
  expect([0, 1, 3, 4, 5, 6].map((place) => inShown(text, place))).toEqual([0, 1, 2, 3, 4, 5]);
  const { service, connection, type } = await bound(text);
  type("X", 4);
  await pass(connection);
  expect(service.document.text).toBe("a\r\nb\rXc");
});

it("undoes a word that was typed letter by letter as one, and the next word apart from it", async () => {
  const { document, element, type } = await bound("");
  [..."one"].forEach((letter, at) => type(letter, at));
  element.value = "ne";
  type("", 0);
  expect(document.text).toBe("ne");
  document.undo();
  expect(element.value).toBe("one");
  document.undo();
  expect(element.value).toBe("");
});

it("tells the cursor again on focus, also where it is where it was", async () => {
  const { connection, element } = await bound("one two");
  element.setSelectionRange(3, 3);
  element.dispatchEvent(new Event("select"));
  await vi.waitFor(async () => {
    await pass(connection);
    expect(connection.cursors.at(-1)?.position).toBe(3);
  });
  connection.cursors.splice(0);
  element.blur();
  element.focus();
  await vi.waitFor(async () => {
    await pass(connection);
    expect(connection.cursors.map(({ position }) => position)).toEqual([3]);
  });
});
