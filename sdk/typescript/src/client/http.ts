import { CallRefused, ConnectFailed } from "../errors.js";
import type { ErrorCode } from "../protocol.js";
import { Backoff } from "./backoff.js";
import type { Clock } from "./clock.js";

const TIMEOUT = 30_000; // ms for an answer and its body

/** The HTTP calls that a client makes with its own token. */
export class HttpCalls {
  private readonly root: string;

  constructor(
    url: string,
    private readonly token: () => Promise<string>,
    private readonly fetcher: typeof fetch | undefined,
    private readonly clock: Clock,
  ) {
    this.root = new URL(url.replace(/^ws/, "http")).origin;
  }

  /** GET a path, again while the service cannot be reached or asks to wait. Rejects with CallRefused. */
  async get<T>(path: string, wanted: () => void): Promise<T> {
    const backoff = new Backoff(250, 5_000);
    for (;;) {
      wanted();
      let wait = 0;
      try {
        return await this.call<T>("GET", path);
      } catch (wrong) {
        const passing = wrong instanceof ConnectFailed || (wrong instanceof CallRefused && passes(wrong.status));
        if (!passing) throw wrong;
        wait = (wrong.retryAfter ?? 0) * 1000;
      }
      await new Promise<void>((done) => this.clock.setTimeout(done, wait + backoff.delay(this.clock.random())));
    }
  }

  /** Make one call. Rejects with CallRefused, and with ConnectFailed where no answer came: it may have been carried out. */
  async call<T>(method: string, path: string, body?: object, key?: string): Promise<T> {
    const ask = this.fetcher ?? globalThis.fetch;
    const headers: Record<string, string> = { Authorization: `Bearer ${await this.token()}` };
    if (body) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    const more = body ? { body: JSON.stringify(body) } : {};
    let answer: Response;
    let text: string;
    const late = new AbortController();
    const timer = this.clock.setTimeout(() => late.abort(new Error(`none within ${TIMEOUT / 1000} s`)), TIMEOUT);
    try {
      answer = await ask.call(globalThis, this.root + path, { method, headers, ...more, credentials: "omit", signal: late.signal });
      text = await answer.text();
    } catch (wrong) {
      throw new ConnectFailed(`No answer from ${this.root}: ${wrong}`);
    } finally {
      this.clock.clearTimeout(timer);
    }
    if (answer.ok) return JSON.parse(text) as T;
    const said = parsed(text);
    const after = Number(answer.headers.get("Retry-After")) || undefined;
    throw new CallRefused(answer.status, said.error_code ?? "INTERNAL_ERROR", said.message ?? `HTTP ${answer.status}`, after);
  }
}

function passes(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

function parsed(text: string): { error_code?: ErrorCode; message?: string } {
  try {
    return (JSON.parse(text) as { error_code?: ErrorCode }) ?? {};
  } catch {
    return {};
  }
}
