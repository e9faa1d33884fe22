import type { ServerMessage } from "../protocol.js";
import { forms } from "./forms.js";

/** A message of a type that this version of the package does not know; `message` is all of it, as it came. */
export class UnknownMessage {
  constructor(
    readonly type: string,
    readonly channel: string | undefined,
    /** Its place on the channel, where it has one. */
    readonly offset: number | undefined,
    readonly message: Readonly<Record<string, unknown>>,
  ) {}
}

/** Read one frame of the server. Throws for one that is no message. */
export function readMessage(frame: string): ServerMessage | UnknownMessage {
  const message: unknown = JSON.parse(frame);
  if (!isObject(message) || typeof message.type !== "string") throw new TypeError("it is no object with a type");
  const known = Object.hasOwn(forms, message.type);
  const form = known ? forms[message.type]! : "";
  const { channel, payload, offset, ref } = message;
  if (form.includes("c") ? typeof channel !== "string" : channel != null && typeof channel !== "string") {
    throw new TypeError("$.channel is no text");
  }
  if (known && (form.includes("p") ? !isObject(payload) : payload != null && !isObject(payload))) {
    throw new TypeError("$.payload is no object");
  }
  if (offset != null && !(Number.isSafeInteger(offset) && (offset as number) >= 0)) {
    throw new TypeError("$.offset is no count");
  }
  if (!known) {
    return new UnknownMessage(message.type, (channel as string) ?? undefined, (offset as number) ?? undefined, message);
  }
  // `null` says the same as a field left out.
  if (ref === null) delete message.ref;
  return message as unknown as ServerMessage;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
