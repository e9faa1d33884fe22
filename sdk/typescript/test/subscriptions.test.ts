import { describe, expect, it, vi } from "vitest";
import { DeniedError, NotSubscribed, Overflowed, PositionLost, QueueFull, TimedOut } from "../src/index.js";
import { settled } from "../src/testing/index.js";
import { CHANNEL, setUp, UPDATE } from "./client_setup.js";

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
