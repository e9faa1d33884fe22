/** The documents of a FakeServer: their texts, comments and counterparts, as the service keeps them. */
import { apply, documentOf, effective, formatOf, type TextDocument } from "../documents/ot/document.js";
import { admit, type EditPayload, ofSteps, read, versions, written } from "../documents/ot/flat.js";
import { before, insert, nothing, type Operation, remove } from "../documents/ot/operations.js";
import { transform } from "../documents/ot/transform.js";
import { CommentStates } from "../documents/together/comment_states.js";
import type { DocumentCommentPayload, DocumentPairAnswer } from "../protocol.js";
import type { JsonObject } from "./socket.js";

/** What the server tells of a document: to all who have it open, but for the author of an edit. */
type Tell = (message: JsonObject, author?: object) => void;

interface Committed {
  readonly operation: Operation;
  readonly userId: string;
  readonly opId: string;
}

/** A refusal of a call or an edit. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** One document of a FakeServer. */
export class FakeDocument {
  private content: TextDocument = documentOf("");
  /** What `GET …/pair` answers with; `clauses` is the test's to fill. */
  pair: DocumentPairAnswer | undefined;
  private readonly log: Committed[] = [];
  private readonly edits = new Map<string, number>();
  private readonly comments = new CommentStates();
  private readonly listed = new Map<string, DocumentCommentPayload>();
  private count = 0;

  /** Use `server.document(id)`. */
  constructor(
    readonly id: string,
    readonly epoch: string,
    private readonly tell: Tell,
  ) {}

  /** The text as the server has it. */
  get text(): string {
    return this.content.text;
  }

  /** The version of the text. */
  get version(): number {
    return this.log.length;
  }

  /** Edit as another user would. */
  write(position: number, length: number, text: string, userId = "server"): void {
    this.put(position, length, text, userId, `${userId}-${this.version}`);
  }

  private put(position: number, length: number, text: string, userId: string, opId: string): void {
    const steps: [number, ReturnType<typeof insert> | ReturnType<typeof remove>][] = [];
    if (text) steps.push([position, insert(text)]);
    if (length) steps.push([position + text.length, remove(length)]);
    this.commit(ofSteps(steps, this.text.length), userId, opId, undefined);
  }

  /** @internal Answer a subscribe: the whole text, or what came after a version. */
  subscribed(since: { version?: number; epoch?: string } | undefined): [JsonObject, JsonObject[]] {
    const at = since?.version;
    if (at !== undefined && (since?.epoch ?? this.epoch) === this.epoch && at <= this.version) {
      return [{ recovered: true }, this.log.slice(at).map((_, index) => this.operation(at + index + 1))];
    }
    const { epoch, version, content } = this;
    const document = { version, content: content.text, format: formatOf(content), epoch };
    return [{ document, ...(since ? { recovered: false } : {}) }, []];
  }

  /** @internal Commit an edit of a connection; the version that it made. */
  edit(payload: EditPayload, userId: string, author: object): number {
    const name = payload.op_id === undefined ? undefined : `${userId} ${payload.op_id}`;
    const known = name === undefined ? undefined : this.edits.get(name);
    if (known !== undefined) return known;
    if (payload.version > this.version || (payload.epoch ?? this.epoch) !== this.epoch) {
      throw new Refused(409, "VERSION_CONFLICT", "The version is not one of this document");
    }
    const later = this.log.slice(payload.version).map(({ operation }) => operation);
    let operation = read(payload, later[0] ? before(later[0]) : this.text.length, true);
    for (const committed of later) operation = transform(committed, operation)[1];
    admit(operation, this.content);
    for (const part of versions(effective(operation, this.content), payload.operation_type === "batch")) {
      this.commit(part, userId, payload.op_id, author);
    }
    if (name !== undefined) this.edits.set(name, this.version);
    return this.version;
  }

  /** @internal Answer a call below `/v1/documents/{id}/`. */
  call(method: string, path: string, userId: string, body: JsonObject): JsonObject {
    const [what, id, act] = path.split("/");
    if (what === "comments") return method === "GET" ? this.list() : this.comment(method, id, act, userId, body);
    if (what === "pair") return this.paired(method, id, body);
    throw new Refused(404, "NOT_FOUND", "There is nothing at this path");
  }

  private commit(operation: Operation, userId: string, opId: string, author: object | undefined): void {
    this.content = apply(operation, this.content);
    this.log.push({ operation, userId, opId });
    this.comments.move(operation, this.version);
    this.tell(this.operation(this.version), author);
  }

