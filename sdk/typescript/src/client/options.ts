import type { Backoff } from "./backoff.js";
import type { Clock } from "./clock.js";

/** Where the service of the contract is. */
export const CONTRACT_URL = "wss://realtime.intl-dossier.gastat.gov.sa/v1";

/** A token, or a function that brings a fresh one: asked for every connection, and before a token expires. */
export type TokenSource = string | (() => string | Promise<string>);

/** The part of a WebSocket that the client uses: that of browsers, of Node 22, and of the package `ws`. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(frame: string): void;
  close(code?: number, reason?: string): void;
}

/** A WebSocket as a client makes it: the global one, or that of the package `ws`. */
export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** The options of a client, beside the contract's form with a token alone. */
export interface ClientOptions {
  token: TokenSource;
  /** The address of the service, which ends in `/v1`. By default that of the contract. */
  url?: string;
  /** Another WebSocket than the global one: that of the package `ws` on Node 20, or one that all tabs share. */
  WebSocket?: WebSocketConstructor;
  /** Another `fetch` than the global one, for all HTTP calls. */
  fetch?: typeof fetch;
  /** Connect at once; true by default. Else call `connect`. */
  autoConnect?: boolean;
  /** Milliseconds for a token and for a socket; 10,000 by default. */
  connectTimeout?: number;
  /** Milliseconds after which a send without an answer fails; 120,000 by default. */
  sendTimeout?: number;
  /** Another back-off than 0.5 to 30 s. */
  backoff?: Backoff;
  /** Time, timers and chance, for tests. */
  clock?: Clock;
}

/** Check the address as the SDK promises: `wss:`, or `ws:` to this machine. Throws RangeError. */
export function checkUrl(url: string): void {
  const { protocol, hostname, username, password } = new URL(url);
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|.+\.localhost)$/.test(hostname);
  if (protocol !== "wss:" && !(protocol === "ws:" && local)) {
    throw new RangeError(`${url} is not safe: use wss://, or ws:// on your own machine alone`);
  }
  if (username || password || /\s/.test(url)) {
    throw new RangeError("The address holds a user, a password or a blank; give the address alone");
  }
}
