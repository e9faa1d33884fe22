// Compare our client with two others in one run: `node benchmarks/clients/beside.mjs [--rounds 7] [--events 10000]`.
// Each round runs every client once, in a process of its own, in another order; medians and ratios are of all rounds.
import { execFileSync, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({ options: { rounds: { type: "string", default: "7" }, events: { type: "string", default: "10000" } } });
const names = ["ours", "centrifuge", "socket.io"];
const found = Object.fromEntries(names.map((name) => [name, []]));

const server = spawn(process.execPath, [join(here, "server.mjs"), values.events], { stdio: ["ignore", "pipe", "inherit"] });
const port = await new Promise((done) => server.stdout.once("data", (data) => done(String(data).trim())));
try {
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length];
      const command = ["--expose-gc", join(here, "client.mjs"), name, port, values.events];
      found[name].push(JSON.parse(execFileSync(process.execPath, command, { timeout: 120_000 })));
    }
  }
} finally {
  server.kill();
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

console.log(`${values.events} events, median of ${values.rounds} rounds`);
for (const name of names) {
  const ratio = median(found[name].map((each, round) => each.us / found.ours[round].us));
  const us = median(found[name].map((each) => each.us));
  const heap = median(found[name].map((each) => each.heap));
  console.log(`${name.padEnd(12)} ${us.toFixed(1)} µs an event (× ${ratio.toFixed(2)}), heap +${(heap / 1024).toFixed(0)} KiB`);
}
