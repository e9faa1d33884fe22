import type { WebSocketConstructor, WebSocketLike } from "../client/options.js";
import { DocumentShare } from "./document_share.js";
import type { Lane } from "./lane.js";
import { claimsOf, type Frame } from "./messages.js";

const FRESH = 20_000; // ms: a connection that was heard so lately needs no ping
const QUIET = 5_000; // ms without a frame after which a tab that gives the connection up is believed
const OPENING = 10_000; // ms for the handshake
const LAST = 90_000; // ms before its end a token in force is replaced: the service warns 60 s before
const LINGER = 3_000; // ms without any tab after which the connection is closed: a page that reloads finds it again

/** The one connection of a user, and the lanes that share it. */
export class Upstream {
  readonly lanes = new Set<Lane>();
  user: string | undefined;
  private readonly socket: WebSocketLike;
  private open = false;
  private granted: Frame | undefined;
  private announced: Frame | undefined;
  /** The token that the service is asked about; it counts once it is granted. */
  private asking: { lane: Lane; ref: string; end: number } | undefined;
  private endsAt = 0;
  private heardAt = Date.now();
  private readonly opening: unknown;
  private waiting: { lane: Lane; frame: Frame }[] = [];
  private readonly documents = new Map<string, DocumentShare>();
  private readonly questions = new Map<string, DocumentShare>(); // by the ref of its own subscribe
  private shares = 0;

  constructor(
    url: string,
    Socket: WebSocketConstructor,
    private readonly ended: (upstream: Upstream) => void,
  ) {
    this.socket = new Socket(url);
    this.opening = setTimeout(() => this.giveUp(), OPENING);
    this.socket.onopen = () => {
      clearTimeout(this.opening as number);
      this.open = true;
      this.heardAt = Date.now();
      for (const lane of this.lanes) lane.opened();
      this.authenticateNext();
    };
    this.socket.onmessage = ({ data }: { data: unknown }) => {
      if (typeof data === "string") this.received(data);
    };
    this.socket.onerror = () => {}; // its close says all; `ws` throws an error that nobody hears
    this.socket.onclose = ({ code, reason }: { code: number; reason: string }) => this.lost(code, reason);
  }

  join(lane: Lane, announce = true): void {
    this.lanes.add(lane);
    if (this.open && announce) lane.opened();
  }

  leave(lane: Lane): void {
    this.lanes.delete(lane);
    this.waiting = this.waiting.filter((each) => each.lane !== lane);
    for (const channel of [...lane.channels.keys()]) this.unsubscribe(lane, { type: "unsubscribe", channel });
    // Without a token in force the answer decides about the connection, and is waited for.
    if (this.granted && this.asking?.lane === lane) {
      this.asking = undefined;
      this.authenticateNext();
    }
    if (!this.lanes.size) setTimeout(() => this.lanes.size || this.close(), LINGER);
  }

  /** A tab gave its socket up, with a code that says why: where nothing is heard either, so is the connection. */
  suspect(code: number): void {
    if (code === 1000 || code === 1001 || Date.now() - this.heardAt < QUIET) return;
    this.giveUp();
  }

  private giveUp(): void {
    const { socket } = this;
    socket.onopen = socket.onmessage = socket.onclose = null;
    this.lost(1006, "");
    try {
      socket.close(1000);
    } catch {
      // It was never opened, or is closed.
    }
  }

  private close(): void {
    clearTimeout(this.opening as number);
    this.ended(this);
    this.socket.close(1000);
  }

  // --- what a tab says

  said(lane: Lane, frame: Frame): void {
    switch (frame.type) {
      case "auth":
        this.waiting.push({ lane, frame });
        return this.authenticateNext();
      case "ping":
        if (Date.now() - this.heardAt < FRESH) return lane.deliver({ type: "pong", timestamp: seconds() });
        return this.forward(lane, frame);
      case "subscribe":
        return this.subscribe(lane, frame);
      case "unsubscribe":
        return this.unsubscribe(lane, frame);
      default:
        return this.forward(lane, frame);
    }
  }

  private authenticateNext(): void {
    if (!this.open || this.asking) return;
    const next = this.waiting.shift();
    if (!next) return;
    const { lane, frame } = next;
    const { end } = claimsOf(String(frame.payload?.token));
    if (this.granted && (end <= this.endsAt || this.endsAt * 1000 - Date.now() > LAST)) {
      // The token in force lasts: nothing is asked of the service, whose renewals are counted for all tabs together.
      this.grant(lane, frame.ref);
      return this.authenticateNext();
    }
    this.asking = { lane, ref: frame.ref ?? "", end };
    this.forward(lane, frame);
  }

  /** Answer a tab as the service answered the connection. */
  private grant(lane: Lane, ref: string | undefined): void {
    lane.deliver({ ...this.granted!, ref: ref! });
    this.welcome(lane);
  }

  private welcome(lane: Lane): void {
    if (lane.authenticated) return;
    lane.authenticated = true;
    if (this.announced) lane.deliver(this.announced);
  }

  private subscribe(lane: Lane, frame: Frame): void {
    const channel = frame.channel!;
    const presence = frame.params?.include_presence === true;
    const since = (frame.params?.since as { version?: number } | undefined)?.version;
    lane.channels.set(channel, { presence, hidden: frame.params?.hidden === true, since, version: undefined, acks: [] });
    const { hidden: _, ...params } = frame.params ?? {};
    this.forward(lane, { ...frame, params: { ...params, ...this.wishes(channel) } });
  }

