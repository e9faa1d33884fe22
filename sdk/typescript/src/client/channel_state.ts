import { PositionLost } from "../errors.js";
import type {
  HistoryPosition,
  LockStatePayload,
  PresenceChangeInput,
  ServerMessage,
  SubscribeCommand,
  SubscribeParams,
  SubscribedMessage,
} from "../protocol.js";
import type { DocumentHooks, PresenceState, SubscribeOptions } from "./interface.js";
import { presenceOf } from "./presence.js";
import type { UnknownMessage } from "./reading.js";
import type { Subscriber } from "./subscriber.js";

const MAX_EVENTS_AHEAD = 1000; // events that may wait for earlier ones

/** The outcome of an event: events to deliver, a loss to report first, or a need to recover. */
export interface Arrival {
  readonly deliver: readonly (readonly [ServerMessage | UnknownMessage, HistoryPosition | undefined])[];
  readonly lost?: PositionLost;
  readonly recover?: boolean;
}

/** One subscribed channel over all connections: its parameters, its position and who is there. */
export class ChannelState {
  readonly subscribers = new Set<Subscriber>();
  position: HistoryPosition | undefined;
  presence: PresenceState | undefined;
  live = false;
  /** The subscribe that waits for its answer. */
  ref: string | undefined;
  retryAt: number | undefined;
  private begin: { offset: number } | { last: number } | undefined;
  private own: PresenceChangeInput | undefined;
  private readonly held = new Map<string, number | undefined>();
  private askedFrom: HistoryPosition | undefined;
  private recoveredAt: number | undefined;
  private missedTo: HistoryPosition | undefined;
  private openStart = false;
  private readonly ahead = new Map<number, ServerMessage | UnknownMessage>();

  constructor(
    readonly channel: string,
    public includePresence: boolean,
    readonly hidden: boolean,
    options: SubscribeOptions = {},
  ) {
    const { after, last } = options;
    if (typeof after === "object") this.position = after;
    else if (after !== undefined) this.begin = { offset: after };
    else if (last !== undefined) this.begin = { last };
  }

  get document(): DocumentHooks | undefined {
    for (const { document } of this.subscribers) if (document) return document;
    return undefined;
  }

  /** The subscribe to send now. */
  ask(ref: string): SubscribeCommand {
    this.ref = ref;
    this.live = false;
    this.retryAt = undefined;
    this.askedFrom = this.position;
    const params: SubscribeParams = {};
    if (this.includePresence) params.include_presence = true;
    if (this.hidden) params.hidden = true;
    const place = this.document?.place();
    if (this.position) params.since = { epoch: this.position.epoch, offset: this.position.offset };
    else if (place) params.since = place;
    else if (this.begin) "last" in this.begin ? (params.last = this.begin.last) : (params.since = this.begin);
    return { type: "subscribe", channel: this.channel, params, ref };
  }

  /** The connection is lost. */
  lost(): void {
    this.live = false;
    this.ref = this.retryAt = undefined;
    this.openStart = false;
    this.ahead.clear(); // the recovery sends them again
    this.document?.onLost();
  }

  /** Take the server's answer to `ask`; a loss is returned. */
  subscribed(answer: SubscribedMessage): PositionLost | undefined {
    this.live = true;
    this.ref = undefined;
    const begin = this.begin;
    this.begin = undefined;
    const now = answer.position ?? undefined;
    const last = begin && "last" in begin;
    this.missedTo = answer.recovered || last ? now : undefined;
    let lost: PositionLost | undefined;
    if (!this.position && begin && now) lost = this.beginAt(begin, now, answer.recovered === true);
    else if (!this.continues(answer)) {
      if (this.position) lost = new PositionLost(this.channel, this.position, now);
      this.position = now;
      this.recoveredAt = undefined;
      this.ahead.clear();
    }
    if (answer.presence) this.presence = presenceOf(answer.presence);
    return lost;
  }

  /** Take the first position of a subscription that named no epoch. */
  private beginAt(
    begin: { offset: number } | { last: number },
    now: HistoryPosition,
    recovered: boolean,
  ): PositionLost | undefined {
    if ("last" in begin) {
      // The history may hold fewer: then the first event that comes says where it begins.
      const offset = Math.max(0, now.offset - begin.last);
      this.position = { epoch: now.epoch, offset };
      this.openStart = offset < now.offset;
      return undefined;
    }
    const from = { epoch: now.epoch, offset: begin.offset };
    this.position = recovered ? from : now;
    return recovered ? undefined : new PositionLost(this.channel, from, now);
  }

  private continues(answer: SubscribedMessage): boolean {
    const since = this.askedFrom;
    const now = answer.position;
    return !!since && !!now && answer.recovered === true && now.epoch === since.epoch && now.offset >= since.offset;
  }

  /** True when every missed event has come, so that only live events follow. */
  get whole(): boolean {
    const { missedTo: upto, position } = this;
    return this.live && (!upto || !position || position.epoch !== upto.epoch || position.offset >= upto.offset);
  }

  /**
   * Take an event by its offset. One ahead of its predecessors waits for them; a recovery is asked for once at each
   * position, and a gap that remains after it is a loss, behind which delivery goes on.
   */
  arrive(message: ServerMessage | UnknownMessage, offset: number | undefined): Arrival {
    const position = this.position;
    if (offset === undefined || !position) return { deliver: this.live ? [[message, position]] : [] };
    if (offset <= position.offset) return { deliver: [] };
    if (this.openStart && this.live) {
      this.openStart = false;
      this.position = { epoch: position.epoch, offset: offset - 1 };
    }
    const from = this.position ?? position;
    if (offset === from.offset + 1 || this.ahead.size < MAX_EVENTS_AHEAD) {
      if (!this.ahead.has(offset)) this.ahead.set(offset, message);
    }
    const deliver = this.inOrder();
    if (deliver.length || !this.live) return { deliver };
    if (this.recoveredAt !== from.offset) {
      this.recoveredAt = from.offset;
      return { deliver: [], recover: true };
    }
    this.position = { epoch: from.epoch, offset: Math.min(...this.ahead.keys()) - 1 };
    const lost = new PositionLost(this.channel, from, this.position);
    return { deliver: this.inOrder(), lost };
  }

  private inOrder(): [ServerMessage | UnknownMessage, HistoryPosition][] {
    const events: [ServerMessage | UnknownMessage, HistoryPosition][] = [];
    while (this.position) {
      const offset: number = this.position.offset + 1;
      const event = this.ahead.get(offset);
      if (!event) break;
      this.ahead.delete(offset);
      this.position = { epoch: this.position.epoch, offset };
      events.push([event, this.position]);
    }
    return events;
  }

  /** Remember the user's own presence, which each new connection announces again. */
  updatePresence(change: PresenceChangeInput): void {
    this.own = { ...this.own, ...change };
  }

  /** Remember the state of a field that was asked for or released. */
  keepLock(state: LockStatePayload, own: boolean): void {
    if (own) this.held.set(state.field, Math.min(300, Math.max(5, state.expires_in ?? 30)));
    else this.held.delete(state.field);
  }

  /** What each new connection says of the user on this channel: the presence, and the locks before their grace ends. */
  *sayAgain(ref: () => string): Generator<object> {
    if (this.own) yield { type: "presence_update", channel: this.channel, payload: this.own, ref: ref() };
    for (const [field, seconds] of this.held) {
      yield { type: "lock", channel: this.channel, payload: { field, seconds } };
    }
  }
}
