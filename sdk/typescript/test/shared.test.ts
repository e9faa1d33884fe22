import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openDocument } from "../src/documents/index.js";
import { AuthFailed, DossierRealtimeClient, type ServerMessage } from "../src/index.js";
import { Hub } from "../src/shared/hub.js";
import { TabSockets } from "../src/shared/socket.js";
import { FakeServer, settled } from "../src/testing/index.js";
import { expanded, type Step } from "./scripted.js";

const hostile = JSON.parse(readFileSync(new URL("../../../tests/agreement/hostile.json", import.meta.url), "utf8")) as {
  rows: { id: string; steps: Step[] }[];
};

const CHANNEL = "dossier:country:SA";
const UPDATE = { type: "dossier_update", payload: { fields_changed: [] } };
const clients: DossierRealtimeClient[] = [];

/** A token as its tab reads it; the fake server takes any text for the id of its user. */
function token(user: string, end = 1000): string {
  const middle = btoa(JSON.stringify({ sub: user, exp: end }));
  return `header.${middle}.signature`;
}

function world() {
  const server = new FakeServer();
  server.answer = (message) => {
    if (message.type === "auth") {
      message.payload.token = JSON.parse(atob(message.payload.token.split(".")[1])).sub as string;
    }
    return false;
  };
  const hub = new Hub(server.WebSocket, undefined);
  const tab = (user: string, end?: number) => {
    const sockets = new TabSockets((hear) => ({
      post: (message) => void Promise.resolve().then(() => hub.receive(message, (back) => queueMicrotask(() => hear(back)))),
      lost: () => {},
    }));
    const client = new DossierRealtimeClient({ token: token(user, end), url: server.url, WebSocket: sockets.WebSocket });
    clients.push(client);
    return client;
  };
  return { server, hub, tab };
}

afterEach(() => {
  vi.useRealTimers();
  for (const client of clients.splice(0)) client.close();
});

/** A lane of the hub without a client: what it says and what it hears are written down. */
function lanes(server: FakeServer) {
  const hub = new Hub(server.WebSocket, undefined);
  return (id: string) => {
    const heard: Record<string, any>[] = [];
    const post = (message: object): void => void heard.push("frame" in message ? JSON.parse(message.frame as string) : message);
    const say = (frame: object): void => hub.receive({ lane: id, frame: JSON.stringify(frame) }, post);
    hub.receive({ lane: id, open: server.url, lock: id }, post);
    const auth = (user: string, end = 1000): void => say({ type: "auth", payload: { token: token(user, end) }, ref: `auth-${end}` });
    return { heard, say, auth, close: (code: number) => hub.receive({ lane: id, close: code }, post) };
  };
}

describe("a shared connection that is dead", () => {
  it("is given up with the tab that found out, and the tab gets another one", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    const { server } = world();
    const lane = lanes(server);
    const [one, two] = [lane("one"), lane("two")];
    one.auth("ali");
    two.auth("ali");
    await settled();
    expect(two.heard.map((each) => each.type ?? "opened")).toContain("auth_success");
    server.answers = false;
    vi.advanceTimersByTime(75_000);
    one.close(4001);
    expect(two.heard.at(-1)).toEqual({ lane: "two", closed: 1006, reason: "" });
    lane("three").auth("ali");
    await settled();
    expect(server.opens).toBe(2);
  });

  it("is kept where the tab just goes, and where something was heard", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    const { server } = world();
    const lane = lanes(server);
    const [one, two, three] = [lane("one"), lane("two"), lane("three")];
    one.auth("ali");
    await settled();
    three.close(4001);
    vi.advanceTimersByTime(75_000);
    two.close(1000);
    expect(one.heard.some((each) => "closed" in each)).toBe(false);
  });

  it("is given up where it does not open in time", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    const { server } = world();
    server.opened = () => {};
    const one = lanes(server)("one");
    await settled();
    vi.advanceTimersByTime(10_000);
    expect(one.heard).toEqual([{ lane: "one", closed: 1006, reason: "" }]);
  });

  it("takes no token for good that the service has not granted", async () => {
    const { server } = world();
    const lane = lanes(server);
    const [one, two, three] = [lane("one"), lane("two"), lane("three")];
    one.auth("ali");
    await settled();
    const read = server.answer!;
    server.answer = (message, socket) => read(message, socket) || message.type === "auth";
    two.auth("ali", 2000); // a renewal without an answer
    await settled();
    two.close(4005);
    server.answer = read;
    three.auth("ali", 1500);
    await settled();
    expect(three.heard.map((each) => each.type ?? "opened")).toContain("auth_success");
    expect(server.received.filter((message) => message.type === "auth")).toHaveLength(3);
  });
});