  /** What the connection asks for the lanes of a channel together: it is hidden where all of them are. */
  private wishes(channel: string): { include_presence?: true; hidden?: true } {
    const those = [...this.lanes].flatMap((lane) => lane.channels.get(channel) ?? []);
    return {
      ...(those.some((each) => each.presence) ? { include_presence: true } : {}),
      ...(those.every((each) => each.hidden) ? { hidden: true } : {}),
    };
  }

  private unsubscribe(lane: Lane, frame: Frame): void {
    const channel = frame.channel!;
    lane.channels.delete(channel);
    const others = [...this.lanes].some((each) => each.channels.has(channel));
    if (!others) this.forward(lane, frame);
    else if (frame.ref !== undefined) lane.deliver({ type: "unsubscribed", channel, ref: frame.ref });
    if (!others) {
      const share = this.documents.get(channel);
      share?.stop();
      this.documents.delete(channel);
      for (const [ref, each] of this.questions) if (each === share) this.questions.delete(ref);
    }
  }

  private forward(lane: Lane, frame: Frame): void {
    const ref = `${lane.number}.${frame.ref ?? ""}`;
    if (this.open) this.socket.send(JSON.stringify({ ...frame, ref }));
  }

  // --- what the service says

  private received(data: string): void {
    this.heardAt = Date.now();
    const frame = frameOf(data);
    if (!frame) {
      for (const lane of [...this.lanes]) if (lane.authenticated) lane.pass(data); // each says what is wrong with it
      return;
    }
    if (typeof frame.ref === "string") return this.answered(frame, frame.ref);
    if (frame.type === "connection_state" && frame.state === "authenticated") {
      this.announced = frame;
      for (const lane of this.lanes) if (lane.authenticated) lane.deliver(frame);
      return;
    }
    const version = frame.type === "remote_operation" ? (frame.payload?.version as number | undefined) : undefined;
    const document = version === undefined ? undefined : this.documents.get(frame.channel!);
    if (document) document.remote(frame, version!);
    else for (const lane of [...this.lanes]) lane.hear(frame, `user:${this.user}`);
  }

  private answered(frame: Frame, ref: string): void {
    const [number, ...rest] = ref.split(".");
    const lane = [...this.lanes].find((each) => String(each.number) === number);
    const own = rest.join(".");
    const { ref: _, ...bare } = frame;
    const back: Frame = own ? { ...bare, ref: own } : (bare as Frame);
    const asking = this.asking?.ref === own && String(this.asking.lane.number) === number ? this.asking : undefined;
    if (frame.type === "auth_success") {
      this.granted = bare as Frame;
      if (asking) {
        this.endsAt = Math.max(this.endsAt, asking.end);
        this.asking = undefined;
      }
      lane?.deliver(back);
      if (lane) this.welcome(lane);
      return this.authenticateNext();
    }
    if (frame.type === "error" && asking) {
      if (this.granted) this.asking = undefined; // a renewal that was refused: the old token holds
      // To the tab it was no renewal: it takes part in the connection of its user, as it is.
      if (this.granted && lane && !lane.authenticated) this.grant(lane, own);
      else lane?.deliver(back);
      return this.authenticateNext();
    }
    if (number === "0") return this.questions.get(ref)?.answered(frame);
    if (!lane) return;
    const kept = frame.channel === undefined ? undefined : lane.channels.get(frame.channel);
    if (frame.type === "subscribed" && kept) {
      const document = frame.document as { version?: number; epoch?: unknown } | undefined;
      const recovered = frame.recovered === true && kept.since !== undefined;
      if (document || recovered) this.document(frame.channel!).subscribed(kept, document, recovered);
      const { presence, ...without } = back;
      return lane.deliver((kept.presence || presence === undefined ? back : without) as Frame);
    }
    if (frame.type === "error" && kept && frame.error_code === "SUBSCRIPTION_FAILED") lane.channels.delete(frame.channel!);
    const version = frame.type === "operation_ack" ? (frame.payload?.version as number | undefined) : undefined;
    if (kept && version !== undefined) return this.document(frame.channel!).acked(lane, kept, back, version);
    lane.deliver(back);
  }

  private document(channel: string): DocumentShare {
    let share = this.documents.get(channel);
    if (!share) {
      const lanes = (): Lane[] => [...this.lanes].filter((lane) => lane.channels.has(channel));
      const ref = `0.${++this.shares}`;
      share = new DocumentShare(channel, lanes, (since) => {
        const params = { since, ...this.wishes(channel) };
        if (this.open) this.socket.send(JSON.stringify({ type: "subscribe", channel, params, ref }));
      });
      this.questions.set(ref, share);
      this.documents.set(channel, share);
    }
    return share;
  }

  private lost(code: number, reason: string): void {
    clearTimeout(this.opening as number);
    this.ended(this);
    this.open = false;
    for (const document of this.documents.values()) document.stop();
    const guilty = this.asking?.lane;
    for (const lane of this.lanes) {
      // A token that was refused ends the tab that gave it; the others come back with theirs.
      const others = guilty && !this.granted && lane !== guilty;
      lane.authenticated = false;
      lane.channels.clear();
      lane.closed(others ? 1012 : code, others ? "another tab was refused" : reason);
    }
    this.lanes.clear();
  }
}

/** Read a frame as far as the connection itself goes by it; undefined for another one. */
function frameOf(data: string): Frame | undefined {
  let frame: Record<string, unknown> | null;
  try {
    frame = JSON.parse(data) as Record<string, unknown> | null;
  } catch {
    return undefined;
  }
  const isFrame =
    typeof frame === "object" &&
    typeof frame?.type === "string" &&
    typeof (frame.channel ?? "") === "string" &&
    typeof (frame.ref ?? "") === "string" &&
    typeof (frame.payload ?? {}) === "object";
  return isFrame ? (frame as Frame) : undefined;
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
