import type { ServerMessage } from "../protocol.js";
import { forms } from "./forms.js";

/** Read one frame of the server; undefined for a type that is not known. Throws for one that is no message. */
export function readMessage(frame: string): ServerMessage | undefined {
  const message: unknown = JSON.parse(frame);
  if (!isObject(message) || typeof message.type !== "string") throw new TypeError("it is no object with a type");
  if (!Object.hasOwn(forms, message.type)) return undefined;
  const form = forms[message.type]!;
  const { channel, payload, offset, ref } = message;
  if (form.includes("c") ? typeof channel !== "string" : channel != null && typeof channel !== "string") {
    throw new TypeError("$.channel is no text");
  }
  if (form.includes("p") ? !isObject(payload) : payload != null && !isObject(payload)) {
    throw new TypeError("$.payload is no object");
  }
  if (offset != null && !(Number.isSafeInteger(offset) && (offset as number) >= 0)) {
    throw new TypeError("$.offset is no count");
  }
  // `null` says the same as a field left out.
  if (ref === null) delete message.ref;
  return message as unknown as ServerMessage;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
