import { ConnectFailed, ConnectionClosed, NotSubscribed } from "../errors.js";
import type {
  AckMessage,
  BriefEnd,
  BriefRequestPayloadInput,
  ClientMessage,
  ConnectionState,
  PresenceChangeInput,
  ServerMessage,
  ServerMessages,
} from "../protocol.js";
import { Backoff } from "./backoff.js";
import { type BriefGeneration, requestBriefOf } from "./briefs.js";
import { checkChannel } from "./channels.js";
import { systemClock } from "./clock.js";
import { ClientConnection } from "./connection.js";
import { HttpCalls } from "./http.js";
import { type InboxEvent, entryId, inboxOf, type TaskRow, tasksOf, unreadOf } from "./inbox.js";
import type {
  Answer,
  AnsweredCommand,
  FileBytes,
  PresenceState,
  RealtimeConnection,
  SubscribeHandlers,
  SubscribeOptions,
  Subscription,
} from "./interface.js";
import { type ClientOptions, CONTRACT_URL, checkUrl, type WebSocketConstructor } from "./options.js";
import { frameOf, type Outgoing, randomId } from "./outbound.js";
import { NOBODY } from "./presence.js";
import { UnknownMessage } from "./reading.js";
import { ConnectionRunner } from "./runner.js";
import { ClientSession } from "./session.js";
import { Stream } from "./stream.js";
import { guarded, Subscriber } from "./subscriber.js";

const MAX_IDS = 100; // in one message about the inbox

/** The messages of one channel, for `for await`; `ready` settles when the server has confirmed the subscription. */
export type ChannelStream = Stream<ServerMessage> & { readonly ready: Promise<void> };

/**
 * A connection that comes back by itself, its subscriptions and its sends, for one user.
 *
 *     const client = new DossierRealtimeClient(token);
 *     client.subscribe("dossier:country:SA", { onMessage: (message) => console.log(message) });
 *
 * With options: `new DossierRealtimeClient({ token: () => freshToken(), url: "wss://…/v1" })`. Throws TypeError for a
 * token that is neither a text nor a function, RangeError for an address that is not safe.
 */
export class DossierRealtimeClient implements RealtimeConnection {
  private readonly runner: ConnectionRunner;
  private readonly connection: ClientConnection;
  private readonly session: ClientSession;
  private readonly http: HttpCalls;
  private readonly listeners = new Map<string, Set<(value: never) => void>>();

  constructor(token: string | ClientOptions, more: Omit<ClientOptions, "token"> = {}) {
    const options: ClientOptions = typeof token === "object" && token ? token : { ...more, token: token as string };
    const { url = CONTRACT_URL, clock = systemClock, connectTimeout = 10_000, sendTimeout = 120_000 } = options;
    const source = options.token;
    if (typeof source !== "function" && (typeof source !== "string" || !source.trim())) {
      throw new TypeError("Give a token, or a function that brings one");
    }
    checkUrl(url);
    const Socket = options.WebSocket ?? (globalThis.WebSocket as unknown as WebSocketConstructor | undefined);
    const heard = (message: ServerMessage | UnknownMessage): void =>
      this.emit(message instanceof UnknownMessage ? "#unknown" : message.type, message);
    const report = (error: Error): void => this.reported(error);
    const fixed = typeof source === "string";
    const bring = fixed ? () => source.trim() : source;
    const runner = (this.runner = new ConnectionRunner(url, bring, fixed, Socket, connectTimeout, clock));
    const write = (frame: string): void => runner.write(frame);
    this.session = new ClientSession({ write, heard, report }, sendTimeout);
    this.connection = new ClientConnection(
      this.session,
      {
        dial: () => runner.dial(),
        renew: (after) => runner.renew(after),
        drop: (code, reason) => runner.drop(code, reason),
        entered: (state) => {
          if (state === "error" || state === "disconnected") runner.stop();
          this.emit("#state", state);
        },
        write,
        heard,
        report,
      },
      options.backoff ?? new Backoff(),
      () => clock.random(),
      !fixed,
    );
    runner.connection = this.connection;
    runner.report = report;
    this.http = new HttpCalls(url, () => runner.token(), options.fetch, clock);
    if (options.autoConnect !== false) runner.start();
  }

