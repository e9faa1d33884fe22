// The guest of this tab: admission by a link's key, and the next token. A tab keeps its guest over a reload.
const KEPT = "guest";

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

/** Admit a guest; return null, or the error of the service. */
export async function admit(key) {
  const { status, body } = await post("/room/guests", { key });
  if (status !== 201) return body;
  sessionStorage.setItem(KEPT, JSON.stringify(body));
  return null;
}

/** Return the guest of this tab; null before an admission. */
export function guest() {
  const kept = sessionStorage.getItem(KEPT);
  return kept === null ? null : JSON.parse(kept);
}

/** Return a fresh access token. Where the service knows the guest no more, the last one, as long as it is good. */
export async function token() {
  const mine = guest();
  const { status, body } = await post("/room/tokens", { pass_key: mine.pass_key });
  if (status === 201) sessionStorage.setItem(KEPT, JSON.stringify({ ...mine, token: body.token }));
  return guest().token;
}

/** Return the address of a link for another guest; null where the service knows this guest no more. */
export async function link() {
  const { status, body } = await post("/room/links", { pass_key: guest().pass_key });
  return status === 201 ? `${location.origin}/#${body.key}` : null;
}

/** Call the service's HTTP interface as this guest; return status and body. */
export async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${guest().token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}
