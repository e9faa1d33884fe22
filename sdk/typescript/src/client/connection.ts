import { AuthFailed, ConnectFailed, ConnectionClosed, DeniedError, ProtocolViolation, type RealtimeError } from "../errors.js";
import type { AuthSuccessMessage, AuthSuccessPayload, ConnectionState, ErrorMessage, ServerMessage } from "../protocol.js";
import { type Backoff, mayComeBack } from "./backoff.js";
import { readMessage, UnknownMessage } from "./reading.js";
import type { ClientSession } from "./session.js";

const AUTH_TIMEOUT = 10_000; // from the open socket to `auth_success`
const SILENT_INTERVALS = 2.5; // heartbeat intervals without a message, after which the connection is given up
const GRACE = 5_000; // after a standstill: what waits in the socket is read before any time-out is judged
const GRACE_INTERVAL = 30_000; // at most one grace in so long: a page that stalls often still times out
const STABLE_AFTER = 5_000; // an authenticated connection must last so long before the back-off is reset
const MAX_REFUSED = 3; // tries again after a refusal that may be temporary (a token that has just expired)
const MAX_RETRY_AFTER = 300_000; // a longer delay that a server asks for is cut to this
const WAKE_SPREAD = 1_000; // many pages come back at one moment, when a network does

/** What a connection asks of its runner. */
export interface ConnectionHost {
  dial(): void;
  renew(after?: number): void;
  write(frame: string): void;
  drop(code: number, reason: string): void;
  entered(state: ConnectionState): void;
  report(error: Error): void;
  heard(message: ServerMessage): void;
}

/** The client's half of the protocol over all its sockets: messages and time come in, calls of the host go out. */
export class ClientConnection {
  state: ConnectionState = "disconnected";
  error: RealtimeError | undefined;
  granted: AuthSuccessPayload | undefined;
  reconnectCount = 0;
  private started = false;
  private authRef: string | undefined;
  private lastRefusal: ErrorMessage | undefined;
  private chances = MAX_REFUSED;
  private dialAt: number | undefined;
  private notBefore = 0;
  private authDue = 0;
  private authenticatedAt: number | undefined;
  private pingAt = 0;
  private lastByteAt = 0;
  private gracedAt = -Infinity;

  constructor(
    readonly session: ClientSession,
    private readonly host: ConnectionHost,
    private readonly backoff: Backoff,
    private readonly random: () => number,
    private readonly renewable: boolean,
  ) {}

  /** True when the client does not come back any more. */
  get finished(): boolean {
    return this.started && (this.state === "disconnected" || this.state === "error");
  }

  private get open(): boolean {
    return this.state === "connected" || this.state === "authenticated";
  }

  // --- calls of the program

  start(): void {
    if (this.started) return;
    this.started = true;
    this.enter("connecting");
    this.host.dial();
  }

  close(): void {
    if (this.finished) return;
    this.started = true;
    if (this.open) this.host.drop(1000, "the client was closed");
    this.finish("disconnected", undefined);
  }

  // --- outcomes of `dial` and `renew`

  opened(token: string, now: number): void {
    this.lastByteAt = now;
    this.authDue = now + AUTH_TIMEOUT;
    this.lastRefusal = undefined;
    this.enter("connected");
    this.auth(token);
  }

  /** An attempt failed. A final failure ends the connection, unless the address was good before. */
  refused(error: ConnectFailed, now: number): void {
    if (error.final && !this.granted) return this.finish("error", error);
    if (error.retryAfter !== undefined) this.wait(error.retryAfter, now);
    this.host.report(error);
    this.retry(now);
  }

  /** The token source has given up. */
  giveUp(error: RealtimeError): void {
    this.finish("error", error);
  }

  renewed(token: string): void {
    if (this.state === "authenticated") this.auth(token);
  }

  // --- what comes

