import type { ServerMessage } from "../protocol.js";
import { forms, parts } from "./forms.js";

const HALF = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/i; // of a pair, escaped; of no pair where it is written so again

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
  if (frame.includes("\\u") && HALF.test(frame) && HALF.test(JSON.stringify(message))) {
    throw new TypeError("a text has half of a pair of surrogates");
  }
  const { type } = message;
  const form = Object.hasOwn(forms, type) ? forms[type] : undefined;
  const wrong = wrongMember(message, form ?? "channel?s offset?n");
  if (wrong !== undefined) throw new TypeError(`$${wrong} is not what it must be`);
  if (form === undefined) {
    const { channel, offset } = message as { channel?: string | null; offset?: number | null };
    return new UnknownMessage(type, channel ?? undefined, offset ?? undefined, message);
  }
  // `null` says the same as a field left out.
  if (message.ref === null) delete message.ref;
  return message as unknown as ServerMessage;
}

/** A member of a form: its name, its kind, and whether it must be there. */
type Member = readonly [name: string, kind: string, isNeeded: boolean];

const split = new Map<string, readonly Member[]>();

function membersOf(form: string): readonly Member[] {
  const made = form.split(" ").map((each): Member => {
    const [name, mark, kind] = each.split(/([:?])/) as [string, string, string];
    return [name, kind, mark === ":"];
  });
  split.set(form, made);
  return made;
}

/** The path of the first member that is not as its form has it. */
function wrongMember(value: Record<string, unknown>, form: string): string | undefined {
  const members = split.get(form) ?? membersOf(form);
  for (let at = 0; at < members.length; at++) {
    const member = members[at]!;
    const given = value[member[0]];
    if (!member[2] && (given === undefined || given === null)) continue;
    const wrong = wrongValue(given, member[1]);
    if (wrong !== undefined) return `.${member[0]}${wrong}`;
  }
  return undefined;
}

function wrongValue(value: unknown, kind: string): string | undefined {
  switch (kind) {
    case "s":
      return typeof value === "string" ? undefined : "";
    case "n":
      return Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : "";
    case "o":
      return isObject(value) ? undefined : "";
    case "b":
      return typeof value === "boolean" ? undefined : "";
    case "c":
      return typeof value === "string" && /^#[0-9a-f]{6}$/.test(value) ? undefined : "";
    case "z":
      return Number.isSafeInteger(value) ? undefined : "";
    case "f":
      return typeof value === "number" ? undefined : "";
    case "*":
      return undefined;
  }
  if (kind[0] === "[") {
    const wrong = Array.isArray(value) ? value.map((each) => wrongValue(each, kind.slice(1))) : [""];
    return wrong.find((each) => each !== undefined);
  }
  const part = parts[+kind];
  if (part !== undefined) return isObject(value) ? wrongMember(value, part) : "";
  return kind.split("|").includes(value as string) ? undefined : "";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
