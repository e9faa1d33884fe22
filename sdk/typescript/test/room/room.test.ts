import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tellActivity } from "../../room/activity.js";
import { admit, freshToken, guest } from "../../room/guest.js";
import { AuthFailed, DossierRealtimeClient } from "../../src/index.js";
import { FakeClock, FakeServer, settled } from "../../src/testing/index.js";

function token(end: number): string {
  return `header.${btoa(JSON.stringify({ sub: "guest-1", exp: end }))}.signature`;
}

const now = (): number => Math.floor(Date.now() / 1000);

function answers(status: number, body: object | string): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(text, { status })));
}

function admitted(end: number): void {
  sessionStorage.setItem("guest", JSON.stringify({ user_id: "guest-1", name: "Guest", token: token(end), pass_key: "k" }));
}

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  });
});

afterEach(() => vi.unstubAllGlobals());

describe("the token of a guest", () => {
  it("is the next one, and kept", async () => {
    admitted(now() + 60);
    answers(201, { token: "next" });
    expect(await freshToken()).toBe("next");
    expect(guest()?.token).toBe("next");
  });

  it("is the last one where the service knows the guest no more, until it ends", async () => {
    admitted(now() + 60);
    answers(410, { error_code: "NOT_FOUND" });
    expect(await freshToken()).toBe(guest()!.token);
    admitted(now() - 60);
    await expect(freshToken()).rejects.toThrow(AuthFailed);
    expect(guest()).toBeUndefined();
  });

  it.each([[429, {}], [500, {}], [503, {}], [502, "<html>"]])("is asked for again after %i", async (status, body) => {
    admitted(now() - 60);
    answers(status, body);
    const failed: unknown = await freshToken().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Error);
    expect(failed).not.toBeInstanceOf(AuthFailed);
    expect(guest()).toBeDefined();
  });
});

describe("the key of a link", () => {
  it.each([[201, true], [410, false], [400, false]])("admits, or not: %i", async (status, isAdmitted) => {
    answers(status, { user_id: "guest-1", name: "Guest", token: "t", pass_key: "k" });
    expect(await admit("key")).toBe(isAdmitted);
    expect(guest() !== undefined).toBe(isAdmitted);
  });

  it.each([429, 503])("is not said to be used where the service cannot say: %i", async (status) => {
    answers(status, {});
    await expect(admit("key")).rejects.toThrow(String(status));
  });
});

it("tells what the guest does, and nothing on a channel that was refused", async () => {
  const server = new FakeServer();
  const client = new DossierRealtimeClient({ token: "ali", clock: new FakeClock(), ...server.options });
  await client.connect();
  tellActivity(client, "dossier:country:SA", "editing");
  await client.subscribe("dossier:country:SA").ready();
  tellActivity(client, "dossier:country:SA", "viewing");
  await settled();
  const told = server.received.filter((message) => message.type === "presence_update");
  expect(told.map((message) => message.payload.activity)).toEqual(["viewing"]);
  client.close();
});
