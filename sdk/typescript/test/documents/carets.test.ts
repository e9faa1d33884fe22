/** The caret that the others show ends at the letter at which its owner has it, whatever is under way meanwhile. */
import { expect, it } from "vitest";
import { OwnCaret } from "../../src/documents/caret.js";
import { SharedDocument } from "../../src/documents/index.js";
import { transformCursor } from "../../src/documents/ot/cursor.js";
import { documentOf, splitsPair } from "../../src/documents/ot/document.js";
import { insert, normal, nothing, retain } from "../../src/documents/ot/operations.js";
import { Pending } from "../../src/documents/ot/pending.js";
import { EditPace } from "../../src/documents/pace.js";
import { Chance } from "./chance.js";
import { DocumentService, type FakeConnection } from "./document_service.js";

const PEOPLE = ["ali", "ali", "sara", "omar"]; // the first has two tabs

/** The service's half of cursors: places them on the text of now, and tells the others when it likes. */
class Relay {
  told = 0;
  private readonly late: (() => void)[][] = PEOPLE.map(() => []);

  constructor(
    private readonly service: DocumentService,
    private readonly connections: FakeConnection[],
    private readonly isApart: boolean,
  ) {}

  /** Take the cursors that were sent. */
  take(): void {
    for (const [at, connection] of this.connections.entries()) {
      for (const sent of connection.cursors.splice(0)) {
        this.told += 1;
        let place = { position: sent.position as number, selectionLength: sent.selection_length as number };
        for (let version = sent.version as number; version < this.service.version; version++) {
          place = transformCursor(place, this.service.log[version]!, this.service.authorOf(version + 1) === PEOPLE[at]);
        }
        const payload = {
          user_id: PEOPLE[at]!,
          cursor_id: `c${at}`,
          position: place.position,
          selection_length: place.selectionLength,
          version: this.service.version,
        };
        for (const [to, other] of this.connections.entries()) {
          const message = { type: "cursor_position", channel: "document:paper", payload };
          if (PEOPLE[to] === PEOPLE[at]) continue;
          if (this.isApart) this.late[to]!.push(() => other.deliver(message));
          else other.receive(message);
        }
      }
    }
  }

  /** Tell the next cursor that waits for one of them. */
  tell(to: number): boolean {
    const next = this.late[to]!.shift();
    next?.();
    return next !== undefined;
  }
}

function edge(text: string, place: number): number {
  return splitsPair(text, place) ? place - 1 : place;
}

/** Return the first difference between a text or a caret and what it is for its owner; undefined where all agree. */
function difference(service: DocumentService, documents: SharedDocument[]): unknown {
  for (const [at, owner] of documents.entries()) {
    if (owner.text !== service.document.text) return { at, text: owner.text, expected: service.document.text };
    for (const [to, other] of documents.entries()) {
      const shown = other.cursors.get(`c${at}`);
      const expected = PEOPLE[to] === PEOPLE[at] ? undefined : owner.cursor;
      if (shown?.position !== expected?.position || shown?.selectionLength !== expected?.selectionLength) {
        return { at, to, shown, expected };
      }
    }
  }
  return undefined;
}

