// A server that sends one channel's events as each client expects them: `node server.mjs EVENTS`. It prints its port.
import { WebSocketServer } from "ws";

const events = Number(process.argv[2]);
const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => console.log(server.address().port));

function payload(number) {
  return {
    entity_type: "country",
    entity_id: "SA",
    operation: "update",
    fields_changed: ["cooperation_areas", `field_${number % 50}`],
    updated_by: { user_id: `u-${number % 40}`, name: "نورة القحطاني" },
    timestamp: 1_800_000_000 + number,
  };
}

const LIMITS = { general: 100, edit: 600, cursor: 600, ping: 120, window: 60, bytes: 16_777_216 };
const DIALECTS = {
  ours(message) {
    if (message.type === "auth") {
      return [{
        type: "auth_success",
        ...(message.ref === undefined ? {} : { ref: message.ref }),
        payload: {
          session_id: "s-1", user_id: "u-1", permissions: ["read:dossier:*"], expires_at: 4_000_000_000,
          heartbeat_interval: 30, limits: LIMITS, text_unit: "utf-16",
        },
      }];
    }
    if (message.type !== "subscribe") return [];
    const answer = {
      type: "subscribed", channel: message.channel, position: { epoch: "e", offset: 0 },
      ...(message.ref === undefined ? {} : { ref: message.ref }),
    };
    return [answer, ...each((number) => (
      { type: "dossier_update", channel: message.channel, payload: payload(number), offset: number + 1 }
    ))];
  },
  centrifuge(message) {
    if (message.connect) return [{ id: message.id, connect: { client: "c-1", version: "0", ping: 25, pong: true } }];
    if (!message.subscribe) return [];
    const channel = message.subscribe.channel;
    const answer = { id: message.id, subscribe: { recoverable: true, epoch: "e", offset: 0, positioned: true } };
    return [answer, ...each((number) => ({ push: { channel, pub: { data: payload(number), offset: number + 1 } } }))];
  },
};

function* each(make) {
  for (let number = 0; number < events; number += 1) yield make(number);
}

server.on("connection", (socket, request) => {
  const name = new URL(request.url, "ws://localhost").pathname.slice(1);
  if (name === "socket.io/") {
    socket.send('0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}');
    socket.on("message", (data) => {
      const text = String(data);
      if (text === "40") socket.send('40{"sid":"s-1"}');
      if (text.startsWith("42")) for (const event of each(payload)) socket.send(`42${JSON.stringify(["update", event])}`);
    });
    return;
  }
  const answer = DIALECTS[name.split("/")[0]];
  socket.on("message", (data) => {
    for (const line of String(data).split("\n")) {
      for (const message of answer(JSON.parse(line))) socket.send(JSON.stringify(message));
    }
  });
});
