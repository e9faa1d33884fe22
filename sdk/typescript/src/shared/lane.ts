import type { Frame, HubMessage } from "./messages.js";

/** What a lane has subscribed: whether it wants presence and shows itself, and of a document what it has. */
export interface LaneChannel {
  presence: boolean;
  hidden: boolean;
  /** The version that its tab asked to go on from, until it is answered. */
  since: number | undefined;
  version: number | undefined;
  /** Acknowledgements that wait until the tab has the versions up to `before`. */
  acks: { readonly ack: Frame; readonly before: number; readonly version: number }[];
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

  /** Hand over what came as it is. */
  pass(frame: string): void {
    this.post({ lane: this.id, frame });
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
    this.deliver(frame);
  }
}
