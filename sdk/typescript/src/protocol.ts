// Made from the message types of the service by `make generate`: change those, not this file.

declare const brand: unique symbol;

/** A string with a meaning of its own: each kind of id is a type, and no other string is one by accident. */
export type Branded<Kind extends string> = string & { readonly [brand]: Kind };

/** The name of a channel, such as `dossier:country:SA`. */
export type ChannelName =
  | `dossier:${string}:${string}`
  | `document:${string}`
  | `workspace:${string}`
  | `user:${string}`
  | `relationship:${string}`
  | "global"
  | `ops:${string}`;

export type BriefId = Branded<"BriefId">;
export type CommitmentId = Branded<"CommitmentId">;
export type CursorId = Branded<"CursorId">;
export type DocumentId = Branded<"DocumentId">;
export type EntityId = Branded<"EntityId">;
export type MouId = Branded<"MouId">;
export type NodeId = Branded<"NodeId">;
export type OperationId = Branded<"OperationId">;
export type RelationshipId = Branded<"RelationshipId">;
export type RequestId = Branded<"RequestId">;
export type SessionId = Branded<"SessionId">;
export type TaskId = Branded<"TaskId">;
export type UserId = Branded<"UserId">;

export type Activity = "viewing" | "editing" | "commenting";
export type BriefEnd = "complete" | "failed" | "cancelled";
export type CommentStatus = "open" | "resolved" | "accepted" | "rejected" | "removed";
export type Direction = "ltr" | "rtl";
export type Durability = "memory" | "fsync" | "replicated";
export type Health = "healthy" | "monitor" | "at_risk" | "critical";
export type HighlightColor = "yellow" | "green" | "blue" | "pink" | "orange";
export type Level = "public" | "internal" | "confidential" | "secret";
export type Priority = "low" | "medium" | "high" | "urgent";
export type RateClass = "general" | "edit" | "cursor" | "ping" | "bytes";
export type Stage = "analyzing" | "generating" | "reviewing" | "finalizing";
export type Status = "online" | "away" | "busy";

/** A text for people: one string, or both languages. */
export type LocalizedText = string | Localized;

