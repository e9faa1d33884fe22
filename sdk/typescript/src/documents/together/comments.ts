/** The comments and suggestions of a document that is open. */
import type { RealtimeConnection } from "../../client/interface.js";
import { NotSubscribed } from "../../errors.js";
import type { CommentPage, DocumentCommentPayload } from "../../protocol.js";
import { newId } from "../edits.js";
import { Listeners } from "../listeners.js";
import { transformCursor } from "../ot/cursor.js";
import { invert } from "../ot/document.js";
import type { Pending } from "../ot/pending.js";
import { CommentStates } from "./comment_states.js";

/** A comment with its replies; with a `replacement` it is a suggestion. Positions count UTF-16 code units. */
export type DocumentComment = DocumentCommentPayload;

/**
 * The comments of a document, as `document.comments` has them.
 *
 *     await document.comments.load();
 *     await document.comments.add(0, 5, "Which one?");
 *     for (const comment of document.comments.all()) console.log(comment.quote, comment.text);
 *
 * `all()` has each at its place in `document.text`, moved along with every edit; `orphaned` ones are where their text was.
 * Every call rejects with CallRefused where the service refuses it (`status` 409: the text was changed meanwhile), and with
 * ConnectFailed.
 */
export class DocumentComments {
  private readonly states = new CommentStates();
  private readonly listeners: Listeners<readonly DocumentComment[]>;
  private readonly ends: (() => void)[];
  private readonly path: string;
  private readonly accepting = new Set<string>(); // the suggestions that were accepted here
  private pending: Pending | undefined;
  private epoch = "";
  private isFollowed = false;
  private isClosed = false;
  private asked = 0; // loads
  private answered = 0; // up to which of them the list was read
  private turn: Promise<void> = Promise.resolve();

  /** Use `document.comments`. */
  constructor(
    private readonly client: RealtimeConnection,
    channel: string,
    private readonly failed: (error: Error) => void,
  ) {
    this.path = `/v1/documents/${encodeURIComponent(channel.slice("document:".length))}/comments`;
    this.listeners = new Listeners(channel);
    this.ends = [
      client.on("document_comment", (message) => {
        if (message.channel === channel && this.states.tell(message.payload)) {
          this.changed();
        }
      }),
      client.on("subscribed", (message) => {
        if (message.channel === channel) {
          this.states.isBehind = true; // events may have been missed
          this.changed();
        }
      }),
    ];
  }

  /** Return the comments and suggestions in the order of the text; none before `load`. */
  all(): readonly DocumentComment[] {
    return this.isFollowed && this.pending ? this.states.shown(this.pending.unconfirmed) : [];
  }

  /** Return whether an edit is a suggestion that was accepted here. Not for users of the SDK. */
  isAccepted(opId: string): boolean {
    return [...this.accepting].some((id) => opId.startsWith(`accept-${id}-`));
  }

  /** Call `listener` with all comments when one is new, changed or removed. Returns the function that ends it. */
  onChange(listener: (comments: readonly DocumentComment[]) => void): () => void {
    return this.listeners.add(listener);
  }

  /** Read the comments; from then on they are kept up to date, over all reconnects. Settles with `all()`. */
  async load(): Promise<readonly DocumentComment[]> {
    const mine = ++this.asked;
    // One after the other: of two answers the later one must be the newer one.
    const run = this.turn.then(() => (this.answered < mine ? this.read() : undefined));
    this.turn = run.catch(() => undefined);
    await run;
    return this.all();
  }

  /**
   * Comment on the text from `start` to `end`.
   *
   * @throws NotSubscribed before `ready`, and RangeError where that text is not saved yet: await `waitSynced` first.
   */
  add(start: number, end: number, text: string): Promise<DocumentComment> {
    return this.make(start, end, { text });
  }

  /** Suggest a replacement for the text from `start` to `end`, and say why. Throws as `add`. */
  suggest(start: number, end: number, replacement: string, text?: string): Promise<DocumentComment> {
    return this.make(start, end, text === undefined ? { replacement } : { replacement, text });
  }

