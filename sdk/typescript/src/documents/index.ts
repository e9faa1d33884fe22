/** `@dossier/realtime/documents`: shared documents, with optimistic text, cursors, undo and editing while offline. */
export { type Change, type DocumentStatus, DocumentRestored, type Edit, type Origin } from "./changes.js";
export { cursorColor } from "./colors.js";
export { CURSOR_COLORS } from "./cursor_colors.js";
export { SharedDocument } from "./document.js";
export type { EditOptions } from "./edits.js";
export { openDocument } from "./open.js";
export type { Attributes } from "./ot/attributes.js";
export type { Cursor } from "./ot/cursor.js";
export type { FormatRun } from "./ot/document.js";
export type { Component, Delete, Format, Insert, Operation, Retain, Span } from "./ot/operations.js";
export type { RemoteCursor } from "./remote_cursors.js";
export { type DocumentComment, DocumentComments } from "./together/comments.js";
export { FieldLock, hold } from "./together/field_lock.js";
export { DocumentPair, documentPair } from "./together/pair.js";
export { DocumentVersions, documentVersions, snapshotFile } from "./together/versions.js";
export { UnsavedEdits } from "./unsaved.js";
