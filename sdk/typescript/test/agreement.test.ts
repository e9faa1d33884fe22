/** Plays the session scripts that the Python SDK plays too, and must do the same in each step. */
import { readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { DeniedError, DossierRealtimeClient, type Subscription } from "../src/index.js";
import { FakeClock, type FakeEnd, FakeSocket, settled } from "../src/testing/index.js";

/** The scripts of the project, or those of another folder: AGREEMENT_SCRIPTS. */
const given = process.env.AGREEMENT_SCRIPTS;
const FOLDER = given ? pathToFileURL(`${given}/`) : new URL("../../../tests/agreement/scripts/", import.meta.url);
// A step is what its file says.
type Step = { [member: string]: any; then?: Done };
type Done = Record<string, unknown[]>;

/** One client, its clock and its socket. Refs and keys are called `r1`, `r2` … and `k1` … as they appear. */
class Scripted implements FakeEnd {
  private readonly clock = new FakeClock(0.5);
  private readonly client: DossierRealtimeClient;
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly refs = new Map<string, string>();
  private readonly keys = new Map<string, string>();
  private socket: FakeSocket | undefined;
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

  async play(step: Step): Promise<Done> {
    this.done = {};
    if (step.client === "connect") void this.client.connect().catch(() => {});
    else if (step.client === "close") this.client.close();
    else if (step.client === "subscribe") this.subscribe(step.channel as string, step.presence === true);
    else if (step.client === "unsubscribe") this.subscriptions.get(step.channel)?.unsubscribe();
    else if (step.client === "send") {
      this.client.publish(step.channel, step.message).then(
        (ack) => this.note("sends", [step.name, ack.offset ?? null]),
        (error: Error) => this.note("sends", [step.name, error.name]),
      );
    } else if (step.server === "open") this.socket?.accept();
    else if (step.server === "refuse") this.socket?.hangUp(1006);
    else if (step.server === "close") this.socket?.hangUp(step.code as number);
    else if (step.server) this.socket?.deliver(typeof step.server === "string" ? step.server : this.withRealRef(step.server));
    else await this.clock.advance(step.pass * 1000);
    await settled();
    const over = this.client.state === "error" || (this.client.state === "disconnected" && this.ended);
    if (over) this.note("over", [this.client.state, this.client.error?.name ?? null]);
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
    return Object.fromEntries(Object.entries(frame).filter(([, value]) => JSON.stringify(value) !== "{}"));
  }

  private withRealRef(message: Record<string, unknown>): Record<string, unknown> {
    const real = [...this.refs].find(([, name]) => name === message.ref)?.[0];
    return message.ref === undefined ? message : { ...message, ref: real };
  }
}

function codeOf(error: Error): string | null {
  return error instanceof DeniedError ? error.errorCode : null;
}

const scripts = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

it("finds the scripts", () => {
  expect(scripts.length).toBeGreaterThanOrEqual(10);
});

it.each(scripts)("plays %s as the other client does", async (name) => {
  const told = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as { renewing: boolean; steps: Step[] };
  const client = new Scripted(told.renewing);
  for (const [at, step] of told.steps.entries()) {
    expect(await client.play(step), `${name}, step ${at + 1}: ${JSON.stringify(step)}`).toEqual(step.then ?? {});
  }
});
