/** The worker that all tabs share: served by the page's own origin, named in `sharedWebSocket({ worker })`. */
import type { WebSocketConstructor } from "../client/options.js";
import { Hub } from "./hub.js";
import type { TabMessage } from "./messages.js";

const hub = new Hub(WebSocket as unknown as WebSocketConstructor);

(globalThis as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = (event) => {
  const port = event.ports[0]!;
  port.onmessage = ({ data }: MessageEvent<TabMessage>) => hub.receive(data, (message) => port.postMessage(message));
};
