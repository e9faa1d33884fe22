import type { WebSocketConstructor, WebSocketLike } from "../client/options.js";
import type { HubMessage, TabMessage } from "./messages.js";

/** The way from a tab to the hub. `lost` is set by the tab: the hub is another one now. */
export interface TabLink {
  post(message: TabMessage): void;
  lost: () => void;
}

/** The sockets of a tab: each is a lane of the hub. */
export class TabSockets {
  readonly WebSocket: WebSocketConstructor;
  private readonly lanes = new Map<string, SharedSocket>();
  private readonly lock = `dossier-realtime-tab-${crypto.randomUUID()}`;
  private readonly link: TabLink;
  private count = 0;

  constructor(connect: (hear: (message: HubMessage) => void) => TabLink) {
    const link = connect((message) => this.lanes.get(message.lane)?.heard(message));
    // Before anything is said: the hub asks for this lock, and would have it at once.
    const held = holdForLife(this.lock);
    this.link = {
      post: held ? (message) => void held.then(() => link.post(message)) : (message) => link.post(message),
      lost: () => {},
    };
    link.lost = () => {
      for (const lane of [...this.lanes.values()]) lane.over(1006, "");
    };
    const tab = this;
    this.WebSocket = class extends SharedSocket {
      constructor(url: string) {
        const lane = `${tab.lock}.${++tab.count}`;
        super((message) => tab.link.post({ lane, ...message } as TabMessage), () => tab.lanes.delete(lane));
        tab.lanes.set(lane, this);
        tab.link.post({ lane, open: url, lock: tab.lock });
      }
    };
    // A page that is put aside, or gone, needs no connection; one that comes back makes a new lane.
    globalThis.addEventListener?.("pagehide", () => {
      for (const lane of [...this.lanes.values()]) lane.breakOff();
    });
  }
}

/** A WebSocket whose other end is the hub. */
class SharedSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  private ended = false;
  private isOpen = false;

  constructor(
    private readonly post: (message: { frame: string } | { close: number }) => void,
    private readonly left: () => void,
  ) {}

  send(frame: string): void {
    if (!this.ended) this.post({ frame });
  }

  close(code = 1000): void {
    if (this.ended) return;
    this.post({ close: code });
    this.over(code, "");
  }

  breakOff(): void {
    if (this.ended) return;
    this.post({ close: 1001 });
    this.over(1006, "");
  }

  heard(message: HubMessage): void {
    if ("opened" in message) {
      if (!this.isOpen) this.onopen?.({} as never); // a lane that moves to another connection is open already
      this.isOpen = true;
    } else if ("frame" in message) this.onmessage?.({ data: message.frame } as never);
    else this.over(message.closed, message.reason);
  }

  over(code: number, reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.left();
    // As a socket does it: after the call that closes it.
    queueMicrotask(() => this.onclose?.({ code, reason } as never));
  }
}

/** Hold a lock until the tab is gone; settles when it is held. Undefined where there are no locks. */
function holdForLife(name: string): Promise<void> | undefined {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  if (!locks) return undefined;
  return new Promise((held) => {
    void locks.request(name, () => {
      held();
      return new Promise(() => {});
    });
  });
}