  received(frame: string, now: number): void {
    if (!this.open) return;
    this.lastByteAt = now;
    let message: ServerMessage | UnknownMessage;
    try {
      message = readMessage(frame);
    } catch (wrong) {
      return this.host.report(new ProtocolViolation(`Unreadable frame: ${wrong}`));
    }
    if (!(message instanceof UnknownMessage)) this.handle(message, now);
    else if (this.state === "authenticated") this.session.unknown(message);
  }

  private handle(message: ServerMessage, now: number): void {
    if (message.type === "auth_success") return this.authenticated(message, now);
    if (this.state !== "authenticated") {
      if (message.type !== "error") return this.violated("a message before auth_success", now);
      this.lastRefusal = message;
      return undefined;
    }
    switch (message.type) {
      case "pong":
        return this.host.heard(message);
      case "token_expiring":
        this.host.heard(message);
        return this.renewable ? this.host.renew() : undefined;
      case "connection_state":
        if (message.retry_after != null) this.wait(message.retry_after, now);
        this.reconnectCount = message.reconnect_count;
        return this.host.heard(message);
      case "error":
        if (message.error_code === "AUTH_FAILED" || message.error_code === "INVALID_TOKEN") {
          this.lastRefusal = message;
          this.authRef = undefined;
          return this.host.report(new DeniedError(message.error_code, message.message));
        }
        if (message.ref !== undefined && message.ref === this.authRef) {
          this.authRef = undefined; // a renewal that cannot be made now
          if (this.renewable) this.host.renew((message.retry_after ?? 15) * 1000);
          return this.host.report(new DeniedError(message.error_code, message.message));
        }
    }
    return this.session.received(message, now);
  }

  /** The socket is lost; `code` is 1006 where no close frame came. */
  lost(code: number, reason: string, now: number): void {
    if (!this.open) return;
    if (mayComeBack(code)) return this.retry(now);
    if (code === 1000) {
      const text = "The server has closed the connection; make a new client to go on";
      return this.finish("disconnected", new ConnectionClosed(text, code));
    }
    const refusal = this.lastRefusal;
    if (this.mayPass(code) && this.chances > 0) {
      this.host.report(new ConnectFailed(`${refusal?.message ?? reason} (closed with ${code}); trying again`));
      // At least 1, 2, 4 s later (with the default base of the back-off), and with jitter.
      this.notBefore = Math.max(this.notBefore, now + 2 * this.backoff.base * 2 ** (MAX_REFUSED - this.chances));
      this.chances--;
      return this.retry(now);
    }
    if (code !== 4500 && code !== 4501) {
      const text = `The server closed the connection for good (${code}): ${reason || "no reason given"}`;
      return this.finish("error", new ConnectionClosed(text, code));
    }
    const said = refusal?.message ?? `The server refused the token: ${reason}`;
    return this.finish("error", new AuthFailed(said, refusal?.error_code));
  }

  // --- time

  tick(now: number): void {
    if (this.dialAt !== undefined && now >= this.dialAt) {
      this.dialAt = undefined;
      this.host.dial();
    }
    if (this.state === "connected" && now >= this.authDue) return this.drop(4005, "no auth_success", now);
    if (this.state === "authenticated") {
      if (now >= this.silentAt) return this.drop(4001, "the server is silent", now);
      if (now >= this.pingAt) {
        this.pingAt = now + this.interval;
        this.host.write('{"type":"ping"}');
      }
    }
    return this.session.tick(now);
  }

  /** The page did not run for a while: what came meanwhile is read before any time-out is judged. */
  stoodStill(now: number): void {
    if (now < this.gracedAt + GRACE_INTERVAL) return;
    this.gracedAt = now;
    this.authDue = Math.max(this.authDue, now + GRACE);
    this.lastByteAt = Math.max(this.lastByteAt, now + GRACE - SILENT_INTERVALS * this.interval);
    this.pingAt = Math.min(this.pingAt, now);
    this.session.grant(now + GRACE);
  }

