/** The documents that a client has open. */
import type { RealtimeConnection } from "../client/interface.js";
import { SharedDocument } from "./document.js";
import { EditPace } from "./pace.js";

interface Held {
  readonly document: SharedDocument;
  holders: number;
}

interface Documents {
  readonly pace: EditPace;
  readonly held: Map<string, Held>;
}

const documentsOf = new WeakMap<RealtimeConnection, Documents>();

/**
 * Open a document: `await document.ready()` before it is edited.
 *
 * A client has a document open once: whoever opens it again gets the same one, which ends with the last `close`.
 */
export function openDocument(client: RealtimeConnection, id: string): SharedDocument {
  const { pace, held } = of(client);
  const open = held.get(id);
  if (open) {
    open.holders += 1;
    return open.document;
  }
  const document = new SharedDocument(client, id, pace, (ending) => {
    const mine = held.get(id);
    if (mine?.document === ending && ending.error === undefined && (mine.holders -= 1) > 0) {
      return false; // somebody else has it open
    }
    if (mine?.document === ending) {
      held.delete(id);
    }
    return true;
  });
  if (!document.closed) {
    held.set(id, { document, holders: 1 });
  }
  return document;
}

function of(client: RealtimeConnection): Documents {
  let documents = documentsOf.get(client);
  if (!documents) {
    const pace = new EditPace();
    client.on("auth_success", (message) => pace.limited(message.payload.limits));
    client.on("rate_limit_warning", (message) => pace.warned(message.payload, performance.now() / 1000));
    client.on("rate_limit_exceeded", ({ payload }) => {
      if (payload.class === undefined || payload.class === "edit") {
        pace.exceeded(payload.retry_after, performance.now() / 1000);
      }
    });
    documents = { pace, held: new Map() };
    documentsOf.set(client, documents);
  }
  return documents;
}
