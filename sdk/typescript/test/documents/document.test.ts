import { expect, it } from "vitest";
import { type Change, cursorColor, DocumentRestored, openDocument, SharedDocument } from "../../src/documents/index.js";
import { EditPace } from "../../src/documents/pace.js";
import { Chance } from "./chance.js";
import { DocumentService, type FakeConnection } from "./document_service.js";

async function settle(...connections: FakeConnection[]): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet++) {
    for (const connection of connections) {
      if (!connection.isIdle) {
        quiet = 0;
      }
      connection.step();
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function saved(document: SharedDocument, ...connections: FakeConnection[]): Promise<void> {
  void document.flush();
  while (!document.synced) {
    await settle(...connections);
  }
}

/** Open a document whose edits go at once; `openDocument` is used where the pace is part of the test. */
function opened(connection: FakeConnection): SharedDocument {
  return new SharedDocument(connection, "paper", new EditPace(0), () => true);
}

it("lets everybody see one text, whatever is late, lost or doubled", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const chance = new Chance(seed);
    const service = new DocumentService("ab😀");
    const connections = ["ali", "sara", "omar"].map((user) => service.connect(user, chance));
    const documents = connections.map(opened);
    const copies = documents.map(() => "");
    documents.forEach((document, at) => {
      document.onError((error) => expect.fail(`seed ${seed}: ${error.message}`));
      document.onChange((change: Change) => {
        for (const { operation_type: type, position, content, length } of change.edits) {
          const copy = copies[at]!;
          const text = type === "insert" ? content! : type === "delete" ? "" : copy.slice(position, position + length!);
          copies[at] = copy.slice(0, position) + text + copy.slice(position + (type === "insert" ? 0 : length!));
        }
      });
    });
    while (!documents.every((document) => document.isLoaded)) {
      connections.forEach((connection) => connection.step());
    }
    for (let step = 0; step < 60; step++) {
      const at = chance.below(3);
      const [document, connection] = [documents[at]!, connections[at]!];
      switch (chance.below(9)) {
        case 0:
          if (connection.isUp) {
            connection.down();
          }
          break;
        case 1:
          document.undo();
          break;
        case 2:
          document.redo();
          break;
        case 3:
        case 4:
          connection.step();
          break;
        default:
          document.apply(chance.operation({ text: document.text, runs: [] }), { join: chance.below(3) === 0 });
      }
      if (!connection.isUp && chance.below(3) === 0) {
        connection.up();
      }
      if (chance.below(4) === 0) {
        await Promise.resolve();
      }
    }
    for (let round = 0; documents.some((document) => !document.synced) || round < 2; round++) {
      connections.forEach((connection) => (connection.isUp ? undefined : connection.up()));
      if (round % 5 === 4) {
        connections.forEach((connection) => (connection.down(), connection.up()));
      }
      await settle(...connections);
      expect(round).toBeLessThan(100);
    }
    for (const [at, document] of documents.entries()) {
      expect([seed, document.text]).toEqual([seed, service.document.text]);
      expect(copies[at]).toBe(document.text);
      document.close();
    }
  }
});

it("joins what is typed into one operation, and undoes only its user's own words", async () => {
  const service = new DocumentService();
  const [a, b] = [service.connect("ali"), service.connect("sara")];
  const [mine, hers] = [openDocument(a, "paper"), openDocument(b, "paper")];
  await settle(a, b);
  for (const letter of "مرحبا") {
    mine.insert(mine.length, letter, { join: mine.length > 0 });
  }
  await saved(mine, a, b);
  expect(service.log.length).toBeLessThanOrEqual(2);
  hers.insert(hers.length, " hello");
  await saved(hers, a, b);
  expect(mine.text).toBe("مرحبا hello");
  expect(mine.undo()).toBe(true);
  expect(mine.text).toBe(" hello");
  expect(mine.undo()).toBe(false);
  expect(mine.redo()).toBe(true);
  await saved(mine, a, b);
  expect(hers.text).toBe("مرحبا hello");
});

it("makes one change and one step of a transaction, and none of one that fails", async () => {
  const service = new DocumentService("one two one");
  const connection = service.connect("ali");
  const document = opened(connection);
  await settle(connection);
  const changes: Change[] = [];
  document.onChange((change) => changes.push(change));
  document.transaction(() => {
    document.delete(0, 4);
    document.insert(0, "Draft: ", { attributes: { bold: true } });
    expect(() =>
      document.transaction(() => {
        document.insert(0, "never");
        throw new Error("stop");
      }),
    ).toThrow("stop");
    document.moveCursor(3);
  });
  expect(document.text).toBe("Draft: two one");
  expect(document.formatting).toEqual([{ position: 0, length: 7, attributes: { bold: true } }]);
  expect(document.cursor).toEqual({ position: 3, selectionLength: 0 });
  expect(changes.length).toBe(1);
  expect(document.replaceAll("o", "0")).toBe(2);
  document.undo();
  document.undo();
  expect(document.text).toBe("one two one");
  expect(() => document.transaction(() => Promise.resolve())).toThrow(TypeError);
});

