import type { WebSocketConstructor } from "../client/options.js";
import { Lane } from "./lane.js";
import { claimsOf, type Frame, type HubMessage, type TabMessage } from "./messages.js";
import { Upstream } from "./upstream.js";

/** The connections that tabs share: one for each address and user. */
export class Hub {
  private readonly lanes = new Map<string, { lane: Lane; url: string; upstream: Upstream }>();
  private readonly upstreams = new Map<string, Set<Upstream>>();
  private count = 0;

  constructor(
    private readonly Socket: WebSocketConstructor,
    private readonly locks: LockManager | undefined = globalThis.navigator?.locks,
  ) {}

  /** Take what a tab says; `post` answers it. */
  receive(message: TabMessage, post: (message: HubMessage) => void): void {
    if ("open" in message) return this.open(message.lane, message.open, message.lock, post);
    const found = this.lanes.get(message.lane);
    if (!found) {
      if ("frame" in message) post({ lane: message.lane, closed: 1006, reason: "" });
      return;
    }
    if ("close" in message) {
      this.gone(message.lane);
      return found.upstream.suspect(message.close);
    }
    let frame: Frame;
    try {
      frame = JSON.parse(message.frame) as Frame;
    } catch {
      return;
    }
    if (frame.type === "auth") this.identify(found, claimsOf(String(frame.payload?.token)).user);
    found.upstream.said(found.lane, frame);
  }

  /** A lane is over: its tab closed it, or is gone. */
  gone(id: string): void {
    const found = this.lanes.get(id);
    this.lanes.delete(id);
    found?.upstream.leave(found.lane);
  }

  private open(id: string, url: string, lock: string, post: (message: HubMessage) => void): void {
    const lane = new Lane(id, ++this.count, (message) => {
      if ("closed" in message) this.lanes.delete(id);
      post(message);
    });
    const upstream = this.upstream(url, undefined);
    this.lanes.set(id, { lane, url, upstream });
    upstream.join(lane);
    // The tab holds this lock as long as it lives: whoever gets it knows that the tab is gone.
    void this.locks?.request(lock, () => this.gone(id));
  }

  /** Tabs of another user get another connection. */
  private identify(found: { lane: Lane; url: string; upstream: Upstream }, user: string): void {
    const { lane, url, upstream } = found;
    if (upstream.user === undefined || upstream.user === user) {
      upstream.user = user;
      return;
    }
    upstream.leave(lane);
    found.upstream = this.upstream(url, user);
    found.upstream.user = user;
    found.upstream.join(lane, false);
  }

  /** The connection of a user, or, for a tab that did not say yet whose it is, of anybody. */
  private upstream(url: string, user: string | undefined): Upstream {
    const those = this.upstreams.get(url) ?? new Set();
    this.upstreams.set(url, those);
    for (const upstream of those) if (user === undefined || upstream.user === user) return upstream;
    const made = new Upstream(url, this.Socket, (ended) => those.delete(ended));
    those.add(made);
    return made;
  }
}
