import type { WebSocketLike } from "../client/options.js";

/** A message as JSON. */
export type JsonObject = Record<string, any>;

/** The other end of a FakeSocket. */
export interface FakeEnd {
  /** A socket was made: `accept` it, or `hangUp`. */
  opened(socket: FakeSocket): void;
  /** The client sent a frame. */
  frame(socket: FakeSocket, frame: string): void;
  /** The client closed its socket. */
  closed(socket: FakeSocket, code: number): void;
}

/** A WebSocket without a network: its server is an object. What is sent arrives in order, a moment later. */
export class FakeSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  isOpen = false;
  private ended = false;
  private queue: Promise<void> = Promise.resolve();

  constructor(
    readonly url: string,
    private readonly end: FakeEnd,
  ) {
    this.later(() => end.opened(this));
  }

  // --- the client's half

  /** Send a frame to the server. */
  send(frame: string): void {
    if (!this.isOpen) throw new Error("The socket is not open");
    this.later(() => {
      if (!this.ended) this.end.frame(this, frame);
    });
  }

  /** Close from the client's side. */
  close(code = 1000): void {
    if (this.ended) return;
    this.isOpen = false;
    this.later(() => {
      if (this.ended) return;
      this.end.closed(this, code);
      this.over(code, "");
    });
  }

  // --- the server's half

  /** Accept the connection. */
  accept(): void {
    if (this.ended) return;
    this.isOpen = true;
    this.onopen?.({} as never);
  }

  /** Hand the client a frame: an object as JSON, a text as it is. */
  deliver(frame: object | string): void {
    const data = typeof frame === "string" ? frame : JSON.stringify(frame);
    this.later(() => {
      if (this.isOpen) this.onmessage?.({ data } as never);
    });
  }

  /** Close from the server's side; before `accept` this refuses the handshake. */
  hangUp(code: number, reason = ""): void {
    this.later(() => this.over(code, reason));
  }

  private over(code: number, reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.isOpen = false;
    this.onclose?.({ code, reason } as never);
  }

  private later(act: () => void): void {
    this.queue = this.queue.then(act);
  }
}
