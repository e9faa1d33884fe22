import { describe, expect, it, vi } from "vitest";
import {
  AuthFailed,
  ConnectFailed,
  ConnectionClosed,
  type ConnectionState,
  DeniedError,
  DossierRealtimeClient,
  NotSubscribed,
  Overflowed,
  PositionLost,
  type PresenceState,
  QueueFull,
  TimedOut,
} from "../src/index.js";
import { openDocument } from "../src/documents/index.js";
import { FakeClock, FakeServer, settled } from "../src/testing/index.js";

const CHANNEL = "dossier:country:SA";
const UPDATE = {
  type: "dossier_update",
  payload: { entity_type: "country", entity_id: "SA", operation: "update", fields_changed: ["name"] },
} as const;

function setUp(options: { token?: string | (() => string | Promise<string>); sendTimeout?: number } = {}) {
  const server = new FakeServer();
  const clock = new FakeClock();
  const client = new DossierRealtimeClient({ token: "ali", clock, ...server.options, ...options });
  const states: ConnectionState[] = [client.state];
  client.onState((state) => states.push(state));
  const errors: Error[] = [];
  client.onError((error) => errors.push(error));
  return { server, clock, client, states, errors };
}

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
    expect(errors).toEqual([]);
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

describe("places", () => {
  it("reports a place that is lost, and goes on", async () => {
    const { server, client, clock } = setUp();
    server.historyLimit = 1;
    const errors: Error[] = [];
    const seen: unknown[] = [];
    client.subscribe(CHANNEL, { onMessage: (message) => seen.push(message), onError: (error) => errors.push(error) });
    await client.connect();
    await settled();
    server.publish(CHANNEL, UPDATE);
    await settled();
    server.drop();
    for (let n = 0; n < 3; n++) server.publish(CHANNEL, UPDATE);
    await clock.advance(30_000);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(PositionLost);
    expect(errors[0]?.message).toContain("load its state anew");
    server.publish(CHANNEL, UPDATE);
    await settled();
    expect(seen).toHaveLength(2);
  });

  it("delivers each event once, in order, and fills a gap by a new subscription", async () => {
    const { server, client } = setUp();
    const seen: number[] = [];
    client.subscribe(CHANNEL, { onMessage: (message) => seen.push((message as { offset: number }).offset) });
    await client.connect();
    await settled();
    server.publish(CHANNEL, UPDATE);
    await settled();
    server.send({ ...UPDATE, channel: CHANNEL, offset: 1 });
    await settled();
    const sockets = [...server.sockets];
    server.sockets.clear();
    for (const socket of sockets) server.sockets.add(socket);
    const { deliver } = sockets[0]!;
    sockets[0]!.deliver = () => {};
    server.publish(CHANNEL, UPDATE); // lost on its way
    sockets[0]!.deliver = deliver;
    server.publish(CHANNEL, UPDATE);
    await settled();
    expect(seen).toEqual([1, 2, 3]);
  });

  it("begins after a place, after an offset, or with the last events", async () => {
    const { server, client } = setUp();
    for (let n = 0; n < 5; n++) server.publish(CHANNEL, UPDATE);
    await client.connect();
    const seen = async (options: object) => {
      const offsets: number[] = [];
      const subscription = client.subscribe(CHANNEL, { onMessage: (one) => offsets.push((one as { offset: number }).offset) }, options);
      await subscription.ready();
      await settled();
      subscription.unsubscribe();
      await settled();
      return offsets;
    };
    expect(await seen({ after: { epoch: "epoch-1", offset: 3 } })).toEqual([4, 5]);
    expect(await seen({ after: 2 })).toEqual([3, 4, 5]);
    expect(await seen({ last: 2 })).toEqual([4, 5]);
    expect(await seen({ last: 50 })).toEqual([1, 2, 3, 4, 5]);
    expect(() => client.subscribe(CHANNEL, {}, { last: 0 })).toThrow(RangeError);
    expect(() => client.subscribe(CHANNEL, {}, { after: 1, last: 1 })).toThrow(RangeError);
    expect(() => client.subscribe("dossier:SA")).toThrow(RangeError);
  });
});

