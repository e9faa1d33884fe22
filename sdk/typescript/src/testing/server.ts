import type { ServerMessage } from "../protocol.js";
import type { WebSocketConstructor } from "../client/options.js";
import { answered, FakeDocument, Refused } from "./documents.js";
import { FakeInbox } from "./inbox.js";
import { type FakeEnd, FakeSocket } from "./socket.js";
import type { JsonObject } from "./socket.js";

/** A message of the client, as it came. */
export type Received = { type: string; ref?: string; channel?: string; params?: any; payload?: any; [more: string]: any };

interface FakeChannel {
  readonly epoch: string;
  readonly events: JsonObject[];
  users: JsonObject[];
}

interface Peer {
  user: string;
  session: string;
  readonly channels: Map<string, { presence: boolean }>;
}

/**
 * A server for the tests of programs that use the client: it authenticates, keeps history, recovers, acknowledges, and
 * shows presence, as the service does.
 *
 *     const server = new FakeServer();
 *     const client = new DossierRealtimeClient({ token: "ali", ...server.options });
 *     server.publish("dossier:country:SA", { type: "dossier_update", payload: { … } });
 *
 * The token is the id of its user. A handler of `answer` may take a message over: where it returns true, the server
 * does nothing of its own.
 */
export class FakeServer implements FakeEnd {
  readonly url = "wss://fake.example/v1";
  readonly WebSocket: WebSocketConstructor;
  /** What was published on `user:{id}` and wants a person waits here. */
  readonly inbox = new FakeInbox((channel) => this.channel(channel).events);
  /** Every message of every client, in order. */
  readonly received: Received[] = [];
  readonly sockets = new Set<FakeSocket>();
  /** How many sockets were opened, in all. */
  opens = 0;
  /** The events that each channel keeps; a client that missed more loses its place. */
  historyLimit = 10_000;
  heartbeatInterval = 30;
  /** Where set, handshakes are refused with this close code. */
  refusing: number | undefined;
  /** Where false, the server answers nothing by itself. */
  answers = true;
  answer: ((message: Received, socket: FakeSocket) => boolean) | undefined;
  private readonly peers = new Map<FakeSocket, Peer>();
  private readonly channels = new Map<string, FakeChannel>();
  private readonly documents = new Map<string, FakeDocument>();
  private readonly acks = new Map<string, { body: string; ack: JsonObject }>();
  private readonly waiting = new Set<{ test: () => boolean; done: () => void }>();
  private epochs = 0;

