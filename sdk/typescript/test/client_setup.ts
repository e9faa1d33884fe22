/** A client and the server that it talks to, as the tests of the client use them. */
import { type ConnectionState, DossierRealtimeClient } from "../src/index.js";
import { FakeClock, FakeServer } from "../src/testing/index.js";

export const CHANNEL = "dossier:country:SA";
export const UPDATE = {
  type: "dossier_update",
  payload: { entity_type: "country", entity_id: "SA", operation: "update", fields_changed: ["name"] },
} as const;

export function setUp(options: { token?: string | (() => string | Promise<string>); sendTimeout?: number } = {}) {
  const server = new FakeServer();
  const clock = new FakeClock();
  const client = new DossierRealtimeClient({ token: "ali", clock, ...server.options, ...options });
  const states: ConnectionState[] = [client.state];
  client.onState((state) => states.push(state));
  const errors: Error[] = [];
  client.onError((error) => errors.push(error));
  return { server, clock, client, states, errors };
}
