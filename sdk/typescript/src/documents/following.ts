/** What the service says of a document, as its replica takes it. */
import type { ServerMessage } from "../protocol.js";
import { seconds } from "./edits.js";
import { CURSOR_REF, RETRY_AFTER } from "./refusals.js";
import type { DocumentReplica } from "./replica.js";

/**
 * Hand a message of the document's channel to its replica. `userId`: of the user of this client; `isAccepted`: whether an
 * edit is a suggestion that this client has accepted.
 */
export function follow(
  replica: DocumentReplica,
  message: ServerMessage,
  userId: string | undefined,
  isAccepted: (opId: string) => boolean,
): void {
  switch (message.type) {
    case "remote_operation":
      return replica.remote(message.payload, userId, isAccepted(message.payload.op_id ?? ""));
    case "cursor_position":
      return replica.cursor(message.payload);
    case "cursor_gone":
      return replica.cursorGone(message.payload.cursor_id);
    case "document_state": {
      const { frozen, deleted, read_only_until: until } = message.payload;
      return replica.setReadOnly(frozen || Boolean(deleted) || (until ?? undefined) !== undefined);
    }
    case "presence_leave":
      return replica.left(message.payload.user_id);
    case "error":
      return message.ref === CURSOR_REF
        ? replica.caret.refused(message.error_code, message.retry_after ?? RETRY_AFTER, seconds())
        : undefined;
    default:
      return undefined;
  }
}
