/** Edits that end with their document before the server has confirmed them. */
import { ConnectionClosed, RealtimeError } from "../errors.js";

/**
 * The end of a document with edits that the server had not confirmed. `text`: the whole text with them.
 *
 * Nothing else keeps these edits: save the text, or open the document again and make anew what it lacks. An edit that was
 * under way may have reached the server.
 */
export class UnsavedEdits extends RealtimeError {
  override readonly name: string = "UnsavedEdits";
  /** `cause`: why they were not saved, where more is known than that no confirmation came before the end. */
  constructor(
    readonly channel: string,
    readonly text: string,
    cause = "",
  ) {
    const then = cause ? " when this is solved" : "; another time await flush() before close()";
    const what = `The server has not confirmed the last edits of ${channel}${cause && `: ${cause}`}`;
    super(`${what}; the text with them is in error.text: keep it, and make anew what the document lacks${then}`);
  }
}

/** What is known of why edits were not saved. */
export interface Cause {
  readonly isReadOnly: boolean;
  readonly denied: Error | undefined;
}

/** Return the error that reports edits of `text`; `end` is what ended the document. */
export function unsavedEdits(channel: string, text: string, { isReadOnly, denied }: Cause, end: Error | undefined): UnsavedEdits {
  const isOwn = end instanceof ConnectionClosed && end.code === 0; // the program has closed the client
  const why = isReadOnly ? `${channel} takes no edits now` : (denied ?? (isOwn ? undefined : end))?.message;
  return new UnsavedEdits(channel, text, why);
}
