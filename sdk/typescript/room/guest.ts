/** The guest of this tab: admission by a link's key, and the next token. A tab keeps its guest over a reload. */
import { AuthFailed } from "../src/errors.js";
import { claimsOf } from "../src/shared/messages.js";

const KEPT = "guest";

export interface Guest {
  readonly user_id: string;
  readonly name: string;
  readonly token: string;
  readonly pass_key: string;
}

/** The answer to a call: its status, and its body as the service sent it. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function request(method: string, path: string, headers: Record<string, string>, body?: object): Promise<Answer> {
  const init: RequestInit = { method, headers };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(path, init);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/**
 * Admit a guest by the key of a link; false where the key was used, is too old or unknown. Rejects where the service
 * cannot say now.
 */
export async function admit(key: string): Promise<boolean> {
  const { status, body } = await request("POST", "/room/guests", {}, { key });
  if (status === 429 || status >= 500) throw new Error(`The service admits nobody now (HTTP ${status})`);
  if (status === 201) sessionStorage.setItem(KEPT, JSON.stringify(body));
  return status === 201;
}

/** Return the guest of this tab; undefined before an admission. */
export function guest(): Guest | undefined {
  const kept = sessionStorage.getItem(KEPT);
  return kept === null ? undefined : (JSON.parse(kept) as Guest);
}

/**
 * Bring a fresh access token. Where the service knows the guest no more, it is the last one, as long as it is good; then
 * the guest is forgotten, and AuthFailed thrown. Any other answer is thrown as an error, after which a client asks again.
 */
export async function freshToken(): Promise<string> {
  const mine = guest();
  if (mine === undefined) throw new Error("Come in by a link first");
  const { status, body } = await request("POST", "/room/tokens", {}, { pass_key: mine.pass_key });
  if (status === 410) {
    if (claimsOf(mine.token).end * 1000 > Date.now()) return mine.token;
    sessionStorage.removeItem(KEPT);
    throw new AuthFailed("The service knows this guest no more; come in by a new link");
  }
  if (status !== 201) throw new Error(`The service gave no token (HTTP ${status})`);
  sessionStorage.setItem(KEPT, JSON.stringify({ ...mine, token: body.token }));
  return String(body.token);
}

/** Return the address of a link for another guest; undefined where the service knows this guest no more. */
export async function linkForAnother(): Promise<string | undefined> {
  const { status, body } = await request("POST", "/room/links", {}, { pass_key: guest()?.pass_key ?? "" });
  return status === 201 ? `${location.origin}/#${String(body.key)}` : undefined;
}

/** Call the HTTP interface of the service as this guest. */
export function call(method: string, path: string, body?: object): Promise<Answer> {
  return request(method, path, { Authorization: `Bearer ${guest()?.token ?? ""}` }, body);
}
