import { ConnectionClosed, DeniedError, NotSubscribed, type RealtimeError, TimedOut } from "../errors.js";
import type {
  ClientMessage,
  ErrorMessage,
  PresenceChangeInput,
  RateLimits,
  ServerMessage,
  SubscribedMessage,
} from "../protocol.js";
import { ChannelState } from "./channel_state.js";
import type { Answer, DocumentHooks, SubscribeOptions, SubscriptionStatus } from "./interface.js";
import { type PresenceChange, presenceAfter } from "./presence.js";
import { type PacedClass, RateWindow } from "./rate_window.js";
import type { UnknownMessage } from "./reading.js";
import { type PendingSend, SendQueue } from "./send_queue.js";
import type { Subscriber, SubscriberHome } from "./subscriber.js";

const PAUSE = 15_000; // wait where the server asks to wait, but not how long
const MAX_PAUSES = 5; // requests to wait after which a send fails

/** Where a session writes, and to whom it tells what belongs to no subscription. */
export interface SessionHost {
  write(frame: string): void;
  heard(message: ServerMessage | UnknownMessage): void;
  report(error: Error): void;
}

/** What outlives a connection: subscribed channels, and sends that wait for their answer. */
export class ClientSession implements SubscriberHome {
  readonly channels = new Map<string, ChannelState>();
  userId: string | undefined;
  private online = false;
  private count = 0;
  private readonly queues: Record<PacedClass, SendQueue> = {
    general: new SendQueue(new RateWindow("general")),
    edit: new SendQueue(new RateWindow("edit")),
  };

  constructor(
    private readonly host: SessionHost,
    private readonly sendTimeout: number,
  ) {}

  // --- calls of the program

  subscribe(subscriber: Subscriber, presence: boolean, options: SubscribeOptions): void {
    const { channel } = subscriber;
    let state = this.channels.get(channel);
    const isNew = !state;
    if (!state) {
      state = new ChannelState(channel, presence, options.hidden === true, options);
      this.channels.set(channel, state);
    }
    state.subscribers.add(subscriber);
    if (isNew) return this.ask(state);
    const more = presence && !state.includePresence;
    state.includePresence ||= presence;
    if (state.live && !subscriber.document) {
      subscriber.begin(state.position);
      if (state.presence) subscriber.presence(state.presence);
    }
    if (subscriber.document) this.reload(channel);
    else if (more) this.ask(state);
  }

  leave(subscriber: Subscriber): void {
    subscriber.end();
    const state = this.channels.get(subscriber.channel);
    state?.subscribers.delete(subscriber);
    if (state && !state.subscribers.size) {
      this.channels.delete(state.channel);
      // Nobody waits for the answers to its edits, and who opens the document again must not meet them.
      this.queues.edit.remove(({ frame }) => frame.includes(`"channel":"${state.channel}"`));
      this.say({ type: "unsubscribe", channel: state.channel, ref: this.nextRef() });
    }
  }

  /** Begin a new subscription: the server replays only what it has not delivered on the present one. */
  reload(channel: string): void {
    const state = this.channels.get(channel);
    if (!state || !this.online) return;
    this.say({ type: "unsubscribe", channel, ref: this.nextRef() });
    state.document?.onLost();
    this.ask(state);
  }

