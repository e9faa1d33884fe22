/** A document as the service keeps it, in memory, and connections to it that may be late, lost and doubled. */
import type { Answer, DocumentHooks, RealtimeConnection, SubscribeHandlers, Subscription } from "../../src/index.js";
import { DeniedError } from "../../src/errors.js";
import { apply, documentOf, effective, formatOf, type TextDocument } from "../../src/documents/ot/document.js";
import { admit, type EditPayload, read, versions, written } from "../../src/documents/ot/flat.js";
import type { Operation } from "../../src/documents/ot/operations.js";
import { transform } from "../../src/documents/ot/transform.js";
import type { Chance } from "./chance.js";

type Loose = Record<string, any>;

/** Return the text with which the service refuses an id of an edit that its user gave to another one. */
export function idTaken(version: number): string {
  return `This op_id was given to another edit, version ${version}; make a new one (at $.payload.op_id)`;
}

export class DocumentService {
  document: TextDocument;
  epoch = "e1";
  start = 0;
  frozen = false;
  refuseNext: string | undefined;
  readonly log: Operation[] = [];
  readonly connections: FakeConnection[] = [];
  private readonly known = new Map<string, { body: string; version: number }>();

  constructor(content = "") {
    this.document = documentOf(content);
  }

  get version(): number {
    return this.start + this.log.length;
  }

  connect(userId: string, chance?: Chance): FakeConnection {
    const connection = new FakeConnection(this, userId, chance);
    this.connections.push(connection);
    return connection;
  }

  /** Go back to an earlier text, as a store that was restored from a backup. */
  restore(content: string, version: number): void {
    this.document = documentOf(content);
    this.start = version;
    this.log.length = 0;
    this.epoch += "+";
  }

  subscribe(place: { version: number; epoch?: string } | undefined): [Loose, Loose[]] {
    const isKnown = place && place.epoch === this.epoch && place.version >= this.start && place.version <= this.version;
    if (isKnown) {
      const missed = this.log.slice(place.version - this.start).map((operation, at) => this.message(operation, place.version + at + 1));
      return [{ recovered: true }, missed];
    }
    const { text: content } = this.document;
    const document = { version: this.version, content, format: formatOf(this.document), epoch: this.epoch, frozen: this.frozen };
    return [{ document, ...(place ? { recovered: false } : {}) }, []];
  }

  edit(payload: EditPayload, by: FakeConnection): number {
    const key = `${by.userId} ${payload.op_id}`;
    const body = JSON.stringify({ ...payload, epoch: undefined });
    const known = this.known.get(key);
    if (known?.body === body) {
      return known.version;
    }
    if (known) {
      throw new DeniedError("INVALID_MESSAGE_FORMAT", idTaken(known.version), "document:paper");
    }
    if (this.refuseNext || this.frozen) {
      const code = this.refuseNext ?? "PERMISSION_DENIED";
      this.refuseNext = undefined;
      throw new DeniedError(code as never, "refused", "document:paper");
    }
    if (payload.version < this.start || payload.version > this.version || (payload.epoch ?? this.epoch) !== this.epoch) {
      throw new DeniedError("VERSION_CONFLICT", "conflict", "document:paper");
    }
    const later = this.log.slice(payload.version - this.start);
    const length = later.length ? later[0]!.reduce((sum, one) => sum + (one.kind === "insert" ? 0 : one.length), 0) : this.document.text.length;
    let operation = read(payload, length, true);
    for (const committed of later) {
      operation = transform(committed, operation)[1];
    }
    admit(operation, this.document);
    for (const part of versions(effective(operation, this.document), payload.operation_type === "batch")) {
      this.document = apply(part, this.document);
      this.log.push(part);
      this.authors.push([by.userId, payload.op_id]);
      for (const other of this.connections) {
        if (other !== by) {
          other.receive(this.message(part, this.version, by.userId, payload.op_id));
        }
      }
    }
    this.known.set(key, { body, version: this.version });
    return this.version;
  }

  private readonly authors: [string, string][] = [];

  /** Return the user who made a version. */
  authorOf(version: number): string | undefined {
    return this.authors[version - this.start - 1]?.[0];
  }

  private message(operation: Operation, version: number, userId?: string, opId?: string): Loose {
    const [author, id] = this.authors[version - this.start - 1] ?? [userId, opId];
    const flats = written(operation);
    const said = flats.length > 1 ? { operation_type: "batch", operations: flats } : flats[0];
    return { type: "remote_operation", channel: "document:paper", payload: { ...said, version, user_id: author, user_name: author, op_id: id } };
  }
}

