import type { Frame, HubMessage } from "./messages.js";

/** What a lane has subscribed: whether it wants presence, and of a document the version that it has. */
export interface LaneChannel {
  presence: boolean;
  version: number | undefined;
}

/** One socket of one tab, as the hub sees it. */
export class Lane {
  readonly channels = new Map<string, LaneChannel>();
  authenticated = false;

  constructor(
    readonly id: string,
    /** Its number, which begins the refs of its messages. */
    readonly number: number,
    private readonly post: (message: HubMessage) => void,
  ) {}

  opened(): void {
    this.post({ lane: this.id, opened: true });
  }

  deliver(frame: Frame): void {
    this.post({ lane: this.id, frame: JSON.stringify(frame) });
  }

  closed(code: number, reason: string): void {
    this.post({ lane: this.id, closed: code, reason });
  }

  /** Hand over a frame that names no lane, where it concerns this one. */
  hear(frame: Frame, own: string): void {
    const { type, channel } = frame;
    if (!this.authenticated) return;
    if (channel === undefined) return this.deliver(frame);
    const kept = this.channels.get(channel);
    if (!kept) {
      if (channel === own) this.deliver(frame);
      return;
    }
    if (!kept.presence && (type.startsWith("presence_") || type === "lock_state")) return;
    if (type === "remote_operation") {
      // What was replayed for another tab, this one may have: its own edits among it.
      const version = frame.payload?.version as number;
      if (kept.version !== undefined && version <= kept.version) return;
      kept.version = version;
    }
    this.deliver(frame);
  }
}
