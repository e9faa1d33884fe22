/** A hostile server: the rows that the Python SDK plays too (`tests/agreement/test_hostile.py`), with the same outcome. */
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openDocument } from "../src/documents/index.js";
import { DossierRealtimeClient, type Subscription } from "../src/index.js";
import { FakeServer, settled } from "../src/testing/index.js";
import { expanded, Scripted, type Step } from "./scripted.js";

interface Row {
  readonly id: string;
  readonly what: string;
  readonly begins: string;
  readonly steps: Step[];
}

const file = new URL("../../../tests/agreement/hostile.json", import.meta.url);
const table = JSON.parse(readFileSync(file, "utf8")) as {
  begins: Record<string, Step[]>;
  rows: Row[];
  addresses: { id: string; url: string; refused: boolean }[];
  handlers: { id: string; what: string; handlers: string[]; noted: number[]; state: string }[];
  closed: { id: string; call: string; error: string | null }[];
};
const CHANNEL = "dossier:country:SA";
const UPDATE = { type: "dossier_update", payload: { fields_changed: [] } };

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

it.each(table.rows.map((row): [string, Row] => [`${row.id}: ${row.what}`, row]))("%s", async (_, row) => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const client = new Scripted(false);
  for (const step of table.begins[row.begins]!) await client.play(step);
  for (const [at, step] of row.steps.entries()) {
    const done = await client.play(step);
    expect(done, `step ${at + 1} of ${row.id}`).toEqual(expanded(step.then ?? {}));
  }
});

it.each(table.addresses)("$id: the address $url", ({ url, refused }) => {
  const make = (): DossierRealtimeClient => new DossierRealtimeClient({ token: "token", url, autoConnect: false });
  if (refused) expect(make).toThrow();
  else make();
});

it.each(table.handlers)("$id: $what", async ({ handlers, noted, state }) => {
  const server = new FakeServer();
  const client = new DossierRealtimeClient({ token: "ali", ...server.options });
  const seen: number[] = [];
  for (const kind of handlers) {
    const subscription: Subscription = client.subscribe(CHANNEL, {
      onMessage: (message) => {
        if (kind === "throws later") return Promise.reject(new Error("the program's own mistake"));
        if (kind.startsWith("throws")) throw new Error("the program's own mistake");
        if (kind.includes("notes")) seen.push((message as { offset: number }).offset);
        if (kind.includes("unsubscribes")) subscription.unsubscribe();
        if (kind.includes("closes")) client.close();
        return undefined;
      },
      onError: () => {
        if (kind === "throws everywhere") throw new Error("another one");
      },
    });
    await subscription.ready();
  }
  server.publish(CHANNEL, UPDATE);
  server.publish(CHANNEL, UPDATE);
  await settled();
  expect(seen).toEqual(noted);
  expect(client.state).toBe(state);
  client.close();
});

it.each(table.closed)("$id: $call after the end", async ({ call, error }) => {
  const server = new FakeServer();
  const client = new DossierRealtimeClient({ token: "ali", ...server.options });
  await client.connect();
  client.close();
  const calls: Record<string, () => unknown> = {
    send: () => client.send(CHANNEL, UPDATE),
    subscribe: () => client.subscribe(CHANNEL),
    connect: () => client.connect(),
    document: () => openDocument(client, "paper"),
    inbox: () => client.inbox().next(),
    close: () => client.close(),
  };
  const said = await Promise.resolve()
    .then(calls[call])
    .then(
      () => null,
      (wrong: Error) => wrong.name,
    );
  expect(said).toBe(error);
});