  constructor() {
    const server = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url: string) {
        super(url, server);
      }
    };
  }

  /** The options that a client of this server is made with, beside its token. */
  get options(): { url: string; WebSocket: WebSocketConstructor; fetch: typeof fetch } {
    const call: typeof fetch = (input, init) => {
      const [, id, path] = /^\/v1\/documents\/([^/]+)\/(.+)$/.exec(new URL(String(input)).pathname) ?? [];
      return id && path ? answered(this.document(decodeURIComponent(id)), path, init) : this.inbox.fetch(input, init);
    };
    return { url: this.url, WebSocket: this.WebSocket, fetch: call };
  }

  /** A document: its text, which a test may edit, its comments and its counterpart. */
  document(id: string): FakeDocument {
    const channel = `document:${id}`;
    let document = this.documents.get(id);
    if (!document) {
      document = new FakeDocument(id, this.channel(channel).epoch, (message, author) => {
        for (const [socket, peer] of this.peers) {
          if (peer.channels.has(channel) && socket !== author) socket.deliver({ ...message, channel });
        }
      });
      this.documents.set(id, document);
    }
    return document;
  }

  /** Wait until the server has received such a message, or such a fact holds. */
  until(fact: string | (() => boolean)): Promise<void> {
    const test = typeof fact === "function" ? fact : () => this.received.some((message) => message.type === fact);
    if (test()) return Promise.resolve();
    return new Promise((done) => this.waiting.add({ test, done }));
  }

  /** Publish an event on a channel, as another user would; its place in the history. */
  publish(channel: string, event: JsonObject): number {
    const kept = this.channel(channel);
    const offset = ((kept.events.at(-1)?.offset as number | undefined) ?? 0) + 1;
    const whole = { offset, ...event, channel };
    kept.events.push(whole);
    for (const [socket, peer] of this.peers) {
      if (peer.channels.has(channel) || channel === `user:${peer.user}`) socket.deliver(whole);
    }
    return offset;
  }

  /** Send a message to every client, as it is. */
  send(message: ServerMessage | object | string): void {
    for (const socket of this.sockets) socket.deliver(message);
  }

  /** Let a user come to a channel, or leave it. */
  join(channel: string, user: JsonObject & { user_id: string; name: string }): void {
    const kept = this.channel(channel);
    kept.users.push({ role: "", status: "online", activity: "viewing", avatar: null, ...user });
    this.tellPresence(channel, { type: "presence_join", channel, payload: kept.users.at(-1)! });
  }

  /** Let a user leave a channel. */
  leave(channel: string, user_id: string): void {
    const kept = this.channel(channel);
    kept.users = kept.users.filter((user) => user.user_id !== user_id);
    this.tellPresence(channel, { type: "presence_leave", channel, payload: { user_id } });
  }

  /** Close every socket with a code: 1006 is a broken network, 1012 a restart, 4501 a kick. */
  drop(code = 1006, reason = ""): void {
    for (const socket of [...this.sockets]) {
      this.forget(socket);
      socket.hangUp(code, reason);
    }
  }

  /** Begin a new epoch of a channel, as a store that was restored does. */
  restore(channel: string): void {
    this.channels.delete(channel);
    this.documents.delete(channel.slice("document:".length));
  }

  // --- the sockets

  opened(socket: FakeSocket): void {
    this.opens++;
    if (this.refusing !== undefined) return socket.hangUp(this.refusing);
    this.sockets.add(socket);
    socket.accept();
    this.check();
  }

  closed(socket: FakeSocket): void {
    this.forget(socket);
    this.check();
  }

  frame(socket: FakeSocket, frame: string): void {
    const message = JSON.parse(frame) as Received;
    this.received.push(message);
    if (!this.answer?.(message, socket) && this.answers) this.respond(message, socket);
    this.check();
  }


  private forget(socket: FakeSocket): void {
    this.sockets.delete(socket);
    this.peers.delete(socket);
  }

  private check(): void {
    for (const waiter of [...this.waiting]) {
      if (waiter.test()) {
        this.waiting.delete(waiter);
        waiter.done();
      }
    }
  }

  // --- the answers

  private respond(message: Received, socket: FakeSocket): void {
    const { type, ref, channel = "" } = message;
    const peer = this.peers.get(socket);
    if (type === "auth") return this.authenticate(message, socket);
    if (!peer) return socket.deliver(refusal("AUTH_FAILED", "Authenticate first", ref));
    switch (type) {
      case "ping":
        return socket.deliver({ type: "pong", timestamp: seconds() });
      case "subscribe":
        return this.subscribe(message, socket, peer);
      case "unsubscribe":
        peer.channels.delete(channel);
        return socket.deliver({ type: "unsubscribed", channel, ref });
      case "presence_update":
        return this.tellPresence(channel, {
          type,
          channel,
          payload: { status: "online", activity: "viewing", field: null, ...message.payload, user_id: peer.user },
        });
      case "cursor_position":
        return undefined;
      case "edit_operation":
        return this.edit(message, socket, peer);
      case "lock":
      case "unlock": {
        const { field, seconds: lease = 30 } = message.payload as { field: string; seconds?: number };
        const holder = type === "lock" ? { user_id: peer.user, name: peer.user, expires_in: lease } : {};
        const state = { type: "lock_state", channel, payload: { field, ...holder } };
        socket.deliver({ ...state, ref });
        return this.tellPresence(channel, state, socket);
      }
      default:
        return this.acknowledge(message, socket, peer);
    }
  }

  private authenticate(message: Received, socket: FakeSocket): void {
    const { token, session_id } = message.payload as { token: string; session_id?: string };
    const known = this.peers.get(socket);
    const session = known?.session ?? session_id ?? `session-${this.opens}`;
    if (!known) this.peers.set(socket, { user: token, session, channels: new Map() });
    const payload = { user_id: token, session_id: session, permissions: [], heartbeat_interval: this.heartbeatInterval };
    socket.deliver({ type: "auth_success", payload, ref: message.ref });
    if (known) return;
    const reconnect_count = session_id ? this.opens - 1 : 0;
    socket.deliver({ type: "connection_state", state: "authenticated", session_id: session, reconnect_count });
  }

  private subscribe(message: Received, socket: FakeSocket, peer: Peer): void {
    const { channel = "", params = {}, ref } = message;
    const { since, last, include_presence: wanted } = params as {
      since?: { epoch?: string; offset?: number };
      last?: number;
      include_presence?: boolean;
    };
    const kept = this.channel(channel);
    const offset = (kept.events.at(-1)?.offset as number | undefined) ?? 0;
    const oldest = kept.events.length > this.historyLimit ? offset - this.historyLimit : 0;
    const answer: JsonObject = { type: "subscribed", channel, ref };
    let missed: JsonObject[] = [];
    if (channel.startsWith("document:")) {
      const [text, later] = this.document(channel.slice("document:".length)).subscribed(params.since);
      Object.assign(answer, text);
      missed = later.map((message) => ({ ...message, channel }));
    } else answer.position = { epoch: kept.epoch, offset };
    if (since?.offset !== undefined && answer.position) {
      const place = since.offset;
      const can = (since.epoch ?? kept.epoch) === kept.epoch && place <= offset && place >= oldest;
      answer.recovered = can;
      if (can) missed = kept.events.filter((event) => (event.offset as number) > place);
    } else if (last !== undefined) missed = kept.events.slice(-last);
    if (wanted) {
      const own = { user_id: peer.user, name: peer.user, role: "" };
      const users = [...kept.users.filter((user) => user.user_id !== peer.user), own];
      answer.presence = { count: users.length, users };
    }
    peer.channels.set(channel, { presence: wanted === true });
    socket.deliver(answer);
    for (const event of missed) socket.deliver(event);
  }

  private acknowledge(message: Received, socket: FakeSocket, peer: Peer): void {
    const { ref, idempotency_key: key, ...body } = message;
    const { type, channel } = body;
    const name = `${peer.user} ${String(key)}`;
    const before = key === undefined ? undefined : this.acks.get(name);
    if (before) {
      if (before.body !== JSON.stringify(body)) {
        return socket.deliver(refusal("INVALID_MESSAGE_FORMAT", "The key was used with another body", ref, channel));
      }
      return socket.deliver({ ...before.ack, ref });
    }
    const ack: JsonObject = { type: "ack", ref, channel };
    if (channel !== undefined && !COMMANDS.includes(type)) {
      const actor = { updated_by: { user_id: peer.user, name: peer.user }, timestamp: seconds() };
      const payload = type === "dossier_update" ? { ...(message.payload as JsonObject), ...actor } : message.payload;
      ack.offset = this.publish(channel, { ...body, payload } as JsonObject);
      ack.epoch = this.channel(channel).epoch;
    }
    if (type === "brief_request") ack.request_id = `brief-${this.received.length}`;
    if (type === "notification_ack") {
      this.inbox.mark(peer.user, body.payload as { ids?: string[]; up_to?: number });
      const own = `user:${peer.user}`;
      this.publish(own, { type: "inbox_state", payload: { unread: this.inbox.unread(peer.user) } });
    }
    if (key !== undefined) this.acks.set(name, { body: JSON.stringify(body), ack });
    return socket.deliver(ack);
  }

  private edit({ channel = "", payload, ref }: Received, socket: FakeSocket, peer: Peer): void {
    try {
      const version = this.document(channel.slice("document:".length)).edit(payload, peer.user, socket);
      socket.deliver({ type: "operation_ack", channel, ref, payload: { version, op_id: payload.op_id } });
    } catch (wrong) {
      const code = wrong instanceof Refused ? wrong.code : "INVALID_MESSAGE_FORMAT";
      socket.deliver(refusal(code, String((wrong as Error).message), ref, channel));
    }
  }

  private channel(channel: string): FakeChannel {
    let kept = this.channels.get(channel);
    if (!kept) this.channels.set(channel, (kept = { epoch: `epoch-${++this.epochs}`, events: [], users: [] }));
    return kept;
  }

  private tellPresence(channel: string, message: JsonObject, author?: FakeSocket): void {
    for (const [socket, peer] of this.peers) {
      if (peer.channels.get(channel)?.presence && socket !== author) socket.deliver(message);
    }
  }
}

const COMMANDS = ["alert_ack", "brief_request", "brief_cancel", "notification_ack", "notification_snooze"];

function refusal(error_code: string, message: string, ref?: string, channel?: string): JsonObject {
  return { type: "error", error_code, message, timestamp: seconds(), ref, channel };
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
