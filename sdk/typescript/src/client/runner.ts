import { AuthFailed, ConnectFailed, type RealtimeError } from "../errors.js";
import { Backoff } from "./backoff.js";
import type { Clock } from "./clock.js";
import type { ClientConnection } from "./connection.js";
import { watchPage } from "./lifecycle.js";
import type { WebSocketConstructor, WebSocketLike } from "./options.js";

const STANDSTILL = 1_000; // so late an alarm rings where the page did not run
const RENEWAL = { base: 1_000, max: 15_000 }; // ms between the tries of a renewal

/** The socket, the timer and the tokens of one connection. */
export class ConnectionRunner {
  private socket: WebSocketLike | undefined;
  private attempt = 0;
  private timer: unknown;
  private ringsAt = Infinity;
  private lag = Infinity; // of the steady clock behind the time of day
  private unwatch: (() => void) | undefined;
  connection!: ClientConnection;

  constructor(
    private readonly url: string,
    private readonly source: () => string | Promise<string>, // a function: what prints a client prints no token
    private readonly fixed: boolean,
    private readonly Socket: WebSocketConstructor | undefined,
    private readonly timeout: number,
    private readonly clock: Clock,
  ) {}

  get now(): number {
    return this.clock.now();
  }

  /** Carry something out, then set the timer for what is due next. */
  perform<T>(act: () => T): T {
    try {
      return act();
    } finally {
      this.setAlarm();
    }
  }

  start(): void {
    if (this.lag === Infinity) this.slept(); // from now on
    this.unwatch ??= watchPage((sure) => this.perform(() => this.slept() || this.connection.wake(this.now, sure)));
    this.perform(() => this.connection.start());
  }

  dial(): void {
    const attempt = ++this.attempt;
    const failed = (wrong: unknown): void => {
      if (attempt !== this.attempt) return;
      this.attempt++;
      this.perform(() => {
        if (wrong instanceof AuthFailed) this.connection.giveUp(wrong);
        else this.connection.refused(wrong as ConnectFailed, this.now);
      });
    };
    this.token().then((token) => {
      if (attempt === this.attempt) this.open(token, attempt, failed);
    }, failed);
  }

  private open(token: string, attempt: number, failed: (wrong: RealtimeError) => void): void {
    if (!this.Socket) {
      return failed(new ConnectFailed("There is no WebSocket here: pass one as options.WebSocket (such as that of `ws`)", true));
    }
    let socket: WebSocketLike;
    try {
      socket = new this.Socket(this.url);
    } catch (wrong) {
      return failed(new ConnectFailed(`No socket to ${this.url}: ${wrong}`, true));
    }
    let opened = false;
    let trouble = "";
    const mine = (): boolean => attempt === this.attempt;
    const timer = this.clock.setTimeout(() => {
      if (opened || !mine()) return;
      failed(new ConnectFailed(`${this.url} did not answer within ${this.timeout / 1000} s; trying again`));
      hangUp(socket, 1000, "");
    }, this.timeout);
    socket.onopen = () => {
      this.clock.clearTimeout(timer);
      if (!mine()) return hangUp(socket, 1000, "");
      opened = true;
      this.socket = socket;
      this.perform(() => this.connection.opened(token, this.now));
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (mine() && opened && typeof data === "string") this.perform(() => this.connection.received(data, this.now));
    };
    socket.onerror = (event: { message?: string }) => {
      trouble = event?.message ?? "";
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      this.clock.clearTimeout(timer);
      if (!mine()) return;
      if (!opened) return failed(refusal(this.url, trouble));
      this.socket = undefined;
      this.perform(() => this.connection.lost(code, reason, this.now));
    };
  }

