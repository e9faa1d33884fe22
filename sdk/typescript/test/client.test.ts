import { describe, expect, it, vi } from "vitest";
import { openDocument } from "../src/documents/index.js";
import { AuthFailed, ConnectFailed, ConnectionClosed, DossierRealtimeClient, type PresenceState } from "../src/index.js";
import { FakeClock, FakeServer, settled } from "../src/testing/index.js";
import { CHANNEL, setUp, UPDATE } from "./client_setup.js";

describe("the printed class", () => {
  it("connects in the constructor, subscribes at once, and sends once", async () => {
    const { server, client } = setUp();
    const seen: unknown[] = [];
    const rosters: PresenceState[] = [];
    const subscription = client.subscribe(CHANNEL, {
      onMessage: (message) => seen.push(message.type),
      onPresence: (presence) => rosters.push(presence),
    });
    await client.send(CHANNEL, UPDATE);
    await settled();
    expect(seen).toEqual(["dossier_update"]);
    expect(rosters.at(-1)?.users.map((user) => user.name)).toEqual(["ali"]);
    expect(client.presence(CHANNEL).users).toHaveLength(1);
    expect(subscription.position?.offset).toBe(1);
    subscription.unsubscribe();
    subscription.unsubscribe();
    server.publish(CHANNEL, UPDATE);
    await settled();
    expect(seen).toHaveLength(1);
    expect(server.received.map((message) => message.type)).toEqual(["auth", "subscribe", "dossier_update", "unsubscribe"]);
  });

  it("sends again after a break, with one effect", async () => {
    const { server, client, clock } = setUp();
    await client.connect();
    let acks = 0;
    server.answer = (message, socket) => {
      if (message.type !== "dossier_update" || acks++ > 0) return false;
      server.answer!({ ...message, type: "#" }, socket);
      server.publish(CHANNEL, { ...UPDATE });
      server.drop(1006);
      return true;
    };
    const sent = client.send(CHANNEL, UPDATE);
    await settled();
    expect(client.state).toBe("reconnecting");
    await clock.advance(60_000);
    await sent;
    const keys = server.received.filter((message) => message.type === "dossier_update").map((each) => each.idempotency_key);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  it("keeps the idempotency key that the program gave the message", async () => {
    const { server, client } = setUp();
    await client.send(CHANNEL, { ...UPDATE, idempotency_key: "mine" });
    await client.send(CHANNEL, { ...UPDATE, idempotency_key: "mine" });
    const sent = server.received.filter((message) => message.type === "dossier_update");
    expect(sent.map((message) => message.idempotency_key)).toEqual(["mine", "mine"]);
    expect(sent[1]!.ref).not.toBe(sent[0]!.ref);
  });

  it("hears typed events", async () => {
    const { server, client } = setUp();
    await client.connect();
    const fields: string[] = [];
    const stop = client.on("dossier_update", (message) => fields.push(...message.payload.fields_changed));
    client.subscribe(CHANNEL);
    await server.until("subscribe");
    server.publish(CHANNEL, UPDATE);
    await settled();
    stop();
    server.publish(CHANNEL, UPDATE);
    await settled();
    expect(fields).toEqual(["name"]);
  });
});

describe("states and close codes", () => {
  it("goes through the states, and comes back with its session and its place", async () => {
    const { server, client, clock, states } = setUp();
    const seen: number[] = [];
    client.subscribe(CHANNEL, { onMessage: (message) => seen.push((message as { offset: number }).offset) });
    await client.connect();
    await settled();
    server.publish(CHANNEL, UPDATE);
    await settled();
    server.drop(1012);
    await settled();
    server.publish(CHANNEL, UPDATE);
    server.publish(CHANNEL, UPDATE);
    await clock.advance(30_000);
    await settled();
    expect(seen).toEqual([1, 2, 3]);
    expect(states).toEqual(["connecting", "connected", "authenticated", "reconnecting", "connected", "authenticated"]);
    expect(server.received.filter((each) => each.type === "auth")[1]?.payload.session_id).toBe("session-1");
    expect(client.reconnectCount).toBe(1);
  });

  it.each([1001, 1006, 1011, 1012, 1013, 4000, 4001, 4003, 4004, 4005, 4999 - 500])("comes back after %i", async (code) => {
    const { server, client, clock } = setUp();
    await client.connect();
    server.drop(code);
    await clock.advance(31_000);
    expect(client.state).toBe("authenticated");
    expect(server.opens).toBe(2);
  });

  it.each([1002, 1003, 1007, 1009, 4500, 4501, 4502, 4503, 4504])("stays away after %i", async (code) => {
    const { server, client, clock } = setUp();
    await client.connect();
    const sent = client.send(CHANNEL, UPDATE).catch((error: Error) => error);
    server.answers = false;
    server.drop(code, "go");
    await settled();
    expect(client.state).toBe("error");
    await clock.advance(400_000);
    expect(server.opens).toBe(1);
    await sent;
    expect(() => client.subscribe(CHANNEL)).toThrow(code === 4500 || code === 4501 ? AuthFailed : ConnectionClosed);
  });

  it("ends as disconnected where the server closes with 1000, or the program does", async () => {
    const { server, client } = setUp();
    await client.connect();
    server.drop(1000);
    await settled();
    expect(client.state).toBe("disconnected");
    const other = setUp();
    const subscription = other.client.subscribe(CHANNEL);
    await other.client.connect();
    other.client.close();
    expect(other.client.state).toBe("disconnected");
    expect(subscription.status).toBe("ended");
    await expect(other.client.send(CHANNEL, UPDATE)).rejects.toThrow(ConnectionClosed);
    await settled();
    expect(other.server.sockets.size).toBe(0);
  });

  it("waits as long as a draining server asks", async () => {
    const { server, client, clock } = setUp();
    await client.connect();
    server.send({ type: "connection_state", state: "reconnecting", session_id: "s", reconnect_count: 0, retry_after: 20 });
    await settled();
    server.drop(1012);
    await clock.advance(19_900);
    expect(server.opens).toBe(1);
    await clock.advance(1_000);
    expect(server.opens).toBe(2);
  });

  it("spreads its attempts over the whole range below a bound that doubles to 30 s", async () => {
    const { server, client, clock } = setUp();
    await client.connect();
    clock.chance = 1 - Number.EPSILON;
    server.refusing = 1006;
    server.drop();
    const waits: number[] = [];
    let last = clock.now();
    for (let opens = 2; opens < 10; opens++) {
      while (server.opens < opens) await clock.advance(100);
      waits.push(Math.round((clock.now() - last) / 1000 / 0.5) * 0.5);
      last = clock.now();
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30]);
  });
});

describe("the end of a client", () => {
  it("ends its iterations, those that wait and those that come", async () => {
    const { server, client } = setUp();
    await client.connect();
    const [stream, inbox] = [client.stream(CHANNEL), client.inbox()];
    await stream.ready;
    const waiting = [stream.next(), stream.next(), inbox.next()];
    await settled();
    server.publish(CHANNEL, UPDATE);
    await settled();
    client.close();
    const ends = await Promise.all(waiting);
    expect(ends.map((each) => each.done)).toEqual([false, true, true]);
    expect((await stream.next()).done).toBe(true);
  });

  it("throws in its iterations what ended it, where that was an error", async () => {
    const { server, client } = setUp();
    await client.connect();
    const stream = client.stream(CHANNEL);
    await stream.ready;
    const next = stream.next();
    server.drop(4502, "go");
    await expect(next).rejects.toThrow(ConnectionClosed);
  });

  it("closes its documents with an error, and a document that the program closes without one", async () => {
    const { client } = setUp();
    await client.connect();
    const [kept, left] = [openDocument(client, "kept"), openDocument(client, "left")];
    const errors: Error[] = [];
    kept.onError((error) => errors.push(error));
    await Promise.all([kept.ready(), left.ready()]);
    left.close();
    const synced = kept.waitSynced();
    kept.insert(0, "x");
    const waits = kept.waitSynced();
    client.close();
    await synced;
    await expect(waits).rejects.toThrow(ConnectionClosed);
    expect([kept.closed, kept.error instanceof ConnectionClosed, kept.status]).toEqual([true, true, "stale"]);
    expect([left.closed, left.error]).toEqual([true, undefined]);
    expect(() => kept.insert(0, "y")).toThrow(ConnectionClosed);
    expect(errors).toMatchObject([{ name: "UnsavedEdits", channel: "document:kept", text: "x" }]);
  });
});

describe("tokens", () => {
  it("renews before the end, without a new connection", async () => {
    let count = 0;
    const { server, client } = setUp({ token: () => `ali-${++count}` });
    await client.connect();
    server.send({ type: "token_expiring", payload: { expires_in: 60 } });
    await settled();
    expect(server.received.filter((each) => each.type === "auth").map((each) => each.payload.token)).toEqual(["ali-1", "ali-2"]);
    expect(server.opens).toBe(1);
    expect(client.state).toBe("authenticated");
  });

  it("repeats a renewal that failed, with growing delays, until it succeeds or the connection is lost", async () => {
    let count = 0;
    const isDown = (): boolean => count > 1 && count < 4;
    const source = (): string => {
      count++;
      if (isDown()) throw new Error("no network");
      return `ali-${count}`;
    };
    const { server, client, clock } = setUp({ token: source });
    await client.connect();
    server.send({ type: "token_expiring", payload: { expires_in: 60 } });
    await clock.advance(20_000);
    const tokens = () => server.received.filter((each) => each.type === "auth").map((each) => each.payload.token as string);
    expect(tokens()).toEqual(["ali-1", "ali-4"]);
    expect(server.opens).toBe(1);
    server.answer = (message, socket) => {
      if (message.type !== "auth") return false;
      server.answer = undefined;
      socket.deliver({ type: "error", error_code: "RATE_LIMIT_EXCEEDED", message: "later", timestamp: 1, retry_after: 9, ref: message.ref });
      return true;
    };
    server.send({ type: "token_expiring", payload: { expires_in: 60 } });
    await clock.advance(8_000);
    expect(tokens()).toHaveLength(3);
    await clock.advance(2_000);
    expect(tokens()).toHaveLength(4);
    count = 1;
    server.send({ type: "token_expiring", payload: { expires_in: 60 } });
    await settled();
    client.close();
    await clock.advance(60_000);
    expect(count).toBe(2);
  });

  it("gives a call over HTTP up that is not answered, and asks again", async () => {
    const clock = new FakeClock();
    const server = new FakeServer();
    let calls = 0;
    const fetch = ((_: string, { signal }: RequestInit) => {
      if (++calls > 1) return Promise.resolve(new Response('{"unread": 3, "entries": []}'));
      return new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
    }) as typeof globalThis.fetch;
    const client = new DossierRealtimeClient({ token: "ali", clock, ...server.options, fetch });
    const unread = client.unread();
    await clock.advance(40_000);
    expect(calls).toBe(2);
    expect(await unread).toBe(3);
  });

  it("reads a file as its bytes, and its refusal as that of any call", async () => {
    const server = new FakeServer();
    const refusal = { error_code: "NOT_FOUND", message: "Version 1 is not kept", oldest: 40, version: 90 };
    const answers = [new Response(Uint8Array.of(0xff, 0x00, 0x50)), Response.json(refusal, { status: 404 })];
    const fetch = (() => Promise.resolve(answers.shift()!)) as typeof globalThis.fetch;
    const client = new DossierRealtimeClient({ token: "ali", ...server.options, fetch });
    expect([...(await client.readBytes("/v1/documents/paper/export?format=docx"))]).toEqual([0xff, 0x00, 0x50]);
    const refused = client.readBytes("/v1/documents/paper/export?format=docx&version=1");
    await expect(refused).rejects.toMatchObject({ name: "CallRefused", status: 404, errorCode: "NOT_FOUND", oldest: 40, version: 90 });
    client.close();
  });

  it("asks again after INVALID_TOKEN, three times at most, at least 1, 2 and 4 s later", async () => {
    let count = 0;
    const { server, client, clock, states, errors } = setUp({ token: () => `t-${++count}` });
    clock.chance = 0;
    server.answer = (message, socket) => {
      socket.deliver({ type: "error", error_code: "INVALID_TOKEN", message: "expired", timestamp: 1, ref: message.ref });
      socket.hangUp(4500);
      return true;
    };
    for (const wait of [1000, 2000, 4000]) {
      await settled();
      const before = count;
      await clock.advance(wait - 1);
      expect(count).toBe(before);
      await clock.advance(1);
      expect(count).toBe(before + 1);
    }
    await settled();
    expect(states.at(-1)).toBe("error");
    expect(client.error).toBeInstanceOf(AuthFailed);
    expect(errors.map((error) => error.constructor)).toEqual([ConnectFailed, ConnectFailed, ConnectFailed]);
  });

  it("asks a source that fails again, and ends where it gives up", async () => {
    let count = 0;
    const { client, clock } = setUp({
      token: async () => {
        if (++count < 3) throw new Error("offline");
        return "ali";
      },
    });
    await clock.advance(60_000);
    expect(client.state).toBe("authenticated");
    const other = setUp({
      token: () => {
        throw new AuthFailed("logged out");
      },
    });
    await settled();
    expect(other.client.state).toBe("error");
    await expect(other.client.connect()).rejects.toThrow("logged out");
  });

  it("refuses what is no token and no safe address, at once", () => {
    expect(() => new DossierRealtimeClient("")).toThrow(TypeError);
    expect(() => new DossierRealtimeClient({ token: "t", url: "ws://example.org/v1" })).toThrow(RangeError);
    expect(() => new DossierRealtimeClient({ token: "t", url: "wss://a:b@example.org/v1" })).toThrow(RangeError);
  });

  it("says what is missing where there is no WebSocket", async () => {
    vi.stubGlobal("WebSocket", undefined);
    const client = new DossierRealtimeClient({ token: "t", url: "wss://example.org/v1" });
    vi.unstubAllGlobals();
    await expect(client.connect()).rejects.toThrow(/options.WebSocket/);
  });
});
