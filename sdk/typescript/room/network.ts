/** A WebSocket whose line can be broken by a button: nothing arrives and nothing leaves until it is mended. */

type Handler = ((event: Event) => void) | null;

const broken = { until: 0 };
const lines = new Set<CuttableSocket>();

/** Break all lines for so many seconds; a connection that is tried meanwhile fails. */
export function breakNetwork(seconds: number): void {
  broken.until = Date.now() + seconds * 1000;
  for (const line of [...lines]) line.cut();
}

/** The part of a WebSocket that the SDK uses, over a real one. */
export class CuttableSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  onopen: Handler = null;
  onmessage: Handler = null;
  onerror: Handler = null;
  onclose: Handler = null;
  readonly url: string;
  readonly #inner: WebSocket | undefined;
  #cut = false;

  constructor(url: string | URL) {
    super();
    this.url = String(url);
    if (Date.now() < broken.until) {
      setTimeout(() => this.cut(), 50);
      return;
    }
    const inner = new WebSocket(url);
    this.#inner = inner;
    lines.add(this);
    inner.onopen = () => this.#tell(new Event("open"));
    inner.onmessage = (event) => this.#tell(new MessageEvent("message", { data: event.data }));
    inner.onclose = (event) => this.#end(event.code, event.reason, event.wasClean);
  }

  get readyState(): number {
    if (this.#cut) return CuttableSocket.CLOSED;
    return this.#inner?.readyState ?? CuttableSocket.CONNECTING;
  }

  get bufferedAmount(): number {
    return this.#inner?.bufferedAmount ?? 0;
  }

  send(data: string): void {
    if (!this.#cut) this.#inner?.send(data);
  }

  close(code?: number, reason?: string): void {
    if (!this.#cut) this.#inner?.close(code, reason);
  }

  /** End as a broken line does: without a farewell of either side. */
  cut(): void {
    if (this.#cut) return;
    const inner = this.#inner;
    if (inner !== undefined) {
      inner.onopen = inner.onmessage = inner.onclose = null;
      inner.close();
    }
    this.#end(1006, "", false);
  }

  #end(code: number, reason: string, wasClean: boolean): void {
    this.#cut = true;
    lines.delete(this);
    if (!wasClean) this.#tell(new Event("error"));
    this.#tell(new CloseEvent("close", { code, reason, wasClean }));
  }

  #tell(event: Event): void {
    const handlers = { open: this.onopen, message: this.onmessage, error: this.onerror, close: this.onclose };
    handlers[event.type as keyof typeof handlers]?.(event);
    this.dispatchEvent(event);
  }
}
