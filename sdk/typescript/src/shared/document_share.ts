import type { Lane, LaneChannel } from "./lane.js";
import type { Frame } from "./messages.js";

const REFRESH = 1_500; // ms after an edit of one tab until the other tabs ask for it
const SPACING = 1_000; // ms at least between two such questions
const RETRY = 15_000; // ms until a refused question is asked again, where the service names no delay

/**
 * One document that several tabs have open. The service sends an edit to all connections but its author's, and the
 * author's other tabs share that one: they get what they miss by a subscription from the version that they have. An
 * acknowledgement waits until its tab has all versions before it, as on a connection of its own.
 */
export class DocumentShare {
  private epoch: unknown;
  private latest = 0; // the last version that the connection heard of, in whatever way
  private asking = false;
  private notBefore = -Infinity;
  private timer: unknown;

  constructor(
    private readonly channel: string,
    private readonly lanes: () => Lane[],
    /** Subscribe from a place, for the tabs that are behind. */
    private readonly subscribe: (since: { version: number; epoch: unknown }) => void,
  ) {}

  /** A tab got the content, or its place. */
  subscribed(kept: LaneChannel, document: { version?: number; epoch?: unknown } | undefined, recovered: boolean): void {
    if (document?.epoch !== undefined && document.epoch !== this.epoch) {
      this.epoch = document.epoch;
      this.latest = 0; // the versions of another history say nothing of this one
    }
    kept.version = recovered ? kept.since : document?.version;
    kept.acks = [];
    this.latest = Math.max(this.latest, kept.version ?? 0, document?.version ?? 0);
    if ((kept.version ?? 0) < this.latest) this.later(SPACING); // what the tab missed comes by itself, or is asked for
  }

  /** The answer to a question of the hub itself; the versions that were missed follow, unless it was refused. */
  answered(frame: Frame): void {
    this.asking = false;
    if (frame.type !== "subscribed") {
      const wait = Number(frame.retry_after) * 1000 || RETRY;
      this.notBefore = Date.now() + wait;
      return this.later(wait);
    }
    if (frame.recovered === true) return;
    // What the tabs have cannot be gone on from: each asks for the content, on a new lane.
    for (const lane of this.lanes()) lane.closed(1012, "the document was loaded anew");
  }

  /** An edit of another connection, or one that is told again. */
  remote(frame: Frame, version: number): void {
    this.latest = Math.max(this.latest, version);
    for (const lane of this.lanes()) {
      const kept = lane.channels.get(this.channel)!;
      if (kept.version === undefined) lane.deliver(frame);
      else if (version === kept.version + 1) {
        kept.version = version;
        lane.deliver(frame);
        this.acknowledge(lane, kept);
      } else if (version > kept.version) this.ask();
    }
  }

  /** An edit of a tab was committed as `version`, or had nothing left to do at it. */
  acked(lane: Lane, kept: LaneChannel, ack: Frame, version: number): void {
    // What the connection did not hear of before is the tab's own; all before it the tab must have first.
    const before = version > this.latest ? this.latest : version;
    this.latest = Math.max(this.latest, version);
    kept.acks.push({ ack, before, version });
    this.acknowledge(lane, kept);
    if (kept.acks.length) this.ask();
    else if (this.lanes().length > 1) this.later(REFRESH);
  }

  stop(): void {
    clearTimeout(this.timer as number);
  }

  private acknowledge(lane: Lane, kept: LaneChannel): void {
    for (let first = kept.acks[0]; first && (kept.version ?? Infinity) >= first.before; first = kept.acks[0]) {
      kept.acks.shift();
      kept.version = Math.max(kept.version ?? 0, first.version);
      lane.deliver(first.ack);
    }
  }

  private ask(): void {
    if (this.asking) return;
    const wait = this.notBefore - Date.now();
    if (wait > 0) return this.later(wait);
    clearTimeout(this.timer as number);
    this.timer = undefined;
    const versions = this.lanes().map((lane) => lane.channels.get(this.channel)?.version);
    const behind = versions.filter((version) => version !== undefined && version < this.latest) as number[];
    if (!behind.length) return;
    this.asking = true;
    this.notBefore = Date.now() + SPACING;
    this.subscribe({ version: Math.min(...behind), epoch: this.epoch });
  }

  private later(milliseconds: number): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.ask();
    }, milliseconds);
  }
}
