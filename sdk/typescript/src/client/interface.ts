/** The interface of a client, to programs and to the other entries of this package (documents, bindings). */
import type {
  AckMessage,
  AlertStateMessage,
  ClientMessage,
  ClientMessages,
  ConnectionState,
  HeldLock,
  HistoryPosition,
  LockStateMessage,
  OperationAckMessage,
  PresentUser,
  ServerMessage,
  ServerMessages,
  SubscribedMessage,
} from "../protocol.js";
import type { UnknownMessage } from "./reading.js";

/** The users on a channel. `count` is exact also where `users` is `truncated`; `locks`: the fields that they hold. */
export interface PresenceState {
  readonly count: number;
  readonly users: readonly PresentUser[];
  readonly truncated: boolean;
  readonly locks: readonly HeldLock[];
}

/** The argument of `onMessage`, under the contract's name. */
export type Message = ServerMessage;
/** The users on a channel, under the contract's name. */
export type Presence = PresenceState;

/** The bytes of a file. `new Blob([bytes])` takes them: they are in no memory that threads share. */
export type FileBytes = Uint8Array & { readonly buffer: ArrayBuffer };

/** The callbacks of a subscription; a handler may be async, and one that throws ends nothing. */
export interface SubscribeHandlers {
  /** Called with each message of the channel, once, in order. */
  onMessage?: (message: ServerMessage) => void;
  /** Called with each message of a type that a later version of the service has added; without it they are passed over. */
  onUnknown?: (message: UnknownMessage) => void;
  /** Called with the users on the channel: at the beginning, and after each change. */
  onPresence?: (presence: PresenceState) => void;
  /** Called with a refusal, with `PositionLost` where events were missed, and with what ended the subscription. */
  onError?: (error: Error) => void;
  /** @internal Called once at the end, also at that of the client; without an error where the program ended it. */
  onEnd?: (error: Error | undefined) => void;
}

/** A place in a document's history: what `params.since` of its channel takes. */
export interface DocumentPlace {
  readonly version: number;
  readonly epoch?: string;
}

/** What the replica of a document hears of its channel, beside its messages. */
export interface DocumentHooks {
  /** The place to go on from; asked at every (new) subscription. Undefined: the whole content. */
  place(): DocumentPlace | undefined;
  /** Called with the server's answer, before any message that follows it. */
  onSubscribed(answer: SubscribedMessage): void;
  /** Called when the connection is lost, or the subscription is made anew. */
  onLost(): void;
  /** Send what waits, and wait so many seconds at most for its confirmation; true where all is saved. */
  flush?(timeout: number): Promise<boolean>;
}

/** Where a subscription begins, and what it asks for. */
export interface SubscribeOptions {
  /** Begin with the events after this place: a position that was kept, or an offset of the present epoch. */
  after?: HistoryPosition | number;
  /** Begin with so many of the last events, 1 to 100. */
  last?: number;
  /** Ask who is there; true by default where `onPresence` is given. */
  includePresence?: boolean;
  /** Take no part in presence (needs `admin`). */
  hidden?: boolean;
  /** For the replica of a document. */
  document?: DocumentHooks;
}

/** `waiting` for the server's word, `recovering` what was missed, `live`, or `ended`. */
export type SubscriptionStatus = "waiting" | "recovering" | "live" | "ended";

/** A subscription to a channel, over all reconnects. */
export interface Subscription {
  readonly channel: string;
  /** The place of the last event that was handed out, to be passed as `after`. Undefined without history. */
  readonly position: HistoryPosition | undefined;
  readonly status: SubscriptionStatus;
  /** Settles when the server has confirmed the subscription; rejects with what ended it. */
  ready(): Promise<void>;
  /** End the subscription: nothing is received after. May be called in a callback, and more than once. */
  unsubscribe(): void;
  /** Subscribe anew on the open connection: a document asks for its content or its place again. */
  reload(): void;
}

/** A command that the server answers. */
export type AnsweredCommand = ClientMessages[
  | "edit_operation"
  | "lock"
  | "unlock"
  | "alert_ack"
  | "brief_request"
  | "brief_cancel"
  | "notification_ack"
  | "notification_snooze"
  | "channel_settings"];

/** The answer to a command. */
export type Answer =
  | AckMessage
  | OperationAckMessage
  | AlertStateMessage
  | LockStateMessage
  | ServerMessages["channel_settings"];

/** The part of a client that the other entries of this package need. */
export interface RealtimeConnection {
  /** The state of the connection. */
  readonly state: ConnectionState;
  /** The user whom the token names; undefined before the first `auth_success`. */
  readonly userId: string | undefined;
  /** Subscribe to a channel, over all reconnects, until `unsubscribe`. */
  subscribe(channel: string, handlers: SubscribeHandlers, options?: SubscribeOptions): Subscription;
  /** The users on a channel. Throws NotSubscribed. */
  presence(channel: string): PresenceState;
  /**
   * Send one command, and settle with its answer. It is sent again, unchanged, after every reconnect until it is
   * answered, so it must be harmless twice: by `op_id`, by `idempotency_key`, or by itself.
   */
  request(command: AnsweredCommand): Promise<Answer>;
  /** Send one message that nobody answers, now or never: false where there is no connection. */
  post(command: ClientMessage): boolean;
  /** Read over HTTP with the client's token; repeated while the service cannot be reached. Rejects with CallRefused. */
  read<T>(path: string): Promise<T>;
  /** Read a file over HTTP as `read` reads JSON: its bytes. */
  readBytes(path: string): Promise<FileBytes>;
  /** Make one HTTP call with the client's token, and settle with its answer. Rejects with CallRefused and ConnectFailed. */
  call<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: object, idempotencyKey?: string): Promise<T>;
  /** Hear the messages of one type, of all channels. Returns the function that ends it. */
  on<Type extends keyof ServerMessages>(type: Type, handler: (message: ServerMessages[Type]) => void): () => void;
  /** Hear each new state. Returns the function that ends it. */
  onState(handler: (state: ConnectionState) => void): () => void;
}
