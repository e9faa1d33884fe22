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
  async get<T>(path: string, wanted: () => void, isFile?: boolean): Promise<T> {
    const backoff = new Backoff(250, 5_000);
    for (;;) {
      wanted();
      let wait = 0;
      try {
        return await this.call<T>("GET", path, undefined, undefined, isFile);
      } catch (wrong) {
        const passing = wrong instanceof ConnectFailed || (wrong instanceof CallRefused && passes(wrong.status));
        if (!passing) throw wrong;
        wait = (wrong.retryAfter ?? 0) * 1000;
      }
      await new Promise<void>((done) => this.clock.setTimeout(done, wait + backoff.delay(this.clock.random())));
    }
  }

  /**
   * Make one call. Rejects with CallRefused, and with ConnectFailed where no answer came: it may have been carried out.
   *
   * The answer is what its JSON says; of a file (`isFile`), its bytes.
   */
  async call<T>(method: string, path: string, body?: object, key?: string, isFile?: boolean): Promise<T> {
    const ask = this.fetcher ?? globalThis.fetch;
    const headers: Record<string, string> = { Authorization: `Bearer ${await this.token()}` };
    if (body) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    const more = body ? { body: JSON.stringify(body) } : {};
    let answer: Response;
    let said: string | Uint8Array; // a refusal is JSON, also that of a file
    const late = new AbortController();
    const timer = this.clock.setTimeout(() => late.abort(new Error(`none within ${TIMEOUT / 1000} s`)), TIMEOUT);
    try {
      answer = await ask.call(globalThis, this.root + path, { method, headers, ...more, credentials: "omit", signal: late.signal });
      said = isFile && answer.ok ? new Uint8Array(await answer.arrayBuffer()) : await answer.text();
    } catch (wrong) {
      throw new ConnectFailed(`No answer from ${this.root}: ${wrong}`);
    } finally {
      this.clock.clearTimeout(timer);
    }
    if (typeof said !== "string") return said as T;
    if (answer.ok) return JSON.parse(said) as T;
    const { error_code: code = "INTERNAL_ERROR", message = `HTTP ${answer.status}`, version, oldest } = parsed(said);
    const after = Number(answer.headers.get("Retry-After")) || undefined;
    throw new CallRefused(answer.status, code, message, after, version, oldest);
  }
}

function passes(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

function parsed(text: string): { error_code?: ErrorCode; message?: string; version?: number; oldest?: number } {
  try {
    return (JSON.parse(text) as { error_code?: ErrorCode }) ?? {};
  } catch {
    return {};
  }
}
