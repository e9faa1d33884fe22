/** `@dossier/realtime`: the client of the dossier real-time service. */
export * from "./errors.js";
export * from "./protocol.js";
export type * from "./client/interface.js";
export type { BriefMessage } from "./client/briefs.js";
export type { InboxEvent, TaskRow } from "./client/inbox.js";
export type { ClientOptions, TokenSource, WebSocketConstructor, WebSocketLike } from "./client/options.js";
export type { Outgoing } from "./client/outbound.js";
export type { Clock } from "./client/clock.js";
export { Backoff, mayComeBack } from "./client/backoff.js";
export { BriefGeneration } from "./client/briefs.js";
export { type ChannelStream, DossierRealtimeClient } from "./client/client.js";
export type { Stream } from "./client/stream.js";
export { entryId } from "./client/inbox.js";
export { UnknownMessage } from "./client/reading.js";
