/** The state of a document in one word, of all that is true of it the word that concerns its user most. */
import type { DocumentStatus } from "./changes.js";

/** What is true of a replica. */
export interface Facts {
  readonly isLive: boolean;
  readonly isReadOnly: boolean;
  readonly isRefused: boolean;
  readonly isSynced: boolean;
  readonly isThrottled: boolean;
}

export function statusOf({ isLive, isReadOnly, isRefused, isSynced, isThrottled }: Facts): DocumentStatus {
  if (!isLive) {
    return "stale";
  }
  if (isReadOnly) {
    return "read-only";
  }
  if (isRefused) {
    return "refused";
  }
  return isSynced ? "live" : isThrottled ? "throttled" : "saving";
}
