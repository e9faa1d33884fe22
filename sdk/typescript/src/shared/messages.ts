/** What a tab and the hub say to each other. A tab has one lane for each of its sockets. */

/** Tab to hub. `lock`: the tab holds it as long as it lives. */
export type TabMessage =
  | { readonly lane: string; readonly open: string; readonly lock: string }
  | { readonly lane: string; readonly frame: string }
  | { readonly lane: string; readonly close: number };

/** Hub to tab. */
export type HubMessage =
  | { readonly lane: string; readonly opened: true }
  | { readonly lane: string; readonly frame: string }
  | { readonly lane: string; readonly closed: number; readonly reason: string };

/** A frame, of either direction, as the hub looks at it. */
export interface Frame {
  readonly type: string;
  readonly ref?: string;
  readonly channel?: string;
  readonly params?: Record<string, unknown>;
  readonly payload?: Record<string, unknown>;
  readonly [more: string]: unknown;
}

/** The user and the end (Unix seconds) of a token, as it says itself; the service alone judges it. */
export function claimsOf(token: string): { user: string; end: number } {
  try {
    const middle = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    const claims = JSON.parse(atob(middle)) as { sub?: unknown; exp?: unknown };
    if (typeof claims.sub === "string") return { user: claims.sub, end: Number(claims.exp) || 0 };
  } catch {
    // Not a JWT: it is shared among tabs that have the very same.
  }
  return { user: `token ${token}`, end: 0 };
}