it("refuses what no document takes, and leaves text and undo steps as they were", async () => {
  const service = new DocumentService("a😀b");
  const connection = service.connect("ali");
  const document = opened(connection);
  await settle(connection);
  document.insert(0, "x");
  for (const wrong of [() => document.insert(0, "\0"), () => document.insert(3, "y"), () => document.delete(4, 9), () => document.insert(0, "y".repeat(1 << 20)), () => document.insert(1, "\ud83d")]) {
    expect(wrong).toThrow(RangeError);
  }
  expect(document.text).toBe("xa😀b");
  document.undo();
  expect(document.text).toBe("a😀b");
  document.redo();
  expect(document.text).toBe("xa😀b");
});

it("takes an edit back that the server refuses for good, keeps one that is denied for now, and says so", async () => {
  const service = new DocumentService("text");
  const connection = service.connect("ali");
  const document = opened(connection);
  const errors: Error[] = [];
  document.onError((error) => errors.push(error));
  await settle(connection);
  service.refuseNext = "INVALID_MESSAGE_FORMAT";
  document.insert(0, "bad ");
  expect(document.status).toBe("saving");
  await settle(connection);
  expect([document.text, document.status, errors.length]).toEqual(["text", "refused", 1]);
  document.insert(0, "good ");
  await settle(connection);
  expect([service.document.text, document.status]).toEqual(["good text", "live"]);
  service.frozen = true;
  document.insert(0, "kept ");
  await settle(connection);
  expect([document.text, document.status, errors.length]).toEqual(["kept good text", "refused", 2]);
  service.frozen = false;
  connection.receive({ type: "document_state", channel: "document:paper", payload: { frozen: true } });
  await settle(connection);
  expect(document.status).toBe("read-only");
  connection.receive({ type: "document_state", channel: "document:paper", payload: { frozen: false } });
  await settle(connection);
  expect([service.document.text, document.status]).toEqual(["kept good text", "live"]);
});

it("moves unsaved edits to a store that was restored from a backup, and reports the text as it was", async () => {
  const service = new DocumentService("day one");
  const connection = service.connect("ali");
  const document = opened(connection);
  const errors: Error[] = [];
  document.onError((error) => errors.push(error));
  await settle(connection);
  document.insert(7, ", day two");
  await settle(connection);
  connection.down();
  expect(document.status).toBe("stale");
  document.insert(0, "offline ");
  service.restore("day one", 0);
  connection.up();
  await settle(connection);
  expect(service.document.text).toBe("offline day one");
  expect(document.text).toBe("offline day one");
  expect(errors[0]).toBeInstanceOf(DocumentRestored);
});

it("shows the cursors of others where they are in the text, and takes them away", async () => {
  const service = new DocumentService("abc def");
  const connection = service.connect("ali");
  const document = opened(connection);
  await settle(connection);
  const said = { user_id: "sara", name: "Sara", cursor_id: "c1", position: 4, selection_length: 3 };
  connection.receive({ type: "cursor_position", channel: "document:paper", payload: said });
  await settle(connection);
  document.insert(0, "😀 ");
  expect(document.cursors.get("c1")).toEqual({ userId: "sara", name: "Sara", color: cursorColor("sara"), position: 7, selectionLength: 3 });
  document.moveCursor(2, 1);
  await settle(connection);
  expect(connection.cursors.length).toBeGreaterThan(0);
  connection.receive({ type: "cursor_gone", channel: "document:paper", payload: { user_id: "sara", cursor_id: "c1" } });
  await settle(connection);
  expect(document.cursors.size).toBe(0);
  expect([cursorColor("sara"), cursorColor("سارة")]).toEqual(["#3f6600", "#2f57c4"]); // as the service has them
});

it("is one document for all who open it, until the last has closed it", async () => {
  const service = new DocumentService("text");
  const connection = service.connect("ali");
  const [one, other] = [openDocument(connection, "paper"), openDocument(connection, "paper")];
  expect(one).toBe(other);
  await settle(connection);
  one.close();
  expect(other.closed).toBe(false);
  other.close();
  expect(other.closed).toBe(true);
  expect(() => other.insert(0, "x")).toThrow("closed");
  expect(openDocument(connection, "paper")).not.toBe(other);
});