  // --- the connection

  /** Connect, and settle when the client is authenticated; rejects where no attempt can succeed. */
  async connect(): Promise<void> {
    this.runner.start();
    while (this.state !== "authenticated") {
      this.stillWanted();
      await new Promise<void>((done) => {
        const stop = this.onState(() => {
          stop();
          done();
        });
      });
    }
  }

  /**
   * Send the edits of open documents that wait, and wait `timeout` seconds at most for their confirmation; true where all
   * are saved. Rejects with ConnectionClosed after `close`.
   */
  async flush(timeout = 5): Promise<boolean> {
    this.stillWanted();
    const saved = await Promise.all(this.session.documents.map((document) => document.flush?.(timeout)));
    return !saved.includes(false);
  }

  /**
   * Close for good: subscriptions end, waiting sends reject with ConnectionClosed, no callback of the client follows.
   *
   * Each open document with edits that are not saved reports them as `UnsavedEdits`; `await flush()` before saves them.
   */
  close(): void {
    this.runner.perform(() => this.connection.close());
    this.listeners.clear();
  }

  get state(): ConnectionState {
    return this.connection.state;
  }

  /** The error that ended the client, in the states `error` and `disconnected`. */
  get error(): Error | undefined {
    return this.connection.error;
  }

  /** The id of the session at the service, kept over a reconnect. Undefined before the first `auth_success`. */
  get sessionId(): string | undefined {
    return this.connection.granted?.session_id;
  }

  get userId(): string | undefined {
    return this.connection.granted?.user_id;
  }

  /** The permissions of the token, such as `read:dossier:country:*`; empty before the first `auth_success`. */
  get permissions(): readonly string[] {
    return this.connection.granted?.permissions ?? [];
  }

  /** How often the server has seen this session come back. */
  get reconnectCount(): number {
    return this.connection.reconnectCount;
  }

  /** The subscribed channels whose missed events are still to come, or that are not confirmed on this connection. */
  get recovering(): readonly string[] {
    return this.session.recovering;
  }

  onState(handler: (state: ConnectionState) => void): () => void {
    return this.listen("#state", handler);
  }

  /** Hear the errors that belong to no subscription and no send. */
  onError(handler: (error: Error) => void): () => void {
    return this.listen("#error", handler);
  }

  /** Hear the messages of types that this version of the package does not know, of every channel. */
  onUnknown(handler: (message: UnknownMessage) => void): () => void {
    return this.listen("#unknown", handler);
  }

  on<Type extends keyof ServerMessages>(type: Type, handler: (message: ServerMessages[Type]) => void): () => void {
    return this.listen(type, handler);
  }

  // --- channels

  /**
   * Subscribe to a channel, over all reconnects, until `unsubscribe`; at once, also before the client is connected.
   * A channel may be subscribed several times. Throws RangeError for a channel or a beginning that cannot be.
   */
  subscribe(channel: string, callbacks: SubscribeHandlers = {}, options: SubscribeOptions = {}): Subscription {
    checkChannel(channel);
    checkBeginning(options);
    this.stillWanted();
    const state = this.session.channels.get(channel);
    const begins = options.after !== undefined || options.last !== undefined;
    if (state && (begins || (options.hidden ?? state.hidden) !== state.hidden)) {
      throw new RangeError(`${channel} is subscribed already; unsubscribe before you change after, last or hidden`);
    }
    const subscriber = new Subscriber(channel, callbacks, options.document, {
      status: (name) => this.session.status(name),
      leave: (each) => this.runner.perform(() => this.session.leave(each)),
      reload: (name) => this.runner.perform(() => this.session.reload(name)),
    });
    const presence = options.includePresence ?? callbacks.onPresence !== undefined;
    this.runner.perform(() => this.session.subscribe(subscriber, presence, options));
    return subscriber;
  }

