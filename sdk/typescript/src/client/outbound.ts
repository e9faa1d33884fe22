import type { ClientMessages, PublishableType } from "../protocol.js";
import type { PacedClass } from "./rate_window.js";

const MAX_FRAME = 64 * 1024; // bytes; the server closes for good on more

/** What the server answers nothing to: it is sent once, now or never. */
const UNANSWERED = ["cursor_position", "presence_update"];

/** An event as `send` takes it: its channel and its ids are added. */
export type Outgoing = {
  [Type in PublishableType]: Omit<ClientMessages[Type], "channel" | "ref" | "idempotency_key">;
}[PublishableType];

/** A frame with what is needed to send it again harmlessly. */
export interface Outbound {
  readonly frame: string;
  readonly kind: PacedClass;
  readonly answered: boolean;
}

/** Make the frame of a message. Throws TypeError for what is no message, RangeError for one that is too long. */
export function frameOf(channel: string | undefined, message: object, ref: string, key: string | undefined): Outbound {
  const { type, channel: named } = (message ?? {}) as { type?: unknown; channel?: unknown };
  if (typeof type !== "string") throw new TypeError("A message is an object with a type, and mostly a payload");
  if (channel !== undefined && named != null && named !== channel) {
    throw new RangeError("The message names another channel than send() does; leave it out");
  }
  const body: Record<string, unknown> = { ...message, ref };
  if (channel !== undefined) body.channel = channel;
  if (key !== undefined) body.idempotency_key = key;
  const frame = JSON.stringify(body);
  if (frame.length * 3 > MAX_FRAME && new TextEncoder().encode(frame).length > MAX_FRAME) {
    throw new RangeError(`The message is longer than ${MAX_FRAME} bytes of JSON; shorten it`);
  }
  return { frame, kind: type === "edit_operation" ? "edit" : "general", answered: !UNANSWERED.includes(type) };
}

/** A random id that no other client makes. */
export function randomId(): string {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}
