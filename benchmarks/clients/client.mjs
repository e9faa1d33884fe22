// One client that receives EVENTS events: `node --expose-gc client.mjs NAME PORT EVENTS`. It prints its cost as JSON:
// `us`: microseconds of processor time an event, in this process; `heap`: bytes of the heap that stay, over all.
import { WebSocket } from "ws";

const [name, port, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const url = `ws://127.0.0.1:${port}`;
globalThis.WebSocket ??= WebSocket;

const begin = {
  async ours(received) {
    const { DossierRealtimeClient } = await import("../../sdk/typescript/dist/esm/index.js");
    const client = new DossierRealtimeClient({ url: `${url}/ours/v1`, token: "a.b.c", WebSocket });
    return () => client.subscribe("dossier:country:SA", { onMessage: received });
  },
  async centrifuge(received) {
    const { Centrifuge } = await import("centrifuge");
    const client = new Centrifuge(`${url}/centrifuge`, { websocket: WebSocket });
    client.connect();
    return () => {
      const subscription = client.newSubscription("dossier:country:SA");
      subscription.on("publication", (event) => received(event.data));
      subscription.subscribe();
    };
  },
  async "socket.io"(received) {
    const { io } = await import("socket.io-client");
    const client = io(url, { transports: ["websocket"] });
    client.on("update", received);
    await new Promise((done) => client.on("connect", done));
    return () => client.emit("subscribe");
  },
};

let seen = 0;
let all;
const finished = new Promise((done) => (all = done));
const start = await begin[name](() => {
  seen += 1;
  if (seen === count) all();
});
await new Promise((done) => setTimeout(done, 300)); // the connection stands: only events are measured
global.gc();
const heap = process.memoryUsage().heapUsed;
const before = process.cpuUsage();
start();
await finished;
const used = process.cpuUsage(before);
global.gc();
console.log(JSON.stringify({ us: (used.user + used.system) / count, heap: process.memoryUsage().heapUsed - heap }));
process.exit(0);
