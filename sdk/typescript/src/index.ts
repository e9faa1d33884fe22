/** `@dossier/realtime`: the client of the dossier real-time service. */
export * from "./errors.js";
export * from "./protocol.js";
export type * from "./client/interface.js";
