import { describe, expect, it } from "vitest";
import { openDocument } from "../src/documents/index.js";
import { CHANNEL, setUp, UPDATE } from "./client_setup.js";

const TOKEN = "header.claims-of-ali.signature";

/** Every text in the fields of a thing, as a logger or a crash report finds them; the stand-in of the server is left out. */
function texts(thing: unknown, seen = new Set<unknown>()): string[] {
  if (typeof thing === "string") return [thing];
  if (typeof thing !== "object" || thing === null || seen.has(thing) || thing.constructor?.name.startsWith("Fake")) return [];
  seen.add(thing);
  const parts = thing instanceof Map || thing instanceof Set ? [...thing].flat() : [];
  return [...parts, ...Reflect.ownKeys(thing).map((key) => (thing as Record<PropertyKey, unknown>)[key])].flatMap((part) => texts(part, seen));
}

describe("what prints a client", () => {
  it.each([
    ["a text", TOKEN],
    ["a function", () => TOKEN],
  ])("prints no token that is %s", async (_, token) => {
    const { client, server } = setUp({ token });
    server.answer = (message) => {
      if (message.type === "auth") (message.payload as { token: string }).token = "ali"; // the token names no user here
      return false;
    };
    expect(texts(client).join("\n")).not.toContain(TOKEN);
    const subscription = client.subscribe(CHANNEL, { onMessage: () => undefined });
    const paper = openDocument(client, "d-1");
    await client.send(CHANNEL, UPDATE);
    await subscription.ready();
    expect(texts([client, subscription, paper]).join("\n")).not.toContain(TOKEN);
    expect(JSON.stringify(texts(client))).toContain(CHANNEL); // it looks where things are kept
  });

  it("prints no token while it waits for an answer, nor after a refusal", async () => {
    const { client, server } = setUp({ token: TOKEN });
    server.refusing = 1006;
    const waiting = client.send(CHANNEL, UPDATE).catch(() => undefined);
    await new Promise((done) => setTimeout(done));
    expect(texts(client).join("\n")).not.toContain(TOKEN);
    client.close();
    await waiting;
    expect(texts(client).join("\n")).not.toContain(TOKEN);
  });
});
