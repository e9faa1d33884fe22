import type { WebSocketConstructor } from "../client/options.js";
import { Hub } from "./hub.js";
import type { HubMessage, TabMessage } from "./messages.js";
import type { TabLink } from "./socket.js";

type Said = { readonly tab: TabMessage } | { readonly hub: HubMessage } | { readonly leads: string } | { readonly asks: true };

/**
 * One tab of all has the connection, for all: the one that holds a lock. When it is closed, the next has the lock, and
 * the sockets of the others are over: they come back through it.
 */
export function leaderLink(name: string, Socket: WebSocketConstructor, hear: (message: HubMessage) => void): TabLink {
  const radio = new BroadcastChannel(name);
  let hub: Hub | undefined;
  const me = crypto.randomUUID();
  let led: string | undefined; // the leader that is known
  let outbox: TabMessage[] = [];
  const link: TabLink = {
    post(message) {
      if (hub) hub.receive(message, hear);
      else if (led) radio.postMessage({ tab: message } satisfies Said);
      else outbox.push(message);
    },
    lost: () => {},
  };
  const flush = (): void => {
    const waiting = outbox;
    outbox = [];
    for (const message of waiting) link.post(message);
  };
  radio.onmessage = ({ data }: MessageEvent<Said>) => {
    if ("tab" in data) hub?.receive(data.tab, (message) => radio.postMessage({ hub: message } satisfies Said));
    else if ("hub" in data) hear(data.hub);
    else if ("asks" in data) {
      if (hub) radio.postMessage({ leads: me } satisfies Said);
    } else if (!hub && led !== data.leads) {
      const another = led !== undefined;
      led = data.leads;
      if (another) link.lost();
      flush();
    }
  };
  radio.postMessage({ asks: true } satisfies Said);
  void navigator.locks.request(name, () => {
    hub = new Hub(Socket);
    if (led) link.lost();
    led = me;
    radio.postMessage({ leads: me } satisfies Said);
    flush();
    return new Promise(() => {}); // held until the tab is gone
  });
  return link;
}
