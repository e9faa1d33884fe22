/** What the guest does in the room, as the others see it. */
import type { DossierRealtimeClient } from "../src/index.js";
import { NotSubscribed } from "../src/errors.js";

/** Announce what the guest does on a channel; nothing where the channel was refused, and nobody sees it. */
export function tellActivity(client: DossierRealtimeClient, channel: string, activity: "editing" | "viewing"): void {
  try {
    client.updatePresence(channel, { status: "online", activity });
  } catch (error) {
    if (!(error instanceof NotSubscribed)) throw error;
  }
}
