/** The comments of a document as its editor knows them: each at its place in the server's text, moved along. */
import type { DocumentCommentPayload } from "../../protocol.js";
import { movedAnchor, type TextAnchor } from "../ot/anchors.js";
import { DoesNotFit, type Operation } from "../ot/operations.js";

const RECENT = 1000; // operations kept: a comment that comes may be of a version that many ago

interface Known {
  readonly comment: DocumentCommentPayload;
  anchor: TextAnchor;
  /** The version that the anchor is of. */
  at: number;
  /** The number of the event that told of it last. */
  toldAt: number;
}

/** The comments of one document. `isBehind`: they must be read anew. */
export class CommentStates {
  isBehind = true;
  /** The number of events so far, to be read before the list is asked for. */
  mark = 0;
  /** How often the text was loaded: a list that was asked for before is of another text. */
  resets = 0;
  private head = 0;
  private readonly comments = new Map<string, Known>();
  private readonly removed = new Set<string>();
  private recent: { version: number; operation: Operation }[] = [];

  /** Forget the places: the text was loaded anew, and the way there is not known. */
  reset(): void {
    this.isBehind = true;
    this.resets += 1;
    this.recent = [];
    this.comments.clear();
    this.head = 0;
  }

  /** Move the comments past what the server committed as `version`. */
  move(operation: Operation, version: number): void {
    if (version === this.head) {
      return; // an answer that came twice
    }
    this.recent.push({ version, operation });
    if (this.recent.length > RECENT) {
      this.recent.shift();
    }
    this.head = version;
    for (const known of this.comments.values()) {
      if (known.at < version) {
        known.anchor = movedAnchor(known.anchor, operation, known.comment.quote);
        known.at = version;
      }
    }
  }

  /** Take a comment from an event; false for one that is older than what is known. */
  tell(said: DocumentCommentPayload): boolean {
    this.mark += 1;
    const isNews = this.put(said);
    const known = this.comments.get(said.id);
    if (known) {
      known.toldAt = this.mark;
    }
    return isNews;
  }

  /** Take the whole list, asked for at `mark`: what is not in it, and no event told since, was removed. */
  load(listed: readonly DocumentCommentPayload[], mark: number): void {
    this.isBehind = false;
    const there = new Set(listed.map((row) => row.id as string));
    for (const [id, { toldAt }] of this.comments) {
      if (!there.has(id) && toldAt <= mark) {
        this.comments.delete(id);
      }
    }
    listed.forEach((row) => this.put(row));
  }

  /** Return the comments on the text with the user's unconfirmed edits, from its beginning to its end. */
  shown(unconfirmed: Operation): DocumentCommentPayload[] {
    const rows: DocumentCommentPayload[] = [];
    for (const { comment, anchor, at } of this.comments.values()) {
      try {
        rows.push({ ...comment, ...movedAnchor(anchor, unconfirmed, comment.quote), version: Math.max(at, this.head) });
      } catch (wrong) {
        unlessEarly(wrong);
      }
    }
    const key = (row: DocumentCommentPayload): number[] => [row.start, row.end, row.timestamp];
    return rows.sort((one, other) => {
      const differing = key(one).map((value, at) => value - key(other)[at]!).find(Boolean);
      return differing ?? (one.id < other.id ? -1 : 1);
    });
  }

  private put(said: DocumentCommentPayload): boolean {
    const known = this.comments.get(said.id);
    if (this.removed.has(said.id) || (known && !isNewer(said, known.comment))) {
      return false;
    }
    if (said.status === "removed") {
      this.removed.add(said.id);
      this.comments.delete(said.id);
      return true;
    }
    let anchor: TextAnchor = { start: said.start, end: said.end, orphaned: said.orphaned ?? false };
    let at = said.version;
    const later = this.recent.filter(({ version }) => version > at);
    if (later.length && this.recent.length === RECENT && at < this.recent[0]!.version - 1) {
      this.isBehind = true;
    }
    try {
      for (const { version, operation } of later) {
        anchor = movedAnchor(anchor, operation, said.quote);
        at = version;
      }
    } catch (wrong) {
      unlessEarly(wrong);
      this.isBehind = true;
      return false;
    }
    this.comments.set(said.id, { comment: said, anchor, at, toldAt: known?.toldAt ?? 0 });
    return true;
  }
}

/** The same thread at a later version is news: its place is the one that the service gives it there. */
function isNewer(said: DocumentCommentPayload, known: DocumentCommentPayload): boolean {
  return said.revision > known.revision || (said.revision === known.revision && said.version > known.version);
}

/** A place beyond the text is one of a version that is still to come. */
function unlessEarly(wrong: unknown): void {
  if (!(wrong instanceof DoesNotFit)) {
    throw wrong;
  }
}
