/** The client as a session script sees it: steps go in, and what it did in each comes out. */
import { vi } from "vitest";
import { openDocument, type SharedDocument } from "../src/documents/index.js";
import { DeniedError, DossierRealtimeClient, type Subscription } from "../src/index.js";
import { FakeClock, type FakeEnd, FakeSocket, settled } from "../src/testing/index.js";

// A step is what its file says.
export type Step = { [member: string]: any; then?: Done };
type Done = Record<string, unknown[]>;

/** One client, its clock and its socket. Refs and keys are called `r1`, `r2` … and `k1` … as they appear. */
export class Scripted implements FakeEnd {
  private readonly clock = new FakeClock(0.5);
  private readonly client: DossierRealtimeClient;
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly refs = new Map<string, string>();
  private readonly keys = new Map<string, string>();
  private socket: FakeSocket | undefined;
  private readonly operations = new Map<string, string>();
  private readonly documents = new Map<string, SharedDocument>();
  private readonly shown = new Map<string, [string, string]>();
  private done: Done = {};
  private tokens = 0;

  constructor(renewing: boolean) {
    const end = this;
    class Socket extends FakeSocket {
      constructor(url: string) {
        super(url, end);
      }
    }
    const token = renewing ? () => `token-${++this.tokens}` : "token";
    this.client = new DossierRealtimeClient({
      token,
      url: "wss://example.org/v1",
      WebSocket: Socket,
      clock: this.clock,
      autoConnect: false,
      connectTimeout: 1e9, // the scripts say when a socket opens
    });
    this.client.onState((state) => this.note("states", state));
    this.client.onUnknown((message) => this.note("heard", [message.channel ?? null, message.type, message.offset ?? null]));
    this.client.onError((error) => this.note("errors", [null, error.name, codeOf(error)]));
  }

  async play(given: Step): Promise<Done> {
    const step = expanded(given) as Step;
    this.done = {};
    if (step.client === "connect") void this.client.connect().catch(() => {});
    else if (step.client === "close") this.client.close();
    else if (step.client === "subscribe") this.subscribe(step.channel as string, step.presence === true);
    else if (step.client === "unsubscribe") this.subscriptions.get(step.channel)?.unsubscribe();
    else if (step.client === "open") this.open(step.document as string);
    else if (step.client === "edit") this.documents.get(`document:${step.document}`)!.insert(step.position, step.insert);
    else if (step.client === "send") {
      this.client.publish(step.channel, step.message).then(
        (ack) => this.note("sends", [step.name, ack.offset ?? null]),
        (error: Error) => this.note("sends", [step.name, error.name]),
      );
    } else if (step.server === "open") this.socket?.accept();
    else if (step.server === "refuse") this.socket?.hangUp(1006);
    else if (step.server === "close") this.socket?.hangUp(step.code as number);
    else if ("server" in step) this.socket?.deliver(typeof step.server === "string" ? step.server : this.withRealRef(step.server));
    else await this.clock.advance(step.pass * 1000);
    await settled();
    if (this.documents.size) {
      // The timers of documents are those of the machine, which the test holds.
      vi.advanceTimersByTime((step.pass ?? 0) * 1000);
      await settled();
    }
    for (const [channel, document] of this.documents) this.show(channel, document);
    const over = this.client.state === "error" || (this.client.state === "disconnected" && this.ended);
    if (over) this.note("over", [this.client.state, this.client.error?.name ?? null]);
    if (step.without) delete this.done[step.without as string]; // what the two clients do otherwise there
    return this.done;
  }

  /** The client is `disconnected` before it begins, too. */
  private get ended(): boolean {
    try {
      this.client.post({ type: "ping" });
      return false;
    } catch {
      return true;
    }
  }

  private open(id: string): void {
    const document = openDocument(this.client, id);
    this.documents.set(document.channel, document);
    document.onError((error) => this.note("errors", [document.channel, error.name, codeOf(error)]));
  }

