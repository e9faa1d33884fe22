import type { ServerMessage } from "../protocol.js";
import { forms, parts } from "./forms.js";

const LONE = /\p{Cs}/u; // half of a pair: no text has it

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
  const { type } = message;
  const form = Object.hasOwn(forms, type) ? forms[type] : undefined;
  check(message, form ?? "channel?s offset?n", "$");
  if (form === undefined) {
    const { channel, offset } = message as { channel?: string | null; offset?: number | null };
    return new UnknownMessage(type, channel ?? undefined, offset ?? undefined, message);
  }
  // `null` says the same as a field left out.
  if (message.ref === null) delete message.ref;
  return message as unknown as ServerMessage;
}

const split = new Map<string, string[][]>();

function check(value: Record<string, unknown>, form: string, path: string): void {
  let members = split.get(form);
  if (!members) split.set(form, (members = form.split(" ").map((each) => each.split(/([:?])/))));
  for (const [name, mark, kind] of members) {
    const given = value[name!];
    if (given != null || mark === ":") checkKind(given, kind!, `${path}.${name}`);
  }
}

function checkKind(value: unknown, kind: string, path: string): void {
  const part = parts[+kind];
  if (kind[0] === "[" && Array.isArray(value)) value.forEach((each) => checkKind(each, kind.slice(1), path));
  else if (part !== undefined && isObject(value)) check(value, part, path);
  else if (part !== undefined || !isOf(value, kind)) throw new TypeError(`${path} is not what it must be`);
}

function isOf(value: unknown, kind: string): boolean {
  switch (typeof value) {
    case "string":
      if (kind.includes("|")) return kind.split("|").includes(value);
      return kind === "c" ? /^#[0-9a-f]{6}$/.test(value) : "s*".includes(kind) && !LONE.test(value);
    case "number":
      return "f*".includes(kind) || (Number.isSafeInteger(value) && (kind === "z" || (kind === "n" && value >= 0)));
    case "boolean":
      return "b*".includes(kind);
    default:
      return "o*".includes(kind) && isObject(value);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
