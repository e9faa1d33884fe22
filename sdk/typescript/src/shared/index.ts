/** `@dossier/realtime/shared`: one connection for all tabs of a user. */
import type { WebSocketConstructor } from "../client/options.js";
import { leaderLink } from "./leader.js";
import type { HubMessage } from "./messages.js";
import { TabSockets } from "./socket.js";

/** How tabs share a connection. */
export interface SharedOptions {
  /**
   * The address of `shared-worker.js` of this package, as the page's own origin serves it. Without it, or where the
   * browser has no SharedWorker, one of the tabs has the connection for all.
   */
  worker?: string | URL;
  /** Pages of another name share nothing with these; the same in all tabs. */
  name?: string;
}

const tabs = new Map<string, TabSockets>();

/**
 * The WebSocket for the option `WebSocket` of a client, whose connection is that of all tabs.
 *
 *     new DossierRealtimeClient({ token, WebSocket: sharedWebSocket({ worker: "/shared-worker.js" }) })
 *
 * Tabs share a connection if their tokens name the same user; the rights of a shared connection are those of the token
 * in force, which a tab's next one follows in its last 90 s. Where a browser has neither a SharedWorker nor BroadcastChannel with locks, and outside of
 * browsers, it is the plain WebSocket.
 */
export function sharedWebSocket(options: SharedOptions = {}): WebSocketConstructor {
  const name = options.name ?? "dossier-realtime";
  const plain = globalThis.WebSocket as unknown as WebSocketConstructor;
  const known = tabs.get(name);
  if (known) return known.WebSocket;
  let made: TabSockets;
  if (options.worker !== undefined && typeof SharedWorker === "function") {
    const address = options.worker;
    made = new TabSockets((hear) => workerLink(address, name, hear));
  } else if (typeof BroadcastChannel === "function" && globalThis.navigator?.locks && typeof document === "object") {
    made = new TabSockets((hear) => leaderLink(name, plain, hear));
  } else return plain;
  tabs.set(name, made);
  return made.WebSocket;
}

function workerLink(address: string | URL, name: string, hear: (message: HubMessage) => void) {
  const { port } = new SharedWorker(address, { name });
  port.onmessage = ({ data }: MessageEvent<HubMessage>) => hear(data);
  return { post: (message: unknown) => port.postMessage(message), lost: () => {} };
}