describe("sends", () => {
  it("keeps a bounded queue while offline", async () => {
    const { client, server } = setUp();
    server.refusing = 1006;
    const sent = Array.from({ length: 1000 }, () => client.send(CHANNEL, UPDATE));
    await expect(client.send(CHANNEL, UPDATE)).rejects.toThrow(QueueFull);
    client.close();
    const results = await Promise.allSettled(sent);
    expect(results.every((result) => result.status === "rejected")).toBe(true);
  });

  it("waits while the rate is exceeded, and goes on in order", async () => {
    const { client, server, clock } = setUp();
    await client.connect();
    let refused = 0;
    server.answer = (message, socket) => {
      if (message.type !== "dossier_update" || refused > 0) return false;
      refused++;
      socket.deliver({ type: "rate_limit_exceeded", payload: { retry_after: 30, limit: 100 } });
      socket.deliver({ type: "error", error_code: "RATE_LIMIT_EXCEEDED", message: "wait", timestamp: 1, ref: message.ref, retry_after: 30 });
      return true;
    };
    const done: string[] = [];
    const sends = [1, 2].map((n) => client.publish(CHANNEL, UPDATE, `k-${n}`).then(() => done.push(`k-${n}`)));
    await clock.advance(29_000);
    expect(done).toEqual(["k-2"]);
    await clock.advance(2_000);
    await Promise.all(sends);
    expect(done).toEqual(["k-2", "k-1"]);
  });

  it("keeps its own rate below the limit", async () => {
    const { client, server, clock } = setUp();
    server.answer = (message, socket) => {
      if (message.type !== "auth") return false;
      const limits = { general: 10, edit: 600, cursor: 1200, ping: 60, window: 60 };
      const payload = { user_id: "ali", session_id: "s", permissions: [], limits };
      socket.deliver({ type: "auth_success", payload, ref: message.ref });
      return true;
    };
    await client.connect();
    server.answer = (message, socket) => {
      if (message.type === "dossier_update") socket.deliver({ type: "ack", ref: message.ref });
      return true;
    };
    const sends = Array.from({ length: 15 }, () => client.send(CHANNEL, UPDATE));
    await clock.advance(50_000);
    expect(server.received.filter((each) => each.type === "dossier_update")).toHaveLength(10);
    await clock.advance(20_000);
    await Promise.all(sends);
    expect(server.received.filter((each) => each.type === "dossier_update")).toHaveLength(15);
  });

  it("fails with what the server said, and after its time", async () => {
    const { client, server, clock } = setUp({ sendTimeout: 20_000 });
    await client.connect();
    server.answer = (message, socket) => {
      if (message.type !== "dossier_update") return false;
      socket.deliver({ type: "error", error_code: "PERMISSION_DENIED", message: "Insufficient permissions", channel: CHANNEL, timestamp: 1, ref: message.ref });
      return true;
    };
    const refusal = await client.send(CHANNEL, UPDATE).catch((error: Error) => error);
    expect(refusal).toBeInstanceOf(DeniedError);
    expect((refusal as Error).message).toContain("GET /v1/explain");
    server.answer = (message) => message.type === "dossier_update";
    const late = client.send(CHANNEL, UPDATE).catch((error: Error) => error);
    await clock.advance(20_001);
    expect(await late).toBeInstanceOf(TimedOut);
    await expect(client.send(CHANNEL, "text")).rejects.toThrow(TypeError);
    await expect(client.send(CHANNEL, { type: "dossier_update", channel: "global" })).rejects.toThrow(RangeError);
    await expect(client.send(CHANNEL, { type: "x", payload: "y".repeat(70_000) })).rejects.toThrow(RangeError);
  });
});

describe("presence", () => {
  it("follows joins, changes, leaves and locks as one value", async () => {
    const { client, server } = setUp();
    client.subscribe(CHANNEL, { onPresence: () => {} });
    await client.connect();
    await settled();
    const before = client.presence(CHANNEL);
    server.join(CHANNEL, { user_id: "sara", name: "Sara", role: "editor" });
    server.send({ type: "presence_update", channel: CHANNEL, payload: { user_id: "sara", activity: "editing", field: "title" } });
    server.send({ type: "lock_state", channel: CHANNEL, payload: { field: "title", user_id: "sara", name: "Sara", expires_in: 30 } });
    await settled();
    const now = client.presence(CHANNEL);
    expect(before.users).toHaveLength(1);
    expect(now.users.map((user) => [user.name, user.activity, user.field])).toEqual([["ali", "viewing", null], ["Sara", "editing", "title"]]);
    expect(now.locks.map((lock) => lock.field)).toEqual(["title"]);
    server.leave(CHANNEL, "sara");
    await settled();
    expect(client.presence(CHANNEL).count).toBe(1);
    client.subscribe("dossier:country:EG");
    expect(() => client.presence("dossier:country:EG")).toThrow(NotSubscribed);
  });

  it("says the own presence again on a new connection", async () => {
    const { client, server, clock } = setUp();
    client.subscribe(CHANNEL, {});
    await client.connect();
    await settled();
    client.updatePresence(CHANNEL, { activity: "editing" });
    client.updatePresence(CHANNEL, { field: "title" });
    server.drop();
    await clock.advance(30_000);
    const said = server.received.filter((each) => each.type === "presence_update");
    expect(said.at(-1)?.payload).toEqual({ activity: "editing", field: "title" });
  });
});

