/** The errors of the SDK, as one tree. The text of each says what to do next. */
import type { ErrorCode, HistoryPosition, LocalizedText } from "./protocol.js";

/** The base of every error that the SDK defines. */
export class RealtimeError extends Error {
  override readonly name: string = "RealtimeError";
}

/** The server's final refusal of the token. A token source may throw it too, to make the client give up. */
export class AuthFailed extends RealtimeError {
  override readonly name: string = "AuthFailed";
  constructor(
    message: string,
    readonly errorCode: ErrorCode = "AUTH_FAILED",
  ) {
    super(message);
  }
}

/** A failed attempt to connect; `final`: no later attempt can succeed. `retryAfter`: seconds. */
export class ConnectFailed extends RealtimeError {
  override readonly name: string = "ConnectFailed";
  constructor(
    message: string,
    readonly final = false,
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** The end of a connection that does not come back; `code` is the close code. */
export class ConnectionClosed extends RealtimeError {
  override readonly name: string = "ConnectionClosed";
  constructor(
    message: string,
    readonly code = 1000,
  ) {
    super(message);
  }
}

/** A message of the server that breaks the protocol. */
export class ProtocolViolation extends RealtimeError {
  override readonly name: string = "ProtocolViolation";
}

/**
 * The server's refusal of one message. `retryAfter` (seconds) is there where waiting helps; `serverMessage` is the
 * server's text alone; `version` is the present one of a document, where the message was about another version.
 */
export class DeniedError extends RealtimeError {
  override readonly name: string = "DeniedError";
  constructor(
    readonly errorCode: ErrorCode,
    readonly serverMessage: string,
    readonly channel?: string,
    readonly retryAfter?: number,
    readonly version?: number,
  ) {
    const step =
      channel && serverMessage.startsWith("Insufficient permissions")
        ? "; ask GET /v1/explain which right is missing"
        : "";
    super(`${channel ? `${channel}: ` : ""}${errorCode}: ${serverMessage}${step}`);
  }
}

/** A refused HTTP call; `status` is that of HTTP. `oldest`: the oldest version with a text, where one was asked for that is absent. */
export class CallRefused extends DeniedError {
  override readonly name: string = "CallRefused";
  constructor(
    readonly status: number,
    errorCode: ErrorCode,
    message: string,
    retryAfter?: number,
    version?: number,
    readonly oldest?: number,
  ) {
    super(errorCode, message, undefined, retryAfter, version);
  }
}

/** A send that was not taken: as many as may wait already wait for their answer. */
export class QueueFull extends RealtimeError {
  override readonly name: string = "QueueFull";
}

/** A send without an answer in time. Whether it was accepted is not known: the same key makes a repeat harmless. */
export class TimedOut extends RealtimeError {
  override readonly name: string = "TimedOut";
  constructor(
    message: string,
    readonly idempotencyKey: string,
  ) {
    super(message);
  }
}

/** A gap: the events between `was` and `now` are lost. Load the state anew; the subscription goes on. */
export class PositionLost extends RealtimeError {
  override readonly name: string = "PositionLost";
  constructor(
    readonly channel: string,
    readonly was: HistoryPosition,
    readonly now: HistoryPosition | undefined,
  ) {
    super(`${channel}: events after ${was.offset} were missed; load its state anew`);
  }
}

/** The end of an iteration that was read too slowly. Subscribe again with `after: error.position`, and read faster. */
export class Overflowed extends RealtimeError {
  override readonly name: string = "Overflowed";
  constructor(
    readonly channel: string,
    capacity: number,
    readonly position: HistoryPosition | undefined,
  ) {
    super(`${channel}: ${capacity} events wait unread; subscribe again with after: error.position and read faster`);
  }
}

/** A brief that failed or was cancelled. `fallbackAvailable`: the generator `template` can write it. */
export class BriefFailedError extends RealtimeError {
  override readonly name: string = "BriefFailedError";
  constructor(
    readonly reason: LocalizedText,
    readonly fallbackAvailable: boolean,
  ) {
    super(typeof reason === "string" ? reason : reason.en);
  }
}

/** A call that needs a subscription which the channel does not have. */
export class NotSubscribed extends RealtimeError {
  override readonly name: string = "NotSubscribed";
}