/** The code of an `error` message, and of every HTTP error body. */
export const ErrorCode = {
  /** The connection did not authenticate, or wanted to become another user. */
  AUTH_FAILED: "AUTH_FAILED",
  /** The token is malformed, mis-signed, foreign, expired or revoked; get another. */
  INVALID_TOKEN: "INVALID_TOKEN",
  /** Not open to this user, or too many subscriptions. */
  SUBSCRIPTION_FAILED: "SUBSCRIPTION_FAILED",
  /** The user may not do this there, or the message names another user. */
  PERMISSION_DENIED: "PERMISSION_DENIED",
  /** Too many messages or connections. Wait for `retry_after` seconds. */
  RATE_LIMIT_EXCEEDED: "RATE_LIMIT_EXCEEDED",
  /** The message is not of its form; `message` names the JSON path. */
  INVALID_MESSAGE_FORMAT: "INVALID_MESSAGE_FORMAT",
  /** The channel's name begins with no known namespace. */
  CHANNEL_NOT_FOUND: "CHANNEL_NOT_FOUND",
  /** The change is to another version. Load the present one (by socket: subscribe anew). */
  VERSION_CONFLICT: "VERSION_CONFLICT",
  /** Changes cannot be kept, or tokens verified, now. Send it again, with the same key. */
  SERVICE_UNAVAILABLE: "SERVICE_UNAVAILABLE",
  /** HTTP: there is nothing at this path. */
  NOT_FOUND: "NOT_FOUND",
  /** HTTP: the path has no such method; `Allow` names those it has. */
  METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
  /** A fault of the service, in its log. Send it again later, with the same key. */
  INTERNAL_ERROR: "INTERNAL_ERROR",
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** The close codes of a socket: their range decides whether a client comes back. */
export const CloseCode = {
  /** Done. */
  NORMAL: 1000,
  /** The peer goes away. */
  GOING_AWAY: 1001,
  /** Broken framing, an unmasked frame or an invalid close code. */
  PROTOCOL_ERROR: 1002,
  /** A binary frame; send text. */
  UNSUPPORTED_DATA: 1003,
  /** Text that is not UTF-8. */
  INVALID_TEXT: 1007,
  /** A message over the size limit. */
  TOO_BIG: 1009,
  /** A fault of the service, in its log. */
  INTERNAL_ERROR: 1011,
  /** The service restarts. */
  SERVICE_RESTART: 1012,
  /** The service is full, or cannot open the session now. */
  TRY_AGAIN_LATER: 1013,
  /** The client read too slowly; recover with `since`. */
  SLOW_CONSUMER: 4000,
  /** Nothing came from the client for too long, or a frame took too long. */
  HEARTBEAT_LOST: 4001,
  /** The token expired and was not renewed. Come back with a new one. */
  TOKEN_EXPIRED: 4002,
  /** The service lost the connection's place in a channel; recover with `since`. */
  POSITION_LOST: 4003,
  /** Far too many messages past the limit. Wait for the next window. */
  RATE_ABUSE: 4004,
  /** No `auth` came in time. */
  AUTH_TIMEOUT: 4005,
  /** Authentication failed; another token is needed. */
  AUTH_FAILED: 4500,
  /** The token was revoked, or an operator ended the session. */
  REVOKED: 4501,
  /** Too many invalid messages in a minute; the client is faulty. */
  PROTOCOL_ABUSE: 4502,
  /** The user has too many connections; close another first. */
  CONNECTION_LIMIT: 4503,
  /** A newer connection resumed this session. */
  SESSION_REPLACED: 4504,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** The six states of a connection. */
export const ConnectionState = {
  CONNECTING: "connecting",
  CONNECTED: "connected",
  AUTHENTICATED: "authenticated",
  RECONNECTING: "reconnecting",
  DISCONNECTED: "disconnected",
  ERROR: "error",
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** The user who acted, as the contract prints it. */
export interface Actor {
  readonly user_id: UserId;
  readonly name: string;
}

/** The user who acted, as the contract prints it. */
export interface ActorInput {
  user_id: string;
  name: string;
}

/** The commitment whose alert is acknowledged, and why. `reason` is kept with a registered commitment. */
export interface AlertAckPayloadInput {
  commitment_id: string;
  reason?: string;
}

/** The state of a commitment's alert. */
export interface AlertStatePayload {
  readonly commitment_id: CommitmentId;
  readonly state: "open" | "acknowledged";
  readonly acknowledged_by: UserId | null;
  readonly alert_level: number;
}

/**
 * Attributes of formatting; `null` removes one, a field left out is unchanged.
 *
 * `heading` and `list` exclude each other. `alternative` names the bracketed alternative that the text belongs to.
 */
export interface Attributes {
  readonly bold?: boolean | null;
  readonly italic?: boolean | null;
  readonly underline?: boolean | null;
  readonly strike?: boolean | null;
  readonly heading?: number | null;
  readonly list?: "bullet" | "ordered" | null;
  /** A path within the product, or an https address. */
  readonly link?: string | null;
  readonly highlight?: HighlightColor | null;
  readonly alternative?: string | null;
}

/** The token. `session_id` asks to resume a session that ended less than 15 min ago. */
export interface AuthPayloadInput {
  token: string;
  session_id?: string;
}

/**
 * The session. `expires_at` is in Unix seconds, `heartbeat_interval` in seconds.
 *
 * `durability` tells what has happened to a change before its `ack`: it is in the memory of the store, synced to its
 * disk, or at replicas too. The contract prints the first three fields; another server may send only those.
 */
export interface AuthSuccessPayload {
  readonly user_id: UserId;
  readonly session_id: SessionId;
  readonly permissions: readonly string[];
  /** Unix time in whole seconds. */
  readonly expires_at?: number | null;
  /** Seconds. */
  readonly heartbeat_interval?: number;
  readonly limits?: RateLimits | null;
  readonly text_unit?: "utf-16";
  readonly durability?: Durability | null;
}

/** The request to cancel. */
export interface BriefCancelPayloadInput {
  request_id: string;
}

/** The finished brief and its `generation_time` in milliseconds. */
export interface BriefCompletePayload {
  readonly brief_id: BriefId;
  /** Milliseconds. */
  readonly generation_time: number;
  /** 0 to 1. */
  readonly confidence_score: number;
}

/** The finished brief and its `generation_time` in milliseconds. */
export interface BriefCompletePayloadInput {
  brief_id: string;
  /** Milliseconds. */
  generation_time: number;
  /** 0 to 1. */
  confidence_score: number;
}

/** The error, and whether a fallback exists. */
export interface BriefFailedPayload {
  readonly error: LocalizedText;
  readonly fallback_available: boolean;
}

/** The stage of a brief and its progress in percent. */
export interface BriefProgressPayload {
  readonly stage: Stage;
  /** Per cent, 0 to 100. */
  readonly progress: number;
  readonly message: LocalizedText;
}

/**
 * The brief to write: its type, its subject and its language.
 *
 * `entity_type`: of the subject, where the brief's own type does not name it. `generator`: the one to write it.
 */
export interface BriefRequestPayloadInput {
  type: string;
  entity_id: string;
  language: "en" | "ar";
  entity_type?: string;
  generator?: string;
}

/** The brief and its `estimated_time` in milliseconds. */
export interface BriefStartedPayload {
  readonly type: string;
  readonly entity_id: EntityId;
  /** Milliseconds. */
  readonly estimated_time: number;
}

/** The brief and its `estimated_time` in milliseconds. */
export interface BriefStartedPayloadInput {
  type: string;
  entity_id: string;
  /** Milliseconds. */
  estimated_time: number;
}

/** The versions of document and counterpart at which a clause was last marked as translated, by whom and when. */
export interface ClauseMark {
  readonly version: number;
  readonly counterpart_version: number;
  readonly user_id: UserId;
  /** Unix time in whole seconds. */
  readonly timestamp: number;
}

/**
 * A clause of the document and that of its counterpart; where one has none, it is absent and `status` missing.
 *
 * `changed`: the sides whose words changed since it was marked.
 */
export interface ClausePair {
  readonly key: string;
  readonly status: "translated" | "changed" | "untranslated" | "missing";
  readonly document?: ClauseText;
  readonly counterpart?: ClauseText;
  readonly changed?: readonly ("document" | "counterpart")[];
  readonly translated?: ClauseMark;
}

/** A clause of one side: its place in UTF-16 code units, its first line, its direction; its text where asked for. */
export interface ClauseText {
  /** UTF-16 code units. */
  readonly position: number;
  /** UTF-16 code units. */
  readonly length: number;
  readonly title: string;
  readonly direction: Direction;
  readonly text?: string;
}

/**
 * A page of a document's comments, oldest first, on its text at `version`.
 *
 * `next`: ask again with it as `after`; absent on the last page.
 */
export interface CommentPage {
  readonly document: DocumentId;
  readonly version: number;
  readonly comments: readonly DocumentCommentPayload[];
  readonly next?: number;
}

/** A reply in the thread of a comment. */
export interface CommentReply {
  readonly id: string;
  readonly user_id: UserId;
  readonly user_name: string;
  /** Unix time in whole seconds. */
  readonly timestamp: number;
  readonly text: string;
}

/**
 * The commitment and its level. `alert_level`: 1 first alert, 2 second, 3 escalated.
 *
 * `next_level_at`: Unix time of the next level; absent if acknowledged, last, or unknown. `restarts`: of its clock.
 */
export interface CommitmentAlertPayload {
  readonly commitment_id: CommitmentId;
  readonly mou_id: MouId;
  readonly title: LocalizedText;
  readonly days_until_deadline: number;
  readonly responsible_department: LocalizedText;
  readonly alert_level: number;
  /** Unix time in whole seconds. */
  readonly next_level_at?: number;
  readonly restarts?: number;
}

/**
 * The commitment and its level. `alert_level`: 1 first alert, 2 second, 3 escalated.
 *
 * `next_level_at`: Unix time of the next level; absent if acknowledged, last, or unknown. `restarts`: of its clock.
 */
export interface CommitmentAlertPayloadInput {
  commitment_id: string;
  mou_id: string;
  title: LocalizedText;
  days_until_deadline: number;
  responsible_department: LocalizedText;
  alert_level: number;
  /** Unix time in whole seconds. */
  next_level_at?: number;
  restarts?: number;
}

/** The cursor that is gone. */
export interface CursorGonePayload {
  readonly user_id: UserId;
  readonly cursor_id: CursorId;
}

/** A cursor or selection; `position` and `selection_length` are in UTF-16 code units. */
export interface CursorPayloadInput {
  /** UTF-16 code units. */
  position: number;
  /** UTF-16 code units. */
  selection_length?: number;
  version?: number;
  user_id?: string;
}

/** A user's cursor or selection, in UTF-16 code units of the text at `version`; `cursor_id`: one of several. */
export interface CursorPositionPayload {
  readonly user_id: UserId;
  /** UTF-16 code units. */
  readonly position: number;
  /** UTF-16 code units. */
  readonly selection_length: number;
  readonly cursor_id?: CursorId;
  readonly name?: string;
  /** `#rrggbb`. */
  readonly color?: string;
  readonly version?: number;
}

/** A place in the text that a version deleted: behind `offset` of the UTF-16 code units that it deleted. */
export interface DeletedPlace {
  readonly version: number;
  readonly offset: number;
}

/**
 * A document's text at a version; `format` lists runs of attributes over UTF-16 code units.
 *
 * `epoch` names the history that has this version; a store that was restored begins new ones.
 */
export interface DocumentAnswer {
  readonly document: DocumentId;
  readonly version: number;
  readonly epoch: string;
  readonly content: string;
  readonly format: readonly FormatRun[];
}

/**
 * A comment with its replies, or a suggestion: it has a `replacement` for its text.
 *
 * `quote` is the text that it was made on, of a comment the first 500 units. `orphaned`: that text is deleted, and
 * `start` and `end` are where it was. `revision` counts the changes of its thread. `changed_by`, `changed_at`: the
 * last change of its status. `accepted`: the version by which an accepted suggestion became text.
 */
export interface DocumentCommentPayload {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly version: number;
  readonly quote: string;
  readonly status: CommentStatus;
  readonly user_id: UserId;
  readonly user_name: string;
  /** Unix time in whole seconds. */
  readonly timestamp: number;
  readonly revision: number;
  readonly text?: string;
  readonly replacement?: string;
  readonly orphaned?: boolean;
  readonly replies?: readonly CommentReply[];
  readonly changed_by?: UserId;
  /** Unix time in whole seconds. */
  readonly changed_at?: number;
  readonly accepted?: number;
}

/** The difference of two versions by word, in the order of the text. */
export interface DocumentDifference {
  readonly document: DocumentId;
  readonly from: number;
  readonly to: number;
  readonly changes: readonly WordDifference[];
}

/** A document and its counterpart. `hidden`: it has one that the caller may not read, of which nothing is told. */
export interface DocumentPairAnswer {
  readonly document: PairedDocument;
  readonly counterpart?: PairedDocument;
  readonly hidden?: boolean;
  readonly clauses?: readonly ClausePair[];
}

/**
 * A version with its author and time, or the versions `first` to `version` of one author where rows are joined.
 *
 * `timestamp`: when it was committed; `began`: when the first of several was; absent in versions of older services.
 */
export interface DocumentRevision {
  readonly version: number;
  readonly user_id: UserId;
  readonly user_name: string;
  /** Unix time in whole seconds. */
  readonly timestamp?: number;
  readonly first?: number;
  /** Unix time in whole seconds. */
  readonly began?: number;
  readonly names?: readonly string[];
}

/**
 * A page of a document's versions, oldest first. `version`: the present one; `oldest`: the oldest with a text.
 *
 * `next`: ask again with it as `after`; absent on the last page.
 */
export interface DocumentRevisions {
  readonly document: DocumentId;
  readonly version: number;
  readonly oldest: number;
  readonly versions: readonly DocumentRevision[];
  readonly next?: number;
}

/**
 * A document as a subscriber receives it.
 *
 * `format` lists runs of attributes over UTF-16 code units. `epoch` names the history of its versions; a client sends
 * it in `params.since` with the version. `frozen`: it takes no edits now, and with
 * `read_only_until` (Unix time) until then. `cursors`: those of other users.
 */
export interface DocumentState {
  readonly version: number;
  readonly content: string;
  readonly format: readonly FormatRun[];
  readonly epoch?: string;
  readonly frozen?: boolean;
  readonly cursors?: readonly RestingCursor[];
  /** Unix time in whole seconds. */
  readonly read_only_until?: number;
}

/** The state of a document. `read_only_until` is Unix time; a field that is absent does not apply. */
export interface DocumentStatePayload {
  readonly frozen: boolean;
  readonly deleted?: boolean;
  /** Unix time in whole seconds. */
  readonly read_only_until?: number;
}

/** The changed entity and its changed fields. */
export interface DossierUpdatePayload {
  readonly entity_type: string;
  readonly entity_id: EntityId;
  readonly operation: "create" | "update" | "delete";
  readonly fields_changed: readonly string[];
  readonly updated_by: Actor;
  /** Unix time in whole seconds; the server writes it. */
  readonly timestamp: number;
}

/** The changed entity and its changed fields. */
export interface DossierUpdatePayloadInput {
  entity_type: string;
  entity_id: string;
  operation: "create" | "update" | "delete";
  fields_changed: readonly string[];
  updated_by?: ActorInput;
  /** Unix time in whole seconds; the server writes it. */
  timestamp?: number;
}

/**
 * One edit: a single operation, or a batch of `operations` that becomes one version.
 *
 * `position` and `length` are in UTF-16 code units; `version` is the one that it was made against. `epoch` names the
 * history that has this version (`document.epoch`); without it, that is the present one. A batch has no `position` of
 * its own.
 */
export interface EditSinglePayloadInput {
  operation_type: "insert" | "delete" | "format";
  /** UTF-16 code units. */
  position: number;
  version: number;
  content?: string;
  /** UTF-16 code units. */
  length?: number;
  attributes?: Attributes;
  op_id?: string;
  epoch?: string;
  user_id?: string;
  user_name?: string;
}

/**
 * One edit: a single operation, or a batch of `operations` that becomes one version.
 *
 * `position` and `length` are in UTF-16 code units; `version` is the one that it was made against. `epoch` names the
 * history that has this version (`document.epoch`); without it, that is the present one. A batch has no `position` of
 * its own.
 */
export interface EditBatchPayloadInput {
  operation_type: "batch";
  version: number;
  content?: string;
  /** UTF-16 code units. */
  length?: number;
  attributes?: Attributes;
  op_id?: string;
  epoch?: string;
  user_id?: string;
  user_name?: string;
  operations: readonly FlatOperationInput[];
}

/**
 * One edit: a single operation, or a batch of `operations` that becomes one version.
 *
 * `position` and `length` are in UTF-16 code units; `version` is the one that it was made against. `epoch` names the
 * history that has this version (`document.epoch`); without it, that is the present one. A batch has no `position` of
 * its own.
 */
export type EditPayloadInput = EditSinglePayloadInput | EditBatchPayloadInput;

/** The present version of a document. */
export interface ErrorPayload {
  readonly version: number;
}

/**
 * One operation of a batch, on the text after those before it.
 *
 * `position` and `length` are in UTF-16 code units. `attributes` of an insert are those of the inserted text.
 */
export interface FlatOperation {
  readonly operation_type: "insert" | "delete" | "format";
  /** UTF-16 code units. */
  readonly position: number;
  readonly content?: string;
  /** UTF-16 code units. */
  readonly length?: number;
  readonly attributes?: Attributes;
}

/**
 * One operation of a batch, on the text after those before it.
 *
 * `position` and `length` are in UTF-16 code units. `attributes` of an insert are those of the inserted text.
 */
export interface FlatOperationInput {
  operation_type: "insert" | "delete" | "format";
  /** UTF-16 code units. */
  position: number;
  content?: string;
  /** UTF-16 code units. */
  length?: number;
  attributes?: Attributes;
}

/** A range of text with the same attributes, in UTF-16 code units. */
export interface FormatRun {
  /** UTF-16 code units. */
  readonly position: number;
  /** UTF-16 code units. */
  readonly length: number;
  readonly attributes: Attributes;
}

/** A field that a user holds, for `expires_in` seconds unless the user holds it longer. */
export interface HeldLock {
  readonly field: string;
  readonly user_id: UserId;
  readonly name: string;
  /** Seconds. */
  readonly expires_in: number;
}

/** A place in a channel's history: the `offset`-th event of an `epoch`. Offset 0 is before the first. */
export interface HistoryPosition {
  readonly epoch: string;
  readonly offset: number;
}

/**
 * The number of unread entries; `up_to`: the offset up to which all were marked as read.
 *
 * `returned`: the ids of entries whose snoozing is over.
 */
export interface InboxStatePayload {
  readonly unread: number;
  readonly up_to?: number;
  readonly returned?: readonly string[];
}

/** A signed statement that the service keeps; `id` reads the whole snapshot while its version is kept. */
export interface KeptSnapshot {
  readonly id: string;
  readonly statement: SnapshotStatement;
  readonly signature: string;
}

/** A page of a document's snapshots, oldest first; ask again with `next` as `after`. */
export interface KeptSnapshots {
  readonly document: DocumentId;
  readonly snapshots: readonly KeptSnapshot[];
  readonly next?: string;
}

/** A text in English and Arabic. */
export interface Localized {
  readonly en: string;
  readonly ar: string;
}

/** The field, and the seconds for which it is held unless it is locked again. */
export interface LockPayload {
  field: string;
  /** Seconds. */
  seconds?: number;
}

/** The field and its holder; without `user_id` it is free. */
export interface LockStatePayload {
  readonly field: string;
  readonly user_id?: UserId;
  readonly name?: string;
  /** Seconds. */
  readonly expires_in?: number;
}

/** The keys of the clauses that were marked, and the versions that they are translated at. */
export interface MarkedClauses {
  readonly document: DocumentId;
  readonly version: number;
  readonly counterpart_version: number;
  readonly clauses: readonly string[];
}

/** A named version, and who named it when. */
export interface NamedDocumentVersion {
  readonly document: DocumentId;
  readonly name: string;
  readonly version: number;
  readonly user_id: UserId;
  readonly user_name: string;
  /** Unix time in whole seconds. */
  readonly timestamp: number;
}

/** The named versions of a document, in their order. */
export interface NamedDocumentVersions {
  readonly document: DocumentId;
  readonly versions: readonly NamedDocumentVersion[];
}

/** The entries that were read: by their ids, or all up to an offset of the user's channel. One of the two. */
export interface NotificationAckPayloadInput {
  ids?: readonly string[];
  up_to?: number;
}

/** A link that a notification offers. */
export interface NotificationAction {
  readonly label: LocalizedText;
  /** A path within the product, or an https address. */
  readonly url: string;
}

/** The text of a notification, its subject and its links. */
export interface NotificationPayload {
  readonly id: string;
  readonly title: Localized;
  readonly message: Localized;
  readonly entity_type?: string | null;
  readonly entity_id?: EntityId | null;
  readonly action_required?: boolean;
  readonly actions?: readonly NotificationAction[];
}

/** The text of a notification, its subject and its links. */
export interface NotificationPayloadInput {
  id: string;
  title: Localized;
  message: Localized;
  entity_type?: string | null;
  entity_id?: string | null;
  action_required?: boolean;
  actions?: readonly NotificationAction[];
}

/** The entry, and the Unix time at which it is unread again. */
export interface NotificationSnoozePayloadInput {
  id: string;
  /** Unix time in whole seconds. */
  until: number;
}

/** The version of the committed edit. */
export interface OperationAckPayload {
  readonly version: number;
  readonly op_id?: OperationId;
}

/** The counts of `node` in the last second by name, and rows of single things. */
export interface OpsStatsPayload {
  readonly node: NodeId;
  /** Unix time in whole seconds. */
  readonly timestamp: number;
  readonly values: Readonly<Record<string, number>>;
  readonly rows: readonly Readonly<Record<string, string | number | boolean | null>>[];
}

/** One side of a pair: the document, its language, and the version that the clauses are of. */
export interface PairedDocument {
  readonly document: DocumentId;
  readonly language: string;
  readonly version: number;
}

/**
 * A user's own presence; a field left out is unchanged. `field: null` means "in no field".
 *
 * `user_id` may be given, as the contract prints it, but only the sender's own.
 */
export interface PresenceChangeInput {
  status?: Status;
  activity?: Activity;
  field?: string | null;
  user_id?: string;
}

/** The user who joined. */
export interface PresenceJoinPayload {
  readonly user_id: UserId;
  readonly name: string;
  readonly role?: string;
  readonly avatar: string | null;
  readonly status: Status;
  readonly activity: Activity;
}

/** The user who left. */
export interface PresenceLeavePayload {
  readonly user_id: UserId;
}

/**
 * The user's present activity.
 *
 * `status` left out is unchanged; this server always sends it. `name`, `role` and `avatar` are sent only where a newer
 * token of the user changes them.
 */
export interface PresenceUpdatePayload {
  readonly user_id: UserId;
  readonly status?: Status;
  readonly activity: Activity;
  readonly field: string | null;
  readonly name?: string;
  readonly role?: string;
  readonly avatar?: string | null;
}

/** A user on a channel. */
export interface PresentUser {
  readonly user_id: UserId;
  readonly name: string;
  readonly role: string;
  readonly avatar?: string | null;
  readonly status?: Status;
  readonly activity?: Activity;
  readonly field?: string | null;
}

/** The exceeded limit; `retry_after` is in seconds. */
export interface RateLimitExceededPayload {
  /** Seconds. */
  readonly retry_after: number;
  readonly limit: number;
  readonly class?: RateClass;
}

/** The use of a limit: `current_rate` and `limit` in messages a minute, `reset_in` in seconds. */
export interface RateLimitWarningPayload {
  readonly current_rate: number;
  readonly limit: number;
  /** Seconds. */
  readonly reset_in: number;
  readonly class?: RateClass;
}

/** Limits of messages by class in a window of `window` seconds; `bytes` limits the bytes of frames. */
export interface RateLimits {
  readonly general: number;
  readonly edit: number;
  readonly cursor: number;
  readonly ping: number;
  /** Seconds. */
  readonly window: number;
  readonly bytes?: number;
}

/** The relationship and its old and new health. */
export interface RelationshipHealthPayload {
  readonly relationship_id: RelationshipId;
  readonly previous_status: Health;
  readonly new_status: Health;
  readonly score_change: number;
  /** 0 to 100. */
  readonly current_score: number;
  readonly trigger: string;
  readonly recommendations: readonly LocalizedText[];
}

/** The relationship and its old and new health. */
export interface RelationshipHealthPayloadInput {
  relationship_id: string;
  previous_status: Health;
  new_status: Health;
  score_change: number;
  /** 0 to 100. */
  current_score: number;
  trigger: string;
  recommendations: readonly LocalizedText[];
}

/**
 * One committed operation, or one batch of `operations`, on the text of `version - 1`.
 *
 * Positions are in UTF-16 code units. A batch has no `position` of its own; each of its operations is on the text
 * after those before it. `within`: an insert was made inside of text that was deleted meanwhile. `timestamp`: when it
 * was committed; absent in versions that an older service stored.
 */
export interface RemoteOperationSinglePayload {
  readonly user_id: UserId;
  readonly user_name: string;
  readonly operation_type: "insert" | "delete" | "format";
  /** UTF-16 code units. */
  readonly position: number;
  readonly version: number;
  readonly content?: string;
  /** UTF-16 code units. */
  readonly length?: number;
  readonly attributes?: Attributes;
  readonly op_id?: OperationId;
  /** Unix time in whole seconds. */
  readonly timestamp?: number;
  readonly within?: DeletedPlace;
}

/**
 * One committed operation, or one batch of `operations`, on the text of `version - 1`.
 *
 * Positions are in UTF-16 code units. A batch has no `position` of its own; each of its operations is on the text
 * after those before it. `within`: an insert was made inside of text that was deleted meanwhile. `timestamp`: when it
 * was committed; absent in versions that an older service stored.
 */
export interface RemoteOperationBatchPayload {
  readonly user_id: UserId;
  readonly user_name: string;
  readonly operation_type: "batch";
  readonly version: number;
  readonly content?: string;
  /** UTF-16 code units. */
  readonly length?: number;
  readonly attributes?: Attributes;
  readonly op_id?: OperationId;
  /** Unix time in whole seconds. */
  readonly timestamp?: number;
  readonly operations: readonly FlatOperation[];
  readonly within?: DeletedPlace;
}

/**
 * One committed operation, or one batch of `operations`, on the text of `version - 1`.
 *
 * Positions are in UTF-16 code units. A batch has no `position` of its own; each of its operations is on the text
 * after those before it. `within`: an insert was made inside of text that was deleted meanwhile. `timestamp`: when it
 * was committed; absent in versions that an older service stored.
 */
export type RemoteOperationPayload = RemoteOperationSinglePayload | RemoteOperationBatchPayload;

/** Another user's cursor on a document, in UTF-16 code units of the text at `version`, or of the text beside it. */
export interface RestingCursor {
  readonly user_id: UserId;
  /** UTF-16 code units. */
  readonly position: number;
  /** UTF-16 code units. */
  readonly selection_length: number;
  readonly cursor_id: CursorId;
  readonly name: string;
  /** `#rrggbb`. */
  readonly color: string;
  readonly version?: number;
}

/** The version `restored`, and the version by which the document is as it was then. */
export interface RestoredVersion {
  readonly document: DocumentId;
  readonly version: number;
  readonly restored: number;
}

/** The users on a channel. `count` is exact also where the list is cut (`truncated`). `locks`: fields they hold. */
export interface Roster {
  readonly count: number;
  readonly users: readonly PresentUser[];
  readonly truncated?: boolean;
  readonly locks?: readonly HeldLock[];
}

/**
 * A change of settings; a field left out is unchanged, an empty payload only reads.
 *
 * `read_only_until`: freezes a document until that Unix time; `frozen` ends or replaces it.
 */
export interface SettingsChange {
  classification?: Level;
  presence?: boolean;
  history?: boolean;
  frozen?: boolean;
  /** Unix time in whole seconds. */
  read_only_until?: number;
}

/** The settings of a channel. `read_only_until`: the Unix time at which it is frozen no more. */
export interface SettingsPayload {
  readonly classification: Level;
  readonly presence: boolean;
  readonly history: boolean;
  readonly frozen: boolean;
  /** Unix time in whole seconds. */
  readonly read_only_until?: number;
}

/**
 * A text with its signed statement: the body is the file, byte for byte, that `verify --snapshot` checks.
 *
 * `signature`: Ed25519 in base64, over the purpose `snapshot` and the statement.
 */
export interface SignedSnapshot {
  readonly statement: SnapshotStatement;
  readonly content: string;
  readonly format: readonly FormatRun[];
  readonly signature: string;
}

/**
 * The client's last position.
 *
 * It is `{epoch?, offset}` on a channel with history (without `epoch`: in the present one), and `{version, epoch?}` on
 * a document.
 */
export interface Since {
  epoch?: string;
  offset?: number;
  version?: number;
}

/**
 * The words that are signed.
 *
 * `epoch` names the history that `version` counts in. `author` and `committed_at`: of the version, by its history.
 * `text_sha256` is over the text in UTF-8, `format_sha256` over `format` as JSON without white space. `asked_by`: the
 * user who had it signed at `signed_at`, while `present` had the document open; both are absent where the
 * channel keeps no presence. `key`: the fingerprint of the key.
 */
export interface SnapshotStatement {
  readonly form?: number;
  readonly document: DocumentId;
  readonly epoch: string;
  readonly version: number;
  readonly classification: Level;
  readonly text_sha256: string;
  readonly format_sha256: string;
  readonly author: SnapshotUser;
  /** Unix time in whole seconds. */
  readonly committed_at?: number;
  readonly asked_by: SnapshotUser;
  /** Unix time in whole seconds. */
  readonly signed_at: number;
  readonly present?: readonly SnapshotUser[];
  readonly present_count?: number;
  readonly note?: string;
  readonly name?: string;
  readonly key: string;
}

/** A user by id, with the name of the newest token. */
export interface SnapshotUser {
  readonly user_id: UserId;
  readonly name: string;
}

/**
 * The parameters of a subscription.
 *
 * `include_presence`: the snapshot and then changes. `hidden`: take no part in presence (needs admin). `since`: the
 * events missed after this position come first. `last`: so many of the latest events come first; not with `since`.
 */
export interface SubscribeParams {
  include_presence?: boolean;
  hidden?: boolean;
  since?: Since;
  last?: number;
}

/** The assigned task. */
export interface TaskAssignedPayload {
  readonly task_id: TaskId;
  readonly title: LocalizedText;
  readonly assigned_by: Actor;
  /** A day: YYYY-MM-DD. */
  readonly due_date: string;
  readonly priority: Priority;
}

/** The assigned task. */
export interface TaskAssignedPayloadInput {
  task_id: string;
  title: LocalizedText;
  assigned_by?: ActorInput;
  /** A day: YYYY-MM-DD. */
  due_date: string;
  priority: Priority;
}

/** The task and its old and new status. */
export interface TaskUpdatePayload {
  readonly task_id: TaskId;
  readonly previous_status: string;
  readonly new_status: string;
  readonly assigned_to?: UserId | null;
  readonly updated_by: UserId;
  /** Unix time in whole seconds; the server writes it. */
  readonly timestamp: number;
}

/** The task and its old and new status. */
export interface TaskUpdatePayloadInput {
  task_id: string;
  previous_status: string;
  new_status: string;
  assigned_to?: string | null;
  updated_by?: string;
  /** Unix time in whole seconds; the server writes it. */
  timestamp?: number;
}

/** The seconds until the token expires. */
export interface TokenExpiringPayload {
  /** Seconds. */
  readonly expires_in: number;
}

/** The field. */
export interface UnlockPayload {
  field: string;
}

/** A stretch of whole words: in both texts, or only in the old (`delete`) or the new one (`insert`). */
export interface WordDifference {
  readonly kind: "equal" | "delete" | "insert";
  readonly text: string;
}

/** The acceptance of the token; the connection may send other messages. */
export interface AuthSuccessMessage {
  readonly type: "auth_success";
  readonly payload: AuthSuccessPayload;
  readonly ref?: string;
}

/** The answer to `ping`, with the server's time. */
export interface PongMessage {
  readonly type: "pong";
  /** Unix time in whole seconds. */
  readonly timestamp: number;
  readonly ref?: string;
}

/** The request to send a second `auth` within `expires_in` seconds. */
export interface TokenExpiringMessage {
  readonly type: "token_expiring";
  readonly payload: TokenExpiringPayload;
}

/** The start of a subscription; `position` is set where the channel keeps history. */
export interface SubscribedMessage {
  readonly type: "subscribed";
  readonly channel: ChannelName;
  readonly presence?: Roster;
  readonly position?: HistoryPosition;
  readonly recovered?: boolean;
  readonly document?: DocumentState;
  readonly ref?: string;
}

/** The end of a subscription; no message of this channel follows. */
export interface UnsubscribedMessage {
  readonly type: "unsubscribed";
  readonly channel: ChannelName;
  readonly ref?: string;
}

/** A channel's whole settings: the answer to reading or changing them. */
export interface ChannelSettingsMessage {
  readonly type: "channel_settings";
  readonly channel: ChannelName;
  readonly payload: SettingsPayload;
  readonly ref?: string;
}

/** The holder of a field: for those who see the channel's presence when it changes, and as a direct answer. */
export interface LockStateMessage {
  readonly type: "lock_state";
  readonly channel: ChannelName;
  readonly payload: LockStatePayload;
  readonly ref?: string;
}

/**
 * The acceptance of a durable send; `offset` and `epoch` are set for an event in the channel's history.
 *
 * `ended`: the end of the brief that was to be cancelled, now or before. `request_id`: of the brief that was asked
 * for.
 */
export interface AckMessage {
  readonly type: "ack";
  readonly ref: string;
  readonly channel?: ChannelName;
  readonly offset?: number;
  readonly epoch?: string;
  readonly ended?: BriefEnd;
  readonly request_id?: RequestId;
}

/** The acceptance of the sender's edit, which is durable as `version`. */
export interface OperationAckMessage {
  readonly type: "operation_ack";
  readonly channel: ChannelName;
  readonly payload: OperationAckPayload;
  readonly ref?: string;
}

/** A refusal; `message` gives the reason and the remedy. `retry_after`: seconds, where waiting helps. */
export interface ErrorMessage {
  readonly type: "error";
  readonly error_code: ErrorCode;
  readonly message: string;
  /** Unix time in whole seconds. */
  readonly timestamp: number;
  readonly channel?: string;
  readonly ref?: string;
  readonly payload?: ErrorPayload;
  /** Seconds. */
  readonly retry_after?: number;
}

/** The warning that 95 % of the window is used. */
export interface RateLimitWarningMessage {
  readonly type: "rate_limit_warning";
  readonly payload: RateLimitWarningPayload;
}

/** The end of the window's limit; further messages of this class are refused in it. */
export interface RateLimitExceededMessage {
  readonly type: "rate_limit_exceeded";
  readonly payload: RateLimitExceededPayload;
}

/** The state of the connection: `authenticated` after a login; `reconnecting`: connect again in `retry_after` s. */
export interface ConnectionStateMessage {
  readonly type: "connection_state";
  readonly state: "connecting" | "connected" | "authenticated" | "reconnecting" | "disconnected" | "error";
  readonly session_id: SessionId;
  readonly reconnect_count: number;
  /** Seconds. */
  readonly retry_after?: number;
}

/** A change of a dossier. */
export interface DossierUpdateMessage {
  readonly type: "dossier_update";
  readonly channel: ChannelName;
  readonly payload: DossierUpdatePayload;
  readonly offset?: number;
}

/** A notification for a person, in both languages. */
export interface NotificationMessage {
  readonly type: "notification";
  readonly priority: Priority;
  readonly payload: NotificationPayload;
  readonly channel?: ChannelName;
  readonly offset?: number;
}

/** A change of a task's status. */
export interface TaskUpdateMessage {
  readonly type: "task_update";
  readonly channel: ChannelName;
  readonly payload: TaskUpdatePayload;
  readonly offset?: number;
}

/** The assignment of a task to the receiver. */
export interface TaskAssignedMessage {
  readonly type: "task_assigned";
  readonly channel: ChannelName;
  readonly payload: TaskAssignedPayload;
  readonly offset?: number;
}

/** The start of a brief's generation. */
export interface BriefGenerationStartedMessage {
  readonly type: "brief_generation_started";
  readonly request_id: RequestId;
  readonly payload: BriefStartedPayload;
  readonly channel?: ChannelName;
  readonly offset?: number;
}

/** The progress of a brief's generation. */
export interface BriefGenerationProgressMessage {
  readonly type: "brief_generation_progress";
  readonly request_id: RequestId;
  readonly payload: BriefProgressPayload;
  readonly channel?: ChannelName;
  readonly offset?: number;
}

/** The success of a brief's generation; the brief can be read. */
export interface BriefGenerationCompleteMessage {
  readonly type: "brief_generation_complete";
  readonly request_id: RequestId;
  readonly payload: BriefCompletePayload;
  readonly channel?: ChannelName;
  readonly offset?: number;
}

/** The failure or cancellation of a brief's generation. */
export interface BriefGenerationFailedMessage {
  readonly type: "brief_generation_failed";
  readonly request_id: RequestId;
  readonly payload: BriefFailedPayload;
  readonly channel?: ChannelName;
  readonly offset?: number;
}

/** A commitment's deadline comes near. */
export interface CommitmentAlertMessage {
  readonly type: "commitment_alert";
  readonly priority: Priority;
  readonly payload: CommitmentAlertPayload;
  readonly channel?: ChannelName;
  readonly offset?: number;
}

/** A change of a relationship's health. */
export interface RelationshipHealthChangeMessage {
  readonly type: "relationship_health_change";
  readonly channel: ChannelName;
  readonly payload: RelationshipHealthPayload;
  readonly offset?: number;
}

/** A user's committed edit of a document. */
export interface RemoteOperationMessage {
  readonly type: "remote_operation";
  readonly channel: ChannelName;
  readonly payload: RemoteOperationPayload;
}

/** The position of a user's cursor. Never stored; the latest replaces the one before. */
export interface CursorPositionMessage {
  readonly type: "cursor_position";
  readonly channel: ChannelName;
  readonly payload: CursorPositionPayload;
}

/** The end of a cursor: its connection has left the document. */
export interface CursorGoneMessage {
  readonly type: "cursor_gone";
  readonly channel: ChannelName;
  readonly payload: CursorGonePayload;
}

/** A change of whether a document takes edits, for everybody who has it open. */
export interface DocumentStateMessage {
  readonly type: "document_state";
  readonly channel: ChannelName;
  readonly payload: DocumentStatePayload;
}

/** A comment or suggestion that is new or was changed, for everybody who has the document open. */
export interface DocumentCommentMessage {
  readonly type: "document_comment";
  readonly channel: ChannelName;
  readonly payload: DocumentCommentPayload;
}

/** A user's first connection on a channel. */
export interface PresenceJoinMessage {
  readonly type: "presence_join";
  readonly channel: ChannelName;
  readonly payload: PresenceJoinPayload;
}

/** The end of a user's last connection on a channel. */
export interface PresenceLeaveMessage {
  readonly type: "presence_leave";
  readonly channel: ChannelName;
  readonly payload: PresenceLeavePayload;
}

/** A change of a user's activity. */
export interface PresenceUpdateMessage {
  readonly type: "presence_update";
  readonly channel: ChannelName;
  readonly payload: PresenceUpdatePayload;
}

/**
 * The acknowledgement of an alert; a later `commitment_alert` above `alert_level` reopens it.
 *
 * Every user who was alerted gets it. With a `ref` it answers an `alert_ack` that changed nothing: the present state.
 */
export interface AlertStateMessage {
  readonly type: "alert_state";
  readonly payload: AlertStatePayload;
  readonly channel?: ChannelName;
  readonly offset?: number;
  readonly ref?: string;
}

/** The inbox after entries were marked or snoozed on one device, or came back; every device gets it. */
export interface InboxStateMessage {
  readonly type: "inbox_state";
  readonly channel: ChannelName;
  readonly payload: InboxStatePayload;
  readonly offset?: number;
}

/** The aggregate of a topic, at most one a second and node. */
export interface OpsStatsMessage {
  readonly type: "ops_stats";
  readonly channel: ChannelName;
  readonly payload: OpsStatsPayload;
}

/** The first message of a connection; later the renewal of its token. */
export interface AuthCommand {
  type: "auth";
  payload: AuthPayloadInput;
  ref?: string;
}

/** The client's heartbeat, every 30 s. The time is the client's own and means nothing to the server. */
export interface PingCommand {
  type: "ping";
  timestamp?: number;
  ref?: string;
}

/** Subscribe to a channel from now on, or from `params.since` on. */
export interface SubscribeCommand {
  type: "subscribe";
  channel: string;
  params?: SubscribeParams;
  ref?: string;
}

/** End the subscription to a channel. */
export interface UnsubscribeCommand {
  type: "unsubscribe";
  channel: string;
  ref?: string;
}

/** The user's activity on a channel that this connection subscribes to. */
export interface PresenceUpdateCommand {
  type: "presence_update";
  channel: string;
  payload: PresenceChangeInput;
  ref?: string;
}

/** Read or change a channel's settings; needs `admin` on it. */
export interface ChannelSettingsCommand {
  type: "channel_settings";
  channel: string;
  payload?: SettingsChange;
  ref?: string;
}

/** An edit of a document. */
export interface EditOperationCommand {
  type: "edit_operation";
  channel: string;
  payload: EditPayloadInput;
  ref?: string;
}

/** The position of the user's cursor; only the latest counts. */
export interface CursorPositionCommand {
  type: "cursor_position";
  channel: string;
  payload: CursorPayloadInput;
  ref?: string;
}

/** Hold a field, or hold it longer; answered by `lock_state` with its holder, who may be another user. */
export interface LockCommand {
  type: "lock";
  channel: string;
  payload: LockPayload;
  ref?: string;
}

/** Release a field that the user holds; answered by `lock_state`. */
export interface UnlockCommand {
  type: "unlock";
  channel: string;
  payload: UnlockPayload;
  ref?: string;
}

/** Acknowledge an alert; answered by `ack`, or by `alert_state` if it was acknowledged before. */
export interface AlertAckCommand {
  type: "alert_ack";
  payload: AlertAckPayloadInput;
  ref?: string;
}

/**
 * Request a brief; answered by `ack` with its `request_id`. Its progress goes to every connection of the user.
 *
 * The same `idempotency_key` within 24 h has one effect, and gets the same answer.
 */
export interface BriefRequestCommand {
  type: "brief_request";
  payload: BriefRequestPayloadInput;
  ref?: string;
  idempotency_key?: string;
}

/** Cancel a brief of the sender; answered by `ack` with its end in `ended`. */
export interface BriefCancelCommand {
  type: "brief_cancel";
  payload: BriefCancelPayloadInput;
  ref?: string;
}

/** Mark entries of the user's inbox as read; answered by `ack`, and told to every connection of the user. */
export interface NotificationAckCommand {
  type: "notification_ack";
  payload: NotificationAckPayloadInput;
  ref?: string;
}

/** Let an entry of the user's inbox wait; answered by `ack`, and told to every connection of the user. */
export interface NotificationSnoozeCommand {
  type: "notification_snooze";
  payload: NotificationSnoozePayloadInput;
  ref?: string;
}

/** A change of a dossier. */
export interface DossierUpdateCommand {
  type: "dossier_update";
  channel: string;
  payload: DossierUpdatePayloadInput;
  ref?: string;
  idempotency_key?: string;
}

/** A notification for a person, in both languages. */
export interface NotificationCommand {
  type: "notification";
  priority: Priority;
  payload: NotificationPayloadInput;
  channel?: string;
  ref?: string;
  idempotency_key?: string;
}

/** A change of a task's status. */
export interface TaskUpdateCommand {
  type: "task_update";
  channel: string;
  payload: TaskUpdatePayloadInput;
  ref?: string;
  idempotency_key?: string;
}

/** The assignment of a task to the receiver. */
export interface TaskAssignedCommand {
  type: "task_assigned";
  channel: string;
  payload: TaskAssignedPayloadInput;
  ref?: string;
  idempotency_key?: string;
}

/** The start of a brief's generation. */
export interface BriefGenerationStartedCommand {
  type: "brief_generation_started";
  request_id: string;
  payload: BriefStartedPayloadInput;
  channel?: string;
  ref?: string;
  idempotency_key?: string;
}

/** The progress of a brief's generation. */
export interface BriefGenerationProgressCommand {
  type: "brief_generation_progress";
  request_id: string;
  payload: BriefProgressPayload;
  channel?: string;
  ref?: string;
  idempotency_key?: string;
}

/** The success of a brief's generation; the brief can be read. */
export interface BriefGenerationCompleteCommand {
  type: "brief_generation_complete";
  request_id: string;
  payload: BriefCompletePayloadInput;
  channel?: string;
  ref?: string;
  idempotency_key?: string;
}

/** The failure or cancellation of a brief's generation. */
export interface BriefGenerationFailedCommand {
  type: "brief_generation_failed";
  request_id: string;
  payload: BriefFailedPayload;
  channel?: string;
  ref?: string;
  idempotency_key?: string;
}

/** A commitment's deadline comes near. */
export interface CommitmentAlertCommand {
  type: "commitment_alert";
  priority: Priority;
  payload: CommitmentAlertPayloadInput;
  channel?: string;
  ref?: string;
  idempotency_key?: string;
}

/** A change of a relationship's health. */
export interface RelationshipHealthChangeCommand {
  type: "relationship_health_change";
  channel: string;
  payload: RelationshipHealthPayloadInput;
  ref?: string;
  idempotency_key?: string;
}

/** Every message of the service, by its `type`. */
export interface ServerMessages {
  auth_success: AuthSuccessMessage;
  pong: PongMessage;
  token_expiring: TokenExpiringMessage;
  subscribed: SubscribedMessage;
  unsubscribed: UnsubscribedMessage;
  channel_settings: ChannelSettingsMessage;
  lock_state: LockStateMessage;
  ack: AckMessage;
  operation_ack: OperationAckMessage;
  error: ErrorMessage;
  rate_limit_warning: RateLimitWarningMessage;
  rate_limit_exceeded: RateLimitExceededMessage;
  connection_state: ConnectionStateMessage;
  dossier_update: DossierUpdateMessage;
  notification: NotificationMessage;
  task_update: TaskUpdateMessage;
  task_assigned: TaskAssignedMessage;
  brief_generation_started: BriefGenerationStartedMessage;
  brief_generation_progress: BriefGenerationProgressMessage;
  brief_generation_complete: BriefGenerationCompleteMessage;
  brief_generation_failed: BriefGenerationFailedMessage;
  commitment_alert: CommitmentAlertMessage;
  relationship_health_change: RelationshipHealthChangeMessage;
  remote_operation: RemoteOperationMessage;
  cursor_position: CursorPositionMessage;
  cursor_gone: CursorGoneMessage;
  document_state: DocumentStateMessage;
  document_comment: DocumentCommentMessage;
  presence_join: PresenceJoinMessage;
  presence_leave: PresenceLeaveMessage;
  presence_update: PresenceUpdateMessage;
  alert_state: AlertStateMessage;
  inbox_state: InboxStateMessage;
  ops_stats: OpsStatsMessage;
}

/** Every message of the service; `type` tells them apart. */
export type ServerMessage = ServerMessages[keyof ServerMessages];

/** The `type` of a message of the service. */
export type ServerMessageType = keyof ServerMessages;

/** Every message of a client, by its `type`. */
export interface ClientMessages {
  auth: AuthCommand;
  ping: PingCommand;
  subscribe: SubscribeCommand;
  unsubscribe: UnsubscribeCommand;
  presence_update: PresenceUpdateCommand;
  channel_settings: ChannelSettingsCommand;
  edit_operation: EditOperationCommand;
  cursor_position: CursorPositionCommand;
  lock: LockCommand;
  unlock: UnlockCommand;
  alert_ack: AlertAckCommand;
  brief_request: BriefRequestCommand;
  brief_cancel: BriefCancelCommand;
  notification_ack: NotificationAckCommand;
  notification_snooze: NotificationSnoozeCommand;
  dossier_update: DossierUpdateCommand;
  notification: NotificationCommand;
  task_update: TaskUpdateCommand;
  task_assigned: TaskAssignedCommand;
  brief_generation_started: BriefGenerationStartedCommand;
  brief_generation_progress: BriefGenerationProgressCommand;
  brief_generation_complete: BriefGenerationCompleteCommand;
  brief_generation_failed: BriefGenerationFailedCommand;
  commitment_alert: CommitmentAlertCommand;
  relationship_health_change: RelationshipHealthChangeCommand;
}

/** Every message of a client; `type` tells them apart. */
export type ClientMessage = ClientMessages[keyof ClientMessages];

/** The events that a client with `write` on their channel may send itself. */
export type PublishableType =
  | "dossier_update"
  | "notification"
  | "task_update"
  | "task_assigned"
  | "brief_generation_started"
  | "brief_generation_progress"
  | "brief_generation_complete"
  | "brief_generation_failed"
  | "commitment_alert"
  | "relationship_health_change"
  ;

/** An event as a client sends it. */
export type PublishableEvent = ClientMessages[PublishableType];