it("shows each caret where its owner has it", async () => {
  await Promise.all(
    Array.from({ length: 40 }, async (_, seed) => {
      const chance = new Chance(seed + 1);
      const service = new DocumentService("(😀 one · two\nثلاثة · four)");
      const connections = PEOPLE.map((user) => service.connect(user, chance));
      connections.forEach((connection) => (connection.isLossy = false));
      const relay = new Relay(service, connections, seed % 2 === 0);
      const documents = connections.map((connection) => new SharedDocument(connection, "paper", new EditPace(0), () => true));
      while (!documents.every((document) => document.isLoaded)) connections.forEach((connection) => connection.step());
      for (let step = 0; step < 60; step++) {
        const at = chance.below(PEOPLE.length);
        const [document, connection] = [documents[at]!, connections[at]!];
        const { text } = document;
        const place = edge(text, chance.below(text.length + 1));
        const end = edge(text, Math.min(text.length, place + chance.below(6)));
        const caret = document.cursor?.position ?? 0;
        switch (chance.below(9)) {
          case 0:
            document.moveCursor(place, chance.below(2) * (Math.max(place, end) - place));
            break;
          case 1:
          case 2:
            document.insert(caret, chance.pick(["a", "😀", "مرحبا "]));
            break;
          case 3:
            document.insert(place, "elsewhere ");
            break;
          case 4:
            if (end > place) document.delete(place, end - place);
            break;
          case 5:
            document.undo();
            break;
          case 6:
            relay.take();
            relay.tell(at);
            break;
          default:
            connection.step();
        }
        if (chance.below(4) === 0) await new Promise((resolve) => setTimeout(resolve, chance.below(2) * 120));
      }
      const agree = (): unknown => {
        relay.take();
        while (connections.some((_, at) => relay.tell(at)));
        connections.forEach((connection) => connection.step());
        const quiet = connections.every((connection) => connection.isIdle) && documents.every((document) => document.synced);
        return quiet ? difference(service, documents) : "messages are under way";
      };
      await expect.poll(agree, { message: `seed ${seed}` }).toBeUndefined();
      documents.forEach((document) => document.close());
    }),
  );
});

it("needs no cursor for what is typed, and tells one that a step back has left in new text", async () => {
  const service = new DocumentService("[]");
  const connections = ["ali", "sara"].map((user) => service.connect(user));
  const [mine] = connections.map((connection) => new SharedDocument(connection, "paper", new EditPace(0), () => true));
  const sent = connections[0]!.cursors;
  const turn = async () => {
    connections.forEach((connection) => connection.step());
    await new Promise((resolve) => setTimeout(resolve, 110));
  };
  await turn();
  mine!.moveCursor(1);
  for (const letter of "typed") {
    mine!.insert(mine!.cursor!.position, letter);
    mine!.moveCursor(mine!.cursor!.position);
    await turn();
  }
  expect(sent).toEqual([{ position: 1, selection_length: 0, version: 0 }]);
  mine!.insert(mine!.cursor!.position, "!");
  mine!.insert(mine!.cursor!.position, " words");
  mine!.moveCursor(mine!.cursor!.position - 3); // before the service has them
  const last = () => (connections.forEach((connection) => connection.step()), sent.at(-1));
  await expect.poll(last).toEqual({ position: 10, selection_length: 0, version: 7 });
  mine!.close();
});

it("tells a refused cursor again, and no error", async () => {
  const service = new DocumentService("text");
  const connection = service.connect("ali");
  const document = new SharedDocument(connection, "paper", new EditPace(0), () => true);
  document.onError((error) => expect.fail(error.message));
  connection.step();
  document.moveCursor(2);
  expect(connection.cursors.splice(0)).toHaveLength(1);
  const refusal = { type: "error", channel: "document:paper", ref: "cursor", error_code: "RATE_LIMIT_EXCEEDED", message: "no", timestamp: 1 };
  connection.receive({ ...refusal, retry_after: 0.05 });
  connection.step();
  await expect.poll(() => connection.cursors).toEqual([{ position: 2, selection_length: 0, version: 0 }]);
  document.close();
});

it("tells it once more over a break, when every edit is saved", () => {
  const caret = new OwnCaret();
  const pending = new Pending(documentOf("abc"), 0);
  const told = (now: number): unknown => {
    const { position, version } = caret.take(pending, now) ?? {};
    return [position, version];
  };
  caret.move({ position: 3, selectionLength: 0 }, "abc");
  expect(told(0)).toEqual([3, 0]);
  const typed = normal([retain(3), insert("xyz")]);
  pending.edit(typed);
  caret.follow(typed, true);
  caret.renew(); // a new connection
  expect(told(1)).toEqual([3, 0]);
  pending.send("o1");
  pending.acknowledged("o1", 1);
  caret.committed(pending.committed, true);
  expect(told(2)).toEqual([6, 1]);
  caret.committed(nothing(6), true);
  expect(told(3)).toEqual([undefined, undefined]);
});