  /** Renew the token, in so many milliseconds; a source that fails is asked again as long as this connection holds. */
  renew(after = 0, backoff = new Backoff(RENEWAL.base, RENEWAL.max)): void {
    const { attempt, clock } = this;
    const holds = (): boolean => attempt === this.attempt && this.connection.state === "authenticated";
    const ask = (): void => {
      if (!holds()) return;
      this.token().then(
        (token) => holds() && this.perform(() => this.connection.renewed(token)),
        (wrong: Error) => {
          this.report?.(wrong); // the old token is valid for a while; then the client comes back
          if (!(wrong instanceof AuthFailed)) this.renew(RENEWAL.base + backoff.delay(clock.random()), backoff);
        },
      );
    };
    if (after > 0) clock.setTimeout(ask, after);
    else ask();
  }

  report: ((error: Error) => void) | undefined;

  write(frame: string): void {
    try {
      this.socket?.send(frame);
    } catch {
      // A socket that is closing: `onclose` follows, and what was not answered is sent again.
    }
  }

  drop(code: number, reason: string): void {
    const socket = this.socket;
    this.socket = undefined;
    this.attempt++;
    if (socket) hangUp(socket, code, reason);
  }

  stop(): void {
    this.unwatch?.();
    this.unwatch = undefined;
    this.attempt++;
  }

  /** Ask for a token. Rejects with AuthFailed for a final refusal, with ConnectFailed for one to try again. */
  async token(): Promise<string> {
    if (this.fixed) return this.source();
    const { source, clock, timeout } = this;
    let timer: unknown;
    try {
      const late = new Promise<never>((_, reject) => {
        timer = clock.setTimeout(() => reject(new Error(`no token within ${timeout / 1000} s`)), timeout);
      });
      const token = await Promise.race([Promise.resolve().then(source), late]);
      if (typeof token === "string" && token.trim()) return token.trim();
    } catch (wrong) {
      if (wrong instanceof AuthFailed) throw wrong;
      throw new ConnectFailed(`The token source failed (${wrong}); it is asked again`);
    } finally {
      clock.clearTimeout(timer);
    }
    if (this.connection.granted) throw new ConnectFailed("The token source returned no token; it is asked again");
    throw new AuthFailed("The token source returned no token; return one, or throw AuthFailed to give up");
  }

  private setAlarm(): void {
    const { connection, clock } = this;
    const running = connection.session.waits || (connection.state !== "disconnected" && !connection.finished);
    const due = running ? connection.deadline(this.now) : Infinity;
    if (this.timer !== undefined && this.ringsAt <= due && due < Infinity) return; // it rings early, and is set again
    if (this.timer !== undefined) clock.clearTimeout(this.timer);
    this.timer = undefined;
    this.ringsAt = due;
    if (due < Infinity) this.timer = clock.setTimeout(() => this.alarm(due), Math.max(0, Math.ceil(due - this.now)));
  }

  /** True where the machine slept since the last look, which the steady clock of many systems does not show. */
  private slept(): boolean {
    const { clock, lag, now } = this;
    this.lag = (clock.wall?.() ?? now) - now;
    if (this.lag - lag < STANDSTILL) return false;
    this.connection.stoodStill(now);
    this.connection.wake(now, true);
    return true;
  }

  private alarm(due: number): void {
    this.timer = undefined;
    const now = this.now;
    this.perform(() => {
      if (!this.slept() && now - due >= STANDSTILL) this.connection.stoodStill(now);
      this.connection.tick(now);
    });
  }
}

/** Browsers let a page close with 1000 and 3000 to 4999 only. */
function hangUp(socket: WebSocketLike, code: number, reason: string): void {
  try {
    socket.close(code === 1000 || code >= 3000 ? code : 1000, reason);
  } catch {
    // It was never opened, or is closed.
  }
}

/** A handshake that failed. Browsers do not say why; `ws` names the status, and no later attempt changes some. */
function refusal(url: string, trouble: string): ConnectFailed {
  const status = Number(/Unexpected server response: (\d+)/.exec(trouble)?.[1] ?? 0);
  const final = status >= 400 && status < 500 && status !== 408 && status !== 429;
  const why = trouble ? ` (${trouble})` : "";
  return new ConnectFailed(`No connection to ${url}${why}; ${final ? "check the address" : "trying again"}`, final);
}