  /** Note the text and the cursors of a document where they changed. */
  private show(channel: string, { text, cursors }: SharedDocument): void {
    const all = [...cursors.values()].map((each) => [each.userId, each.name, each.color, each.position, each.selectionLength]);
    const [before, others] = this.shown.get(channel) ?? ["", "[]"];
    if (text !== before) this.note("texts", [channel, text]);
    if (JSON.stringify(all) !== others) this.note("cursors", [channel, all]);
    this.shown.set(channel, [text, JSON.stringify(all)]);
  }

  private subscribe(channel: string, presence: boolean): void {
    if ((this.subscriptions.get(channel)?.status ?? "ended") !== "ended") return; // one subscriber a channel
    const subscription: Subscription = this.client.subscribe(channel, {
      onMessage: (message) => this.note("delivered", [channel, message.type, this.subscriptions.get(channel)?.position?.offset ?? null]),
      onError: (error) => {
        if (this.subscriptions.get(channel)?.status === "ended") this.note("ended", [channel, error.name]);
        else this.note("errors", [channel, error.name, codeOf(error)]);
      },
      onUnknown: (message) => this.note("unknown", [channel, message.type, this.subscriptions.get(channel)?.position?.offset ?? null]),
      ...(presence
        ? { onPresence: ({ users }) => this.note("presence", [channel, users.map((user) => user.user_id).sort()]) }
        : {}),
    });
    this.subscriptions.set(channel, subscription);
  }

  // --- the server's end of the socket

  opened(socket: FakeSocket): void {
    this.socket = socket;
    this.note("dials", true);
  }

  frame(_: FakeSocket, frame: string): void {
    this.note("frames", this.named(JSON.parse(frame) as Record<string, unknown>));
  }

  closed(_: FakeSocket, code: number): void {
    // A browser may not say 1002: the client says 1000 in its place.
    const broken = this.done.errors?.some((error) => (error as string[])[1] === "ProtocolViolation");
    this.note("hangs_up", broken ? 1002 : code);
  }

  private note(what: string, value: unknown): void {
    (this.done[what] ??= []).push(value);
  }

  private named(frame: Record<string, unknown>): Record<string, unknown> {
    for (const [member, names, letter] of [["ref", this.refs, "r"], ["idempotency_key", this.keys, "k"]] as const) {
      const real = frame[member] as string | undefined;
      if (real === undefined) continue;
      if (!names.has(real)) names.set(real, `${letter}${names.size + 1}`);
      frame[member] = names.get(real);
    }
    const payload = frame.payload as { op_id?: string; epoch?: string } | undefined;
    if (payload?.op_id !== undefined) {
      delete payload.epoch; // this client always names it, the other one where it changed
      if (!this.operations.has(payload.op_id)) this.operations.set(payload.op_id, `o${this.operations.size + 1}`);
      payload.op_id = this.operations.get(payload.op_id)!;
    }
    return Object.fromEntries(Object.entries(frame).filter(([, value]) => JSON.stringify(value) !== "{}"));
  }

  private withRealRef(message: Record<string, unknown>): Record<string, unknown> {
    const real = (name: unknown): unknown => [...this.refs, ...this.operations].find(([, known]) => known === name)?.[0] ?? name;
    const said = { ...message, ...(message.ref === undefined ? {} : { ref: real(message.ref) }) };
    const payload = message.payload as { op_id?: string } | null | undefined;
    return payload?.op_id === undefined ? said : { ...said, payload: { ...payload, op_id: real(payload.op_id) } };
  }
}

function codeOf(error: Error): string | null {
  return error instanceof DeniedError ? error.errorCode : null;
}

/** A part of a script with each `{"$repeat": [text, times]}` as that text. */
export function expanded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expanded);
  if (typeof value !== "object" || value === null) return value;
  const { $repeat: repeat } = value as { $repeat?: [string, number] };
  if (repeat) return repeat[0].repeat(repeat[1]);
  const copy: Record<string, unknown> = Object.create(null); // a key may be "__proto__"
  for (const [name, each] of Object.entries(value)) copy[name] = expanded(each);
  return copy;
}