  private operation(version: number): JsonObject {
    const { operation, userId, opId } = this.log[version - 1]!;
    const flats = written(operation);
    const said = flats.length > 1 ? { operation_type: "batch", operations: flats } : flats[0];
    const by = { user_id: userId, user_name: userId, op_id: opId };
    return { type: "remote_operation", payload: { ...said, version, ...by } };
  }

  // --- comments

  private list(): JsonObject {
    return { document: this.id, version: this.version, comments: [...this.listed.keys()].map((id) => this.placed(id)) };
  }

  private placed(id: string): DocumentCommentPayload {
    const found = this.comments.shown(nothing(this.text.length)).find((each) => each.id === id);
    if (!found) throw new Refused(404, "NOT_FOUND", "There is no such comment");
    return found;
  }

  private comment(method: string, id: string | undefined, act: string | undefined, userId: string, body: JsonObject): JsonObject {
    const by = { user_id: userId, user_name: userId, timestamp: Math.floor(Date.now() / 1000) };
    if (id === undefined || id === "") {
      const { start, end, text, replacement } = body;
      const said = { ...(text === undefined ? {} : { text }), ...(replacement === undefined ? {} : { replacement }) };
      const quote = this.text.slice(start, end);
      const row = { id: `comment-${++this.count}`, start, end, version: this.version, quote, status: "open", revision: 1 };
      return this.told({ ...row, ...by, ...said } as unknown as DocumentCommentPayload);
    }
    const was = this.placed(id);
    const revision = was.revision + 1;
    if (method === "DELETE") return this.told({ ...was, revision, status: "removed" });
    if (act === "replies") {
      const reply = { id: `reply-${++this.count}`, ...by, text: body.text };
      return this.told({ ...was, revision, replies: [...(was.replies ?? []), reply] } as unknown as DocumentCommentPayload);
    }
    if (act === "accept") {
      this.put(was.start, was.end - was.start, was.replacement ?? "", userId, `accept-${id}-${this.version}`);
    }
    const statuses = { resolve: "resolved", reopen: "open", accept: "accepted", reject: "rejected" } as const;
    const status = statuses[act as keyof typeof statuses];
    if (!status) throw new Refused(404, "NOT_FOUND", "There is nothing at this path");
    const accepted = status === "accepted" ? { accepted: this.version } : {};
    return this.told({ ...this.placed(id), revision, status, ...accepted });
  }

  private told(row: DocumentCommentPayload): JsonObject {
    this.comments.tell(row);
    if (row.status === "removed") this.listed.delete(row.id);
    else this.listed.set(row.id, row);
    this.tell({ type: "document_comment", payload: row });
    return row;
  }

  // --- the counterpart

  private paired(method: string, act: string | undefined, body: JsonObject): JsonObject {
    const { id: document, version } = this;
    if (method === "PUT") {
      const side = { document: body.counterpart, language: body.counterpart_language, version: 0 };
      this.pair = { document: { document, language: body.language, version }, counterpart: side, clauses: [] } as never;
      return body;
    }
    if (!this.pair) throw new Refused(404, "NOT_FOUND", "The document has no counterpart");
    if (method === "DELETE") {
      this.pair = undefined;
      return { document };
    }
    if (act !== "translated") return this.pair;
    const all = this.pair.clauses ?? [];
    const marked = all.filter(({ key }) => (body.clauses as string[] | undefined)?.includes(key) ?? true);
    this.pair = {
      ...this.pair,
      clauses: all.map((each) => (marked.includes(each) ? { ...each, status: "translated" } : each)),
    };
    const counterpart_version = body.counterpart_version ?? 0;
    return { document, version: body.version ?? version, counterpart_version, clauses: marked.map(({ key }) => key) };
  }
}

/** Answer a call about a document as the service does: the token names the user. */
export async function answered(document: FakeDocument, path: string, init: RequestInit | undefined): Promise<Response> {
  const user = new Headers(init?.headers).get("Authorization")?.replace("Bearer ", "") ?? "";
  try {
    const body = init?.body ? (JSON.parse(String(init.body)) as JsonObject) : {};
    return Response.json(document.call(init?.method ?? "GET", path, user, body));
  } catch (wrong) {
    if (!(wrong instanceof Refused)) throw wrong;
    return Response.json({ error_code: wrong.code, message: wrong.message }, { status: wrong.status });
  }
}