describe("the tokens of many tabs", () => {
  const soon = (): number => Math.floor(Date.now() / 1000) + 60;
  const auths = (server: FakeServer): number => server.received.filter((message) => message.type === "auth").length;

  it("are one renewal for all when the token in force ends", async () => {
    const { server } = world();
    const lane = lanes(server);
    const tabs = Array.from({ length: 12 }, (_, n) => lane(`tab-${n}`));
    tabs.forEach((each, n) => each.auth("ali", soon() - n));
    await settled();
    tabs.forEach((each, n) => each.auth("ali", soon() + 3600 + n));
    await settled();
    expect(auths(server)).toBe(2);
    expect(tabs.map((each) => each.heard.filter((frame) => frame.type === "auth_success").length)).toEqual(tabs.map(() => 2));
  });

  it("do not keep a tab out whose first one is refused for now", async () => {
    const { server } = world();
    const lane = lanes(server);
    lane("one").auth("ali", soon());
    await settled();
    const read = server.answer!;
    server.answer = (message, socket) => {
      read(message, socket);
      socket.deliver({ type: "error", error_code: "RATE_LIMIT_EXCEEDED", message: "six a minute", timestamp: 1, ref: message.ref });
      return true;
    };
    const two = lane("two");
    two.auth("ali", soon() + 3600);
    await settled();
    expect(two.heard.map((frame) => frame.type ?? "opened")).toEqual(["opened", "auth_success", "connection_state"]);
  });
});

describe("a document of several tabs", () => {
  const channel = "document:d";

  /** A service whose document has five versions; it refuses as `refusal` says, and answers no other edit. */
  async function paper(present: { version: number; epoch: string }) {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    const { server } = world();
    const read = server.answer!;
    const said = { refusal: undefined as object | undefined };
    server.answer = (message, socket) => {
      read(message, socket);
      if (message.type !== "subscribe") return false;
      const since = message.params.since as { version: number } | undefined;
      if (said.refusal) socket.deliver({ type: "error", timestamp: 1, ref: message.ref, ...said.refusal });
      else {
        const document = since ? {} : { document: { ...present, content: "", format: [] } };
        socket.deliver({ type: "subscribed", channel, ref: message.ref, ...document, ...(since ? { recovered: true } : {}) });
      }
      return true;
    };
    const lane = lanes(server);
    const open = async (id: string, params: object = {}) => {
      const tab = lane(id);
      tab.auth("ali");
      tab.say({ type: "subscribe", channel, params, ref: "s" });
      await settled();
      tab.say({ type: "subscribe", channel, params, ref: "s" });
      await settled();
      return tab;
    };
    const asked = () => server.received.filter((message) => message.type === "subscribe" && message.ref!.startsWith("0."));
    const edit = (version: number) => server.send({ type: "remote_operation", channel, payload: { version } });
    return { server, said, open, asked, edit };
  }

  it("stays open where the hub may not ask for what a tab lacks, and is asked again in time", async () => {
    const { said, open, asked, edit } = await paper({ version: 5, epoch: "e" });
    const [one] = [await open("one", { hidden: true }), await open("two", { hidden: true })];
    said.refusal = { error_code: "RATE_LIMIT_EXCEEDED", message: "later", retry_after: 4 }; // without its channel
    edit(7);
    await settled();
    expect(asked()).toHaveLength(1);
    expect(asked()[0]!.params).toEqual({ since: { version: 5, epoch: "e" }, hidden: true });
    expect(one.heard.some((each) => "closed" in each)).toBe(false);
    said.refusal = undefined;
    vi.advanceTimersByTime(3_900);
    await settled();
    expect(asked()).toHaveLength(1);
    vi.advanceTimersByTime(200);
    await settled();
    expect(asked()).toHaveLength(2);
    expect(one.heard.some((each) => "closed" in each)).toBe(false);
  });

  it("brings a tab that goes on from an older version up to the others", async () => {
    const { open, asked } = await paper({ version: 5, epoch: "e" });
    await open("one");
    await open("two", { since: { version: 3, epoch: "e" } });
    vi.advanceTimersByTime(1_100);
    await settled();
    expect(asked().map((message) => message.params.since)).toEqual([{ version: 3, epoch: "e" }]);
  });

  it("forgets the versions of a history that was replaced", async () => {
    const present = { version: 5, epoch: "e" };
    const { open, asked } = await paper(present);
    await open("one");
    Object.assign(present, { version: 2, epoch: "restored" });
    await open("one again");
    await open("two");
    vi.advanceTimersByTime(1_100);
    await settled();
    expect(asked().filter((message) => message.params.since.version < 5)).toEqual([]);
  });
});