  send(frame: string, ref: string, key: string, kind: PacedClass, now: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const deadline = kind === "edit" ? Infinity : now + this.sendTimeout;
      this.queues[kind].add({ ref, frame, key, resolve, reject, deadline, pauses: 0, place: 0 });
      this.transmit(now);
    });
  }

  /** Write a message that nobody answers; false where there is no connection. */
  say(message: ClientMessage | object): boolean {
    if (this.online) this.host.write(JSON.stringify(message));
    return this.online;
  }

  updatePresence(channel: string, change: PresenceChangeInput): void {
    const state = this.channels.get(channel);
    if (!state) throw new NotSubscribed(`${channel} is not subscribed; subscribe to it first`);
    state.updatePresence(change);
    if (state.live) this.say({ type: "presence_update", channel, payload: change, ref: this.nextRef() });
  }

  status(channel: string): SubscriptionStatus {
    const state = this.channels.get(channel);
    if (!state) return "ended";
    return state.live ? (state.whole ? "live" : "recovering") : "waiting";
  }

  get recovering(): string[] {
    return [...this.channels.values()].filter((state) => !state.whole).map((state) => state.channel);
  }

  get documents(): DocumentHooks[] {
    return [...this.channels.values()].flatMap((state) => [...state.subscribers].flatMap((each) => each.document ?? []));
  }

  get waits(): boolean {
    return this.queues.general.size + this.queues.edit.size > 0;
  }

  nextRef(): string {
    return String(++this.count);
  }

  // --- the connection

  limited(limits: RateLimits | null | undefined): void {
    for (const queue of Object.values(this.queues)) queue.rate.limited(limits);
  }

  authenticated(userId: string, now: number): void {
    this.userId = userId;
    this.online = true;
    for (const state of this.channels.values()) this.ask(state);
    this.transmit(now);
  }

  disconnected(): void {
    if (!this.online) return;
    this.online = false;
    for (const queue of Object.values(this.queues)) queue.disconnected();
    for (const state of this.channels.values()) state.lost();
  }

  /** End all subscriptions and reject all sends: the client does not come back. */
  end(error: RealtimeError | undefined): void {
    const why = error ?? new ConnectionClosed("The client was closed; make a new one to go on");
    for (const queue of Object.values(this.queues)) for (const send of queue.remove(() => true)) send.reject(why);
    const states = [...this.channels.values()];
    this.channels.clear();
    for (const state of states) {
      for (const subscriber of state.subscribers) subscriber.end(error ?? new ConnectionClosed(why.message, 0));
    }
  }

  // --- time

  tick(now: number): void {
    for (const queue of Object.values(this.queues)) {
      for (const send of queue.remove(({ deadline }) => deadline <= now)) {
        const key = send.key && " with the same idempotency key";
        const text = `No answer within ${this.sendTimeout / 1000} s; send again${key} to be sure`;
        send.reject(new TimedOut(text, send.key));
      }
    }
    for (const state of this.channels.values()) {
      if (state.retryAt !== undefined && state.retryAt <= now) this.ask(state);
    }
    this.transmit(now);
  }

  grant(until: number): void {
    for (const queue of Object.values(this.queues)) queue.grant(until);
  }

  deadline(now: number): number {
    let due = Math.min(this.queues.general.deadline(now), this.queues.edit.deadline(now));
    for (const { retryAt } of this.channels.values()) if (retryAt !== undefined) due = Math.min(due, retryAt);
    return due;
  }

  // --- what comes

  received(message: ServerMessage, now: number): void {
    switch (message.type) {
      case "ack":
      case "operation_ack":
      case "channel_settings":
        return this.answered(message, now);
      case "alert_state":
        return message.ref === undefined ? this.event(message) : this.answered(message, now);
      case "lock_state":
        return message.ref === undefined ? this.presence(message) : this.answered(message, now);
      case "error":
        return this.refused(message, now);
      case "subscribed":
        return this.subscribed(message);
      case "unsubscribed": {
        const state = this.channels.get(message.channel);
        if (!state?.live || message.ref !== undefined) return undefined;
        return this.drop(state, new ConnectionClosed(`The server ended the subscription to ${state.channel}; subscribe again`));
      }
      case "rate_limit_exceeded": {
        const kind = message.payload.class ?? "general";
        if (kind === "bytes" || kind === "general") this.queues.general.pause(now + message.payload.retry_after * 1000);
        if (kind === "bytes" || kind === "edit") this.queues.edit.pause(now + message.payload.retry_after * 1000);
        return this.host.heard(message);
      }
      case "rate_limit_warning": {
        const { class: kind = "general", current_rate, reset_in } = message.payload;
        if (kind === "general" || kind === "edit") this.queues[kind].rate.warned(current_rate, reset_in, now);
        return this.host.heard(message);
      }
      case "presence_join":
      case "presence_leave":
      case "presence_update":
        return this.presence(message);
      default:
        return this.event(message);
    }
  }

  private answered(message: Answer, now: number): void {
    const { ref } = message;
    const send = ref === undefined ? undefined : this.settle(ref);
    if (!send) return;
    if (message.type === "lock_state") {
      this.channels.get(message.channel)?.keepLock(message.payload, message.payload.user_id === this.userId);
    }
    send.resolve(message);
    this.host.heard(message);
    this.transmit(now);
  }

  private settle(ref: string): PendingSend | undefined {
    return this.queues.general.answered(ref) ?? this.queues.edit.answered(ref);
  }

  private subscribed(answer: SubscribedMessage): void {
    const state = this.channels.get(answer.channel);
    if (!state?.ref || answer.ref !== state.ref) return; // the answer to a subscribe that was taken back meanwhile
    const lost = state.subscribed(answer);
    if (lost) this.tell(state, (subscriber) => subscriber.fault(lost));
    this.tell(state, (subscriber) => subscriber.begin(state.position));
    this.tell(state, (subscriber) => subscriber.document?.onSubscribed(answer));
    const { presence } = state;
    if (answer.presence && presence) this.tell(state, (subscriber) => subscriber.presence(presence));
    for (const message of state.sayAgain(() => this.nextRef())) this.say(message);
    this.host.heard(answer);
  }

  private presence(change: PresenceChange): void {
    const state = this.channels.get(change.channel);
    if (!state?.presence || !state.live) return;
    const after = presenceAfter(state.presence, change);
    const changed = after !== state.presence;
    state.presence = after;
    if (changed) this.tell(state, (subscriber) => subscriber.presence(after));
    if (state.document) this.tell(state, (subscriber) => subscriber.document && subscriber.message(change, state.position));
    this.host.heard(change);
  }

  /** Take a message of an unknown type; its place on a channel counts as that of any other. */
  unknown(message: UnknownMessage): void {
    if (message.channel === undefined && message.offset === undefined) this.host.heard(message);
    else this.event(message);
  }

  private event(message: ServerMessage | UnknownMessage): void {
    const own = `user:${this.userId}`;
    const said = message as { channel?: string | null; offset?: number | null };
    const channel = said.channel ?? own;
    const state = this.channels.get(channel);
    if (!state || (!state.position && !state.live)) {
      // The server sends the user's own channel to every connection, subscribed or not.
      if (channel === own) this.host.heard(message);
      return;
    }
    const arrival = state.arrive(message, said.offset ?? undefined);
    if (arrival.recover) return this.reload(channel);
    const { lost } = arrival;
    if (lost) this.tell(state, (subscriber) => subscriber.fault(lost));
    for (const [event, position] of arrival.deliver) {
      this.tell(state, (subscriber) => subscriber.message(event, position));
      this.host.heard(event);
    }
  }

  private refused(error: ErrorMessage, now: number): void {
    const { error_code: code, message, ref } = error;
    const wait = code === "RATE_LIMIT_EXCEEDED" || code === "SERVICE_UNAVAILABLE";
    const queue = ref && this.queues.edit.find(ref) ? this.queues.edit : this.queues.general;
    const pause = error.retry_after ? error.retry_after * 1000 : queue.pausedUntil > now ? 0 : PAUSE;
    const until = Math.max(queue.pausedUntil, now + pause);
    const channel = error.channel ?? undefined;
    const why = new DeniedError(code, message, channel, wait ? (until - now) / 1000 : undefined, error.payload?.version);
    const send = ref ? queue.find(ref) : undefined;
    if (send) {
      if (wait && send.pauses < MAX_PAUSES) {
        queue.again(send);
        return queue.pause(until);
      }
      queue.forget(send.ref);
      send.reject(why);
      return this.transmit(now);
    }
    for (const state of this.channels.values()) {
      const asked = ref !== undefined && ref === state.ref;
      const takenAway = ref === undefined && channel === state.channel && state.live && code === "SUBSCRIPTION_FAILED";
      if (asked && wait) {
        state.ref = undefined;
        state.retryAt = until;
        return;
      }
      if (asked || takenAway) return this.drop(state, why);
    }
    const state = channel === undefined ? undefined : this.channels.get(channel);
    // A document tells its cursor again by itself: the refusal is no error of the program.
    if (ref === "cursor") state && this.tell(state, (subscriber) => subscriber.document && subscriber.message(error, state.position));
    else if (state) this.tell(state, (subscriber) => subscriber.fault(why));
    else this.host.report(why);
    this.host.heard(error);
  }

  private drop(state: ChannelState, error: Error): void {
    this.channels.delete(state.channel);
    this.tell(state, (subscriber) => subscriber.end(error));
  }

  /** Each subscriber of now: handlers may subscribe and unsubscribe. */
  private tell(state: ChannelState, call: (subscriber: Subscriber) => void): void {
    for (const subscriber of [...state.subscribers]) call(subscriber);
  }

  private ask(state: ChannelState): void {
    if (this.online) this.say(state.ask(this.nextRef()));
  }

  private transmit(now: number): void {
    if (!this.online) return;
    for (const queue of Object.values(this.queues)) queue.take(now, (frame) => this.host.write(frame));
  }
}