  /**
   * The page is seen again, or a network came: connect soon, or ask the server for a sign of life that must come
   * within the grace. `sure`: the network changed, so that the connection may be gone whatever was heard last.
   */
  wake(now: number, sure: boolean): void {
    if (this.dialAt !== undefined) {
      this.dialAt = Math.min(this.dialAt, Math.max(now, this.notBefore) + WAKE_SPREAD * this.random());
    } else if (this.state === "authenticated" && (sure || now - this.lastByteAt > this.interval)) {
      this.gracedAt = now;
      this.pingAt = now;
      this.lastByteAt = now + GRACE - SILENT_INTERVALS * this.interval;
    }
  }

  deadline(now: number): number {
    let due = Math.min(this.dialAt ?? Infinity, this.session.deadline(now));
    if (this.state === "connected") due = Math.min(due, this.authDue);
    if (this.state === "authenticated") due = Math.min(due, this.pingAt, this.silentAt);
    return due;
  }

  // --- authentication and its end

  private get interval(): number {
    return Math.min(Math.max(this.granted?.heartbeat_interval ?? 30, 1), 300) * 1000;
  }

  private get silentAt(): number {
    return this.lastByteAt + SILENT_INTERVALS * this.interval;
  }

  private auth(token: string): void {
    this.authRef = this.session.nextRef();
    const resumed = this.authenticatedAt === undefined ? this.granted?.session_id : undefined;
    const payload = resumed === undefined ? { token } : { token, session_id: resumed };
    this.host.write(JSON.stringify({ type: "auth", payload, ref: this.authRef }));
  }

  private authenticated(success: AuthSuccessMessage, now: number): void {
    if (this.authRef === undefined || success.ref !== this.authRef) {
      return this.violated("an auth_success that nobody asked for", now);
    }
    const { user_id } = success.payload;
    this.authRef = undefined;
    this.granted = success.payload;
    this.session.limited(success.payload.limits);
    if (this.state === "authenticated") return this.host.heard(success); // a renewal
    this.chances = MAX_REFUSED;
    this.authenticatedAt = now;
    this.pingAt = now + this.interval;
    this.enter("authenticated");
    this.host.heard(success);
    if (!this.finished) this.session.authenticated(user_id, now);
  }

  private violated(what: string, now: number): void {
    this.host.report(new ProtocolViolation(`The server sent ${what}; the client connects anew`));
    this.drop(1002, what, now);
  }

  private drop(code: number, reason: string, now: number): void {
    this.host.drop(code, reason);
    this.retry(now);
  }

  private wait(seconds: number, now: number): void {
    this.notBefore = now + Math.min(seconds * 1000, MAX_RETRY_AFTER);
  }

  private retry(now: number): void {
    if (this.authenticatedAt !== undefined && now - this.authenticatedAt >= STABLE_AFTER) this.backoff.reset();
    this.hungUp();
    this.dialAt = Math.max(now, this.notBefore) + this.backoff.delay(this.random());
    if (this.state !== "reconnecting") this.enter("reconnecting");
  }

  /**
   * Whether the cause of a final close code may pass: a token source may have given a token that expired on the way,
   * and the connection limit may be exceeded by the client's own last connection, not given up by the server yet.
   */
  private mayPass(code: number): boolean {
    if (this.state !== "connected") return false;
    if (code === 4500) return this.renewable && this.lastRefusal?.error_code === "INVALID_TOKEN";
    return code === 4503 && this.granted !== undefined;
  }

  private finish(state: ConnectionState, error: RealtimeError | undefined): void {
    this.hungUp();
    this.dialAt = undefined;
    this.error = error;
    this.enter(state);
    this.session.end(error);
  }

  private hungUp(): void {
    this.authRef = undefined;
    this.authenticatedAt = undefined;
    this.session.disconnected();
  }

  private enter(state: ConnectionState): void {
    this.state = state;
    this.host.entered(state);
  }
}