describe("one connection for all tabs", () => {
  it("is one for eleven, and each hears what it subscribed", async () => {
    const { server, tab } = world();
    const tabs = Array.from({ length: 11 }, () => tab("ali"));
    await Promise.all(tabs.map((each) => each.connect()));
    expect(server.opens).toBe(1);
    expect(server.received.filter((message) => message.type === "auth")).toHaveLength(1);
    expect(new Set(tabs.map((each) => each.sessionId)).size).toBe(1);
    const heard = tabs.map(() => [] as ServerMessage[]);
    await Promise.all(
      tabs.slice(0, 5).map((each, n) => each.subscribe(CHANNEL, { onMessage: (message) => heard[n]!.push(message) }).ready()),
    );
    await tabs[10]!.send(CHANNEL, UPDATE);
    await settled();
    expect(heard.map((each) => each.length)).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  });

  it("keeps the subscription until the last tab leaves it", async () => {
    const { server, tab } = world();
    const [one, two] = [tab("ali"), tab("ali")];
    const seen: ServerMessage[] = [];
    const first = one.subscribe(CHANNEL, {});
    const second = two.subscribe(CHANNEL, { onMessage: (message) => seen.push(message) });
    await Promise.all([first.ready(), second.ready()]);
    first.unsubscribe();
    await settled();
    await one.send(CHANNEL, UPDATE);
    await settled();
    expect(seen).toHaveLength(1);
    expect(server.received.some((message) => message.type === "unsubscribe")).toBe(false);
    second.unsubscribe();
    await settled();
    expect(server.received.some((message) => message.type === "unsubscribe")).toBe(true);
  });

  it("shows presence to the tabs that asked for it alone", async () => {
    const { server, tab } = world();
    const [one, two] = [tab("ali"), tab("ali")];
    const counts: number[] = [];
    await one.subscribe(CHANNEL, { onPresence: (presence) => counts.push(presence.count) }).ready();
    await two.subscribe(CHANNEL, {}).ready();
    const raw: string[] = [];
    two.on("presence_join", (message) => raw.push(message.type));
    server.join(CHANNEL, { user_id: "sara", name: "Sara" });
    await settled();
    expect(counts.at(-1)).toBe(2);
    expect(raw).toEqual([]);
    expect(() => two.presence(CHANNEL)).toThrow();
  });

  it("comes back as one, each tab from its own place", async () => {
    const { server, tab } = world();
    const tabs = [tab("ali"), tab("ali"), tab("ali")];
    const heard = tabs.map(() => [] as number[]);
    await Promise.all(
      tabs.map((each, n) =>
        each.subscribe(CHANNEL, { onMessage: (message) => heard[n]!.push((message as { offset: number }).offset) }).ready(),
      ),
    );
    server.publish(CHANNEL, UPDATE);
    await settled();
    server.drop(1006);
    server.publish(CHANNEL, UPDATE);
    server.publish(CHANNEL, UPDATE);
    while (heard.some((each) => each.length < 3)) await new Promise((done) => setTimeout(done, 10));
    expect(heard).toEqual([[1, 2, 3], [1, 2, 3], [1, 2, 3]]);
    expect(server.opens).toBe(2);
  });

  it("gives another user another connection", async () => {
    const { server, tab } = world();
    const [ali, sara, again] = [tab("ali"), tab("sara"), tab("ali")];
    await Promise.all([ali.connect(), sara.connect(), again.connect()]);
    expect([ali.userId, sara.userId, again.userId]).toEqual(["ali", "sara", "ali"]);
    expect(server.opens).toBe(2);
  });

  it("asks the service about a token that lasts longer, and about no other", async () => {
    const { server, tab } = world();
    await tab("ali", 1000).connect();
    await tab("ali", 900).connect();
    await tab("ali", 2000).connect();
    expect(server.received.filter((message) => message.type === "auth")).toHaveLength(2);
    expect(server.opens).toBe(1);
  });

  it("lets a tab with a bad token go alone", async () => {
    const { server, tab } = world();
    const read = server.answer!;
    let refuse = true;
    server.answer = (message, socket) => {
      read(message, socket);
      if (message.type !== "auth" || !refuse) return false;
      refuse = false;
      socket.deliver({ type: "error", error_code: "INVALID_TOKEN", message: "bad", timestamp: 1, ref: message.ref });
      socket.hangUp(4500);
      return true;
    };
    const [bad, good] = [tab("ali"), tab("ali")];
    await expect(bad.connect()).rejects.toThrow(AuthFailed);
    await good.connect();
    expect(good.state).toBe("authenticated");
  });

  it("brings the edits of one tab to the others", async () => {
    const { server, tab } = world();
    const channel = "document:d";
    const read = server.answer!;
    const log: object[] = [];
    server.answer = (message, socket) => {
      read(message, socket);
      if (message.type === "edit_operation") {
        const version = log.length + 1;
        log.push({ type: "remote_operation", channel, payload: { ...message.payload, version, user_id: "ali", user_name: "Ali" } });
        socket.deliver({ type: "operation_ack", channel, payload: { version }, ref: message.ref });
        return true;
      }
      if (message.type !== "subscribe" || message.params?.since?.version === undefined) return false;
      socket.deliver({ type: "subscribed", channel, recovered: true, document: { version: log.length, content: "", format: [], epoch: "e" }, ref: message.ref });
      for (const each of log.slice(message.params.since.version as number)) socket.deliver(each);
      return true;
    };
    const [author, reader] = [tab("ali"), tab("ali")];
    const seen: [string, number][] = [];
    const watch = (name: string) => (message: ServerMessage) => {
      if (message.type === "remote_operation") seen.push([name, message.payload.version]);
    };
    await author.subscribe(channel, { onMessage: watch("author") }).ready();
    await reader.subscribe(channel, { onMessage: watch("reader") }).ready();
    for (let n = 0; n < 2; n++) {
      await author.request({ type: "edit_operation", channel, payload: { operation_type: "insert", position: 0, content: "x", version: n } });
    }
    while (seen.length < 2) await new Promise((done) => setTimeout(done, 20));
    expect(seen).toEqual([["reader", 1], ["reader", 2]]);
  });

  it("is disturbed by nothing that a hostile server sends, and each tab says what it was", async () => {
    const { server, tab } = world();
    const wrong: string[][] = [[], []];
    const seen: number[][] = [[], []];
    const tabs = [tab("ali"), tab("ali")];
    for (const [at, each] of tabs.entries()) {
      each.onError((error) => wrong[at]!.push(error.name));
      await each.subscribe(CHANNEL, { onMessage: (message) => seen[at]!.push((message as { offset: number }).offset) }).ready();
    }
    const sent = hostile.rows.filter(({ id }) => /^(J02|J04|J08|J15\.[23]\d)/.test(id)).map(({ steps }) => expanded(steps[0]!.server));
    for (const frame of sent) {
      server.send(frame as object | string);
      await settled();
    }
    server.publish(CHANNEL, UPDATE);
    await settled();
    await settled();
    expect(seen).toEqual([[1], [1]]);
    expect(new Set(wrong.flat())).toEqual(new Set(["ProtocolViolation"]));
    expect(wrong.map(({ length }) => length)).toEqual([sent.length, sent.length]);
    expect(tabs.map((each) => each.state)).toEqual(["authenticated", "authenticated"]);
  });

  it("brings a message of a later version to both tabs, with its place", async () => {
    const { server, tab } = world();
    const seen: [string, number | undefined][] = [];
    const tabs = [tab("ali"), tab("ali")];
    const subscriptions = tabs.map((each) => each.subscribe(CHANNEL, { onUnknown: ({ type, offset }) => seen.push([type, offset]) }));
    for (const each of subscriptions) await each.ready();
    server.publish(CHANNEL, { type: "a_later_message" });
    await settled();
    await settled();
    expect(seen).toEqual([["a_later_message", 1], ["a_later_message", 1]]);
    expect(subscriptions.map((each) => each.position?.offset)).toEqual([1, 1]);
  });

  it("closes the connection when the last tab has gone", async () => {
    const { server, tab } = world();
    const [one, two] = [tab("ali"), tab("ali")];
    await Promise.all([one.connect(), two.connect()]);
    one.close();
    two.close();
    await server.until(() => server.sockets.size === 0);
  });
});

it("shows the cursor of a tab again when its user comes back to it, for all tabs have one", async () => {
  const { server, tab } = world();
  server.document("paper").write(0, 0, "one two");
  const [first, second] = [openDocument(tab("ali"), "paper"), openDocument(tab("ali"), "paper")];
  await Promise.all([first.ready(), second.ready()]);
  const told = () => server.received.filter(({ type }) => type === "cursor_position").map(({ payload }) => payload.position as number);
  first.moveCursor(1);
  await server.until(() => told().length === 1);
  second.moveCursor(4);
  await server.until(() => told().length === 2);
  first.moveCursor(1); // as a binding says it; for its tab nothing has changed
  first.showCursor();
  await server.until(() => told().length === 3);
  expect(told()).toEqual([1, 4, 1]);
});