  /** Reply to a comment. */
  reply(commentId: string, text: string): Promise<DocumentComment> {
    return this.act("POST", `/${commentId}/replies`, { text }, newId());
  }

  /** Resolve a comment. */
  resolve(commentId: string): Promise<DocumentComment> {
    return this.act("POST", `/${commentId}/resolve`);
  }

  /** Open a comment that was resolved, or a suggestion that was rejected, again. */
  reopen(commentId: string): Promise<DocumentComment> {
    return this.act("POST", `/${commentId}/reopen`);
  }

  /** Accept a suggestion: it becomes text, by an edit of this user, which `undo` takes back. */
  accept(commentId: string): Promise<DocumentComment> {
    this.accepting.add(commentId); // before: the edit may come before the answer
    return this.act("POST", `/${commentId}/accept`);
  }

  /** Reject a suggestion. */
  reject(commentId: string): Promise<DocumentComment> {
    return this.act("POST", `/${commentId}/reject`);
  }

  /** Remove a comment with its replies: the user's own, or any with `admin` on the document. */
  remove(commentId: string): Promise<DocumentComment> {
    return this.act("DELETE", `/${commentId}`);
  }

  // --- of the document

  /** @internal The server's text went on by one operation. */
  moved({ committed, version }: Pending): void {
    this.states.move(committed, version);
  }

  /** @internal The text was loaded, for the first time or anew. */
  loaded(pending: Pending, epoch: string): void {
    this.pending = pending;
    this.epoch = epoch;
    this.states.reset();
  }

  /** @internal The document was closed: what was read stays as it is. */
  close(): void {
    this.isClosed = true;
    this.ends.forEach((end) => end());
  }

  private changed(): void {
    if (!this.isFollowed || this.isClosed) {
      return;
    }
    if (this.states.isBehind) {
      this.load().catch((error: Error) => this.isClosed || this.failed(error));
    } else {
      this.tell();
    }
  }

  /** Read the list for all loads that were asked for up to now; again, where the text is loaded anew meanwhile. */
  private async read(): Promise<void> {
    const { states, asked } = this;
    const { mark, resets } = states;
    const rows: DocumentComment[] = [];
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: CommentPage = await this.client.read<CommentPage>(`${this.path}?after=${after}`);
      rows.push(...page.comments);
      after = page.next;
    }
    if (states.resets !== resets) {
      return this.read(); // these places may be of a text before that
    }
    this.answered = asked;
    this.isFollowed = true;
    states.load(rows, mark);
    this.tell();
  }

  private tell(): void {
    if (!this.listeners.isEmpty) {
      this.listeners.tell(this.all());
    }
  }

  private make(start: number, end: number, said: { text?: string; replacement?: string }): Promise<DocumentComment> {
    const { pending, epoch } = this;
    if (!pending) {
      throw new NotSubscribed("The document has not come yet; await ready() before you comment on it");
    }
    // A place of the text with local edits, as a place of the server's text.
    const selection = { position: start, selectionLength: end - start };
    const place = transformCursor(selection, invert(pending.unconfirmed, pending.server));
    if (end < start || place.selectionLength !== end - start) {
      throw new RangeError("The text is not saved yet, or is no text; await waitSynced() before you comment on it");
    }
    const body = { start: place.position, end: place.position + place.selectionLength, version: pending.version, ...said };
    return this.act("POST", "", epoch ? { ...body, epoch } : body, newId());
  }

  private async act(method: "POST" | "DELETE", path: string, body?: object, key?: string): Promise<DocumentComment> {
    const sent = method === "POST" ? (body ?? {}) : undefined; // a POST has a body
    const told = await this.client.call<DocumentComment>(method, this.path + path, sent, key);
    if (this.isFollowed && this.states.tell(told)) {
      this.tell();
    }
    return told;
  }
}