describe("handlers and iterations", () => {
  it("goes on where a handler throws, and shows the error to onError", async () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => {});
    const { client, server } = setUp();
    const errors: unknown[] = [];
    client.subscribe(CHANNEL, {
      onMessage: () => {
        throw new Error("mine");
      },
      onError: (error) => errors.push(error.message),
    });
    const seen: unknown[] = [];
    client.subscribe(CHANNEL, { onMessage: (message) => seen.push(message) });
    await client.connect();
    await settled();
    server.publish(CHANNEL, UPDATE);
    await settled();
    expect(errors).toEqual(["mine"]);
    expect(seen).toHaveLength(1);
    quiet.mockRestore();
  });

  it("iterates, and ends where it is read too slowly", async () => {
    const { client, server } = setUp();
    const stream = client.stream(CHANNEL);
    await client.connect();
    await settled();
    server.publish(CHANNEL, UPDATE);
    expect((await stream.next()).value?.type).toBe("dossier_update");
    for (let n = 0; n < 1100; n++) server.publish(CHANNEL, UPDATE);
    while (stream.isOpen) await settled();
    let count = 0;
    const wrong = await (async () => {
      for await (const _ of stream) count++;
    })().catch((error: Error) => error);
    expect(count).toBe(1000);
    expect(wrong).toBeInstanceOf(Overflowed);
    expect(client.recovering).toEqual([]);
  });

  it("follows a brief to its end", async () => {
    const { client, server } = setUp();
    const brief = await client.requestBrief({ type: "meeting", entity_id: "SA", language: "ar" });
    const mine = { request_id: brief.requestId };
    server.publish("user:ali", { type: "brief_generation_started", ...mine, payload: { type: "meeting", entity_id: "SA", estimated_time: 1 } });
    server.publish("user:ali", { type: "brief_generation_progress", request_id: "other", payload: { stage: "analyzing", progress: 5, message: "" } });
    server.publish("user:ali", { type: "brief_generation_complete", ...mine, payload: { brief_id: "b", generation_time: 1, confidence_score: 1 } });
    const types: string[] = [];
    for await (const message of brief) types.push(message.type);
    expect(types).toEqual(["brief_generation_started", "brief_generation_complete"]);
    expect(await brief.cancel()).toBe("cancelled");
  });

  it("hands out what waits in the inbox once, over a break, and marks it", async () => {
    const { client, server, clock } = setUp();
    const text = { en: "Read", ar: "اقرأ" };
    const notify = (id: string): unknown =>
      server.publish("user:ali", { type: "notification", priority: "low", payload: { id, title: text, message: text } });
    notify("n-1");
    server.publish("user:ali", { type: "dossier_update", payload: {} });
    notify("n-2");
    const ids: string[] = [];
    const reading = (async () => {
      for await (const entry of client.inbox()) {
        if (entry.type !== "notification") throw new Error("no entry");
        ids.push(entry.payload.id);
        if (ids.length === 4) return;
      }
    })();
    const has = async (count: number): Promise<void> => {
      while (ids.length < count) await new Promise((done) => setTimeout(done, 1));
    };
    await has(2);
    expect(await client.unread()).toBe(2);
    await client.markRead(["n-1"]);
    expect(await client.unread()).toBe(1);
    notify("n-2"); // the same id is no second entry
    notify("n-3");
    await has(3);
    server.drop();
    notify("n-4");
    await clock.advance(30_000);
    await reading;
    expect(ids).toEqual(["n-1", "n-2", "n-3", "n-4"]);
    server.inbox.tasks = [{ task_id: "t-1", channel: "workspace:w", changed: 1 }];
    const tasks = [];
    for await (const task of client.tasks({ assignee: "ali" })) tasks.push(task.task_id);
    expect(tasks).toEqual(["t-1"]);
    await expect(client.tasks({}).next()).rejects.toThrow(RangeError);
    await expect(client.read("/v1/nothing")).rejects.toMatchObject({ status: 404, errorCode: "NOT_FOUND" });
  });
});