  /** The messages of a channel, for `for await`: at most 1,000 wait, and what was lost is thrown. */
  stream(channel: string, options: SubscribeOptions = {}): ChannelStream {
    const stream = new Stream<ServerMessage>(
      channel,
      () => subscription.unsubscribe(),
      () => subscription.position,
    ) as Stream<ServerMessage> & { ready: Promise<void> };
    const subscription = this.subscribe(
      channel,
      { onMessage: (message) => stream.push(message), onError: (error) => stream.end(error), onEnd: () => stream.end() },
      options,
    );
    stream.ready = subscription.ready();
    stream.ready.catch(() => {}); // the iteration throws it too
    return stream;
  }

  /** The users on a channel; nobody until the server has sent them. Throws NotSubscribed. */
  presence(channel: string): PresenceState {
    const state = this.session.channels.get(channel);
    if (!state?.includePresence) {
      throw new NotSubscribed(`Subscribe to ${channel} with onPresence or includePresence to know who is there`);
    }
    return state.presence ?? NOBODY;
  }

  /** Announce the user's activity on a subscribed channel, now and after each reconnect. Throws NotSubscribed. */
  updatePresence(channel: string, change: Omit<PresenceChangeInput, "user_id">): void {
    this.runner.perform(() => this.session.updatePresence(channel, change));
  }

  // --- sends

  /**
   * Send a message, and settle when it is durable. It is sent again after every reconnect until it is answered, under
   * one idempotency key (the message's own, where it has one), and so takes effect once. While the rate is exceeded it waits.
   */
  async send(channel: string, message: any): Promise<void> {
    const own = (message as { idempotency_key?: unknown } | null)?.idempotency_key;
    await this.transmit(channel, message, typeof own === "string" && own ? own : undefined);
  }

  /** As `send`, typed, with the place of the event as the result. */
  async publish(channel: string, event: Outgoing, idempotencyKey?: string): Promise<AckMessage> {
    return (await this.transmit(channel, event, idempotencyKey)) as AckMessage;
  }

  async request(command: AnsweredCommand): Promise<Answer> {
    const key = "idempotency_key" in command ? command.idempotency_key : undefined;
    return (await this.transmit(undefined, command, key ?? "")) as Answer;
  }

  post(command: ClientMessage): boolean {
    this.stillWanted();
    return this.session.say(command);
  }

  private async transmit(channel: string | undefined, message: object, key?: string): Promise<Answer | undefined> {
    if (channel !== undefined) checkChannel(channel);
    this.stillWanted();
    const isEdit = (message as { type?: unknown } | null)?.type === "edit_operation";
    const used = isEdit || key === "" ? undefined : (key ?? randomId());
    const ref = this.session.nextRef();
    const { frame, kind, answered } = frameOf(channel, isEdit ? withOperationId(message) : message, ref, used);
    if (!answered) {
      this.runner.perform(() => this.session.say(JSON.parse(frame) as object));
      return undefined;
    }
    return this.runner.perform(() => this.session.send(frame, ref, used ?? "", kind, this.runner.now));
  }

  // --- what waits for the user

  /** The entries that wait for the user and want a person: all that is unread, then live events; each once. */
  inbox(): AsyncGenerator<InboxEvent, void, undefined> {
    return inboxOf(this);
  }

  /** The alerts about commitments among what waits in the inbox, and live ones. */
  async *alerts(): AsyncGenerator<ServerMessages["commitment_alert"], void, undefined> {
    for await (const event of inboxOf(this)) if (event.type === "commitment_alert") yield event;
  }

  /** The number of unread entries. */
  unread(): Promise<number> {
    return unreadOf(this);
  }