interface Asked {
  readonly payload: EditPayload;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  isSent: boolean;
}

export class FakeConnection implements RealtimeConnection {
  state = "authenticated" as const;
  isUp = true;
  isLossy = true; // with chance, an edit now and then reaches the service by the next connection alone
  cursors: Loose[] = [];
  private handlers: SubscribeHandlers = {};
  private hooks: DocumentHooks | undefined;
  private readonly heard = new Map<string, ((message: any) => void)[]>();
  private inbox: (() => void)[] = [];
  private asked: Asked[] = [];
  private status: Subscription["status"] = "live";

  constructor(
    private readonly service: DocumentService,
    readonly userId: string,
    private readonly chance: Chance | undefined,
  ) {}

  subscribe(channel: string, handlers: SubscribeHandlers, options?: { document?: DocumentHooks }): Subscription {
    this.handlers = handlers;
    this.hooks = options?.document;
    this.status = "live";
    this.reload();
    const connection = this;
    return {
      channel,
      position: undefined,
      get status() {
        return connection.status;
      },
      ready: () => Promise.resolve(),
      unsubscribe: () => {
        if (this.handlers !== handlers) {
          return; // a later subscription took its place
        }
        this.status = "ended";
        this.handlers = {};
        this.hooks = undefined;
      },
      reload: () => this.reload(),
    };
  }

  presence(): never {
    throw new Error("no presence here");
  }

  request(command: Loose): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = { payload: command.payload as EditPayload, resolve, reject, isSent: false };
      this.asked.push(asked);
      this.flush();
    });
  }

  post(command: Loose): boolean {
    if (this.isUp) {
      this.cursors.push(command.payload);
    }
    return this.isUp;
  }

  on(type: string, handler: (message: any) => void): () => void {
    this.heard.set(type, [...(this.heard.get(type) ?? []), handler]);
    return () => undefined;
  }

  read(): Promise<never> {
    return Promise.reject(new Error("no calls here"));
  }

  readBytes(): Promise<never> {
    return Promise.reject(new Error("no calls here"));
  }

  call(): Promise<never> {
    return Promise.reject(new Error("no calls here"));
  }

  onState(): () => void {
    return () => undefined;
  }

  // --- the wire

  receive(message: Loose): void {
    if (this.isUp) {
      this.inbox.push(() => this.deliver(message));
    }
  }

  /** Hand out what has come: all of it, or with chance only some. */
  step(): void {
    for (let count = this.chance ? this.chance.below(4) : this.inbox.length; count > 0; count--) {
      this.inbox.shift()?.();
    }
  }

  down(): void {
    this.isUp = false;
    this.inbox = [];
    this.hooks?.onLost();
  }

  up(): void {
    this.isUp = true;
    for (const asked of this.asked) {
      asked.isSent = false;
    }
    this.reload();
    this.flush();
  }

  get isIdle(): boolean {
    return this.inbox.length === 0;
  }

  deliver(message: Loose): void {
    for (const handler of this.heard.get(message.type) ?? []) {
      handler(message);
    }
    this.handlers.onMessage?.(message as never);
  }

  private reload(): void {
    if (!this.isUp) {
      return;
    }
    const [answer, missed] = this.service.subscribe(this.hooks?.place());
    this.inbox.push(() => this.hooks?.onSubscribed({ type: "subscribed", channel: "document:paper", ...answer } as never));
    missed.forEach((message) => this.receive(message));
  }

  private flush(): void {
    for (const asked of this.asked) {
      if (!this.isUp || asked.isSent) {
        continue;
      }
      asked.isSent = true;
      if (this.isLossy && this.chance && this.chance.below(8) === 0) {
        continue; // it reaches the server with the next connection
      }
      try {
        const version = this.service.edit(asked.payload, this);
        const ack = { type: "operation_ack", channel: "document:paper", payload: { version, op_id: asked.payload.op_id } };
        this.inbox.push(() => this.answered(asked, ack));
      } catch (error) {
        this.inbox.push(() => {
          this.asked = this.asked.filter((one) => one !== asked);
          asked.reject(error as Error);
        });
      }
    }
  }

  private answered(asked: Asked, ack: Loose): void {
    this.asked = this.asked.filter((one) => one !== asked);
    this.deliver(ack);
    asked.resolve(ack as Answer);
  }
}
