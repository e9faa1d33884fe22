/** What a hostile server, or a careless program, must not achieve, beside the rows of `hostile_rows.test.ts`. */
import { describe, expect, it, vi } from "vitest";
import { ConnectionClosed, DossierRealtimeClient, type Subscription } from "../src/index.js";
import { FakeClock, FakeServer, settled } from "../src/testing/index.js";

const CHANNEL = "dossier:country:SA";
const UPDATE = { type: "dossier_update", payload: { fields_changed: [] } };

async function setUp() {
  const server = new FakeServer();
  const clock = new FakeClock();
  const client = new DossierRealtimeClient({ token: "ali", clock, ...server.options });
  await client.connect();
  return { server, clock, client };
}

describe("J13: keys that change the prototype of objects", () => {
  it("pollute nothing", async () => {
    const { server, client } = await setUp();
    client.subscribe(CHANNEL, { onPresence: () => {} });
    await settled();
    const poison = '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}';
    const user = `"user_id":"x","name":"X","avatar":null,"status":"online","activity":"viewing",${poison}`;
    server.send(`{"type":"presence_join","channel":"${CHANNEL}","payload":{${user}}}`);
    server.send(`{"type":"presence_update","channel":"${CHANNEL}","payload":{${user},"field":"__proto__"}}`);
    server.send(`{"type":"lock_state","channel":"${CHANNEL}","payload":{"field":"__proto__","user_id":"x","name":"X"}}`);
    server.send(`{"type":"rate_limit_warning","payload":{"class":"__proto__","current_rate":1,"limit":1,"reset_in":1}}`);
    server.send(`{"type":"__proto__","channel":"__proto__","payload":{}}`);
    server.send(`{"type":"constructor","payload":{}}`);
    server.send(`{"type":"dossier_update","channel":"__proto__","offset":1,"payload":{${poison}}}`);
    await settled();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    const found = client.presence(CHANNEL).users.find((each) => each.user_id === "x");
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
    expect((found as unknown as Record<string, unknown>).polluted).toBeUndefined();
    expect(client.state).toBe("authenticated");
  });
});

describe("K09: a listener that throws", () => {
  it("stops neither the others nor the connection", async () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => {});
    const { server, client } = await setUp();
    const seen: string[] = [];
    client.on("dossier_update", () => {
      throw new Error("mine");
    });
    client.on("dossier_update", () => seen.push("listener"));
    client.onState(() => {
      throw new Error("mine too");
    });
    client.subscribe(CHANNEL, {
      onMessage: async () => {
        throw new Error("and later");
      },
      onError: () => {
        throw new Error("even here");
      },
    });
    client.subscribe(CHANNEL, { onMessage: () => seen.push("subscriber") });
    await settled();
    server.publish(CHANNEL, UPDATE);
    await settled();
    expect(seen.sort()).toEqual(["listener", "subscriber"]);
    expect(client.state).toBe("authenticated");
    quiet.mockRestore();
  });
});

describe("K15: calls at odd moments", () => {
  it("reject after close, each with what to do", async () => {
    const { client } = await setUp();
    client.close();
    client.close();
    await expect(client.send(CHANNEL, UPDATE)).rejects.toThrow(/make a new one/);
    await expect(client.connect()).rejects.toThrow(ConnectionClosed);
    expect(() => client.subscribe(CHANNEL)).toThrow(ConnectionClosed);
    expect(() => client.post({ type: "ping" })).toThrow(ConnectionClosed);
    await expect(client.inbox().next()).rejects.toThrow(ConnectionClosed);
  });

  it("unsubscribe and close inside of handlers", async () => {
    const { server, client } = await setUp();
    const seen: string[] = [];
    const first: Subscription = client.subscribe(CHANNEL, {
      onMessage: () => {
        seen.push("first");
        first.unsubscribe();
        second.unsubscribe();
        client.subscribe(CHANNEL, { onMessage: () => client.close() });
      },
    });
    const second = client.subscribe(CHANNEL, { onMessage: () => seen.push("second") });
    await settled();
    server.publish(CHANNEL, UPDATE);
    server.publish(CHANNEL, UPDATE);
    await settled();
    server.publish(CHANNEL, UPDATE);
    server.publish(CHANNEL, UPDATE);
    await settled();
    expect(seen).toEqual(["first"]);
    expect(client.state).toBe("disconnected");
    expect(server.sockets.size).toBe(0);
  });

  it("close while a token is asked for, and while a socket opens", async () => {
    const server = new FakeServer();
    let give: (token: string) => void = () => {};
    const asking = new DossierRealtimeClient({ token: () => new Promise((done) => (give = done)), ...server.options });
    await settled();
    asking.close();
    give("ali");
    await settled();
    expect(server.opens).toBe(0);
    const opening = new DossierRealtimeClient({ token: "ali", ...server.options });
    await Promise.resolve();
    opening.close();
    await settled();
    expect(server.sockets.size).toBe(0);
    expect(opening.state).toBe("disconnected");
  });
});