  /** Mark entries of the inbox as read on all devices: messages or their ids, or all up to an offset. */
  async markRead(entries: readonly (string | InboxEvent)[] | { upTo: number }): Promise<void> {
    if ("upTo" in entries) {
      await this.request({ type: "notification_ack", payload: { up_to: entries.upTo } });
      return;
    }
    const ids = entries.map((entry) => (typeof entry === "string" ? entry : entryId(entry)!));
    for (let at = 0; at < ids.length; at += MAX_IDS) {
      await this.request({ type: "notification_ack", payload: { ids: ids.slice(at, at + MAX_IDS) } });
    }
  }

  /** Let an entry of the inbox wait until a time: a date, or Unix seconds. */
  async snooze(entry: string | InboxEvent, until: Date | number): Promise<void> {
    const id = typeof entry === "string" ? entry : entryId(entry)!;
    const at = Math.floor(typeof until === "number" ? until : until.getTime() / 1000);
    await this.request({ type: "notification_snooze", payload: { id, until: at } });
  }

  /** The tasks of a channel, of an assignee or both that the user may see, open ones first. */
  tasks(of: { channel?: string; assignee?: string }): AsyncGenerator<TaskRow, void, undefined> {
    return tasksOf(this, of);
  }

  /** Acknowledge an alert; the id of the user whose acknowledgement holds. */
  async acknowledge(commitmentId: string): Promise<string> {
    const answer = await this.request({ type: "alert_ack", payload: { commitment_id: commitmentId } });
    return (answer.type === "alert_state" && answer.payload.acknowledged_by) || (this.userId ?? "");
  }

  /** Ask for a brief; the result is iterated, or waited for. */
  requestBrief(payload: BriefRequestPayloadInput): Promise<BriefGeneration> {
    return requestBriefOf(this, payload, randomId());
  }

  /** Cancel a brief; its end: `complete` or `failed` where it had ended before. */
  async cancelBrief(requestId: string): Promise<BriefEnd> {
    const answer = await this.request({ type: "brief_cancel", payload: { request_id: requestId } });
    return (answer.type === "ack" && answer.ended) || "cancelled";
  }

  read<T>(path: string): Promise<T> {
    return this.http.get<T>(path, () => this.stillWanted());
  }

  readBytes(path: string): Promise<FileBytes> {
    return this.http.get(path, () => this.stillWanted(), true);
  }

  async call<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: object, idempotencyKey?: string): Promise<T> {
    this.stillWanted();
    return this.http.call<T>(method, path, body, idempotencyKey);
  }

  // --- listeners

  private listen<T>(name: string, handler: (value: T) => void): () => void {
    const those = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, those);
    const one = (value: T): void => handler(value); // the same handler may listen twice
    those.add(one);
    return () => void those.delete(one);
  }

  private emit(name: string, value: unknown): void {
    for (const handler of [...(this.listeners.get(name) ?? [])]) guarded(handler, value as never);
  }

  private reported(error: Error): void {
    if (this.listeners.get("#error")?.size) this.emit("#error", error);
    // An attempt that is repeated shows in the state.
    else if (!(error instanceof ConnectFailed)) console.warn(`${error.message} (hear it with client.onError)`);
  }

  private stillWanted(): void {
    if (this.connection.finished) {
      throw this.connection.error ?? new ConnectionClosed("The client was closed; make a new one to go on");
    }
  }
}

function checkBeginning({ after, last }: SubscribeOptions): void {
  if (after !== undefined && last !== undefined) {
    throw new RangeError("Give after or last, not both: a subscription begins at one place");
  }
  if (last !== undefined && !(Number.isInteger(last) && last >= 1 && last <= 100)) {
    throw new RangeError(`last is a number of events from 1 to 100, not ${last}; use after for more`);
  }
  const offset = typeof after === "object" ? after.offset : after;
  if (offset !== undefined && !(Number.isSafeInteger(offset) && offset >= 0)) {
    throw new RangeError(`after is an offset from 0 on, not ${offset}`);
  }
}

/** An edit that is sent again must carry its own id. */
function withOperationId(message: object): object {
  const edit = message as { payload?: { op_id?: string } };
  return edit.payload?.op_id ? edit : { ...edit, payload: { ...edit.payload, op_id: randomId() } };
}
