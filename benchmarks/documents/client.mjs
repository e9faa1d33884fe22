// People who write in one document of one of three services, over raw sockets; the same program for all.
//
//     node client.mjs '{"kind": "dossier", "port": 8000, "token": "…", "document": "d1", "writers": 20, "seconds": 5, "pace": 0}'
//
// `pace`: 0 has each writer keep one insert under way; else each types so many letters a second, evenly spread between
// half and one and a half of it; what it types while an insert is under way goes into the next one, as the clients of
// such services do it. Every insert is at the head of the text, so that no client has to know what the text is.
// Prints one line of JSON; latencies in ms, bytes as the sockets counted them.
import http from "node:http";
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import WebSocket from "ws";
import * as Y from "yjs";

const asked = JSON.parse(process.argv[2]);
const { kind, port, token, document, writers, seconds, pace } = asked;
const COLLECTION = "texts";
const TEXT_TYPE = "http://sharejs.org/types/text-unicode";

const opened = (url) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });

// Each of the three: `join` connects and has the document's text; `insert` sends one letter; `onAck`, `onOther` are set
// by who writes.
class Dossier {
  async join() {
    this.socket = await opened(`ws://127.0.0.1:${port}/v1`);
    this.channel = `document:${document}`;
    this.prefix = `w${process.pid}${Math.random().toString(36).slice(2)}`;
    this.number = 0;
    this.socket.on("message", (data) => this.take(JSON.parse(data)));
    await this.asked({ type: "auth", payload: { token } }, "connection_state");
    const before = this.socket._socket.bytesRead;
    const began = performance.now();
    const answer = await this.asked({ type: "subscribe", channel: this.channel }, "subscribed");
    this.version = answer.document.version;
    return { ms: performance.now() - began, bytes: this.socket._socket.bytesRead - before };
  }
  asked(message, type) {
    return new Promise((resolve) => {
      this.waiting = { type, resolve };
      this.socket.send(JSON.stringify(message));
    });
  }
  take(message) {
    if (this.waiting?.type === message.type) {
      const { resolve } = this.waiting;
      this.waiting = null;
      resolve(message);
    } else if (message.type === "remote_operation") {
      this.version = message.payload.version;
      this.onOther?.();
    } else if (message.type === "operation_ack") {
      this.version = message.payload.version;
      this.onAck?.();
    } else if (message.type === "error") {
      throw new Error(JSON.stringify(message));
    }
  }
  insert(text) {
    const payload = { operation_type: "insert", position: 0, content: text, version: this.version };
    payload.op_id = `${this.prefix}-${this.number++}`;
    this.socket.send(JSON.stringify({ type: "edit_operation", channel: this.channel, payload }));
  }
  old(version) {
    const options = { port, host: "127.0.0.1", headers: { Authorization: `Bearer ${token}` } };
    const began = performance.now();
    return new Promise((resolve, reject) => {
      http
        .get({ ...options, path: `/v1/documents/${document}?version=${version}` }, (response) => {
          let bytes = 0;
          response.on("data", (piece) => (bytes += piece.length));
          response.on("end", () => resolve({ ms: performance.now() - began, bytes, status: response.statusCode }));
        })
        .on("error", reject);
    });
  }
}

class ShareDB {
  async join() {
    this.socket = await opened(`ws://127.0.0.1:${port}`);
    this.seq = 1;
    this.seen = new Set();
    this.socket.on("message", (data) => this.take(JSON.parse(data)));
    this.src = (await this.asked({ a: "hs", id: null }, "hs")).id;
    const before = this.socket._socket.bytesRead;
    const began = performance.now();
    let answer = await this.asked({ a: "s", c: COLLECTION, d: document }, "s");
    const figures = { ms: performance.now() - began, bytes: this.socket._socket.bytesRead - before };
    if (!answer.data?.type) {
      const create = { type: TEXT_TYPE, data: "" };
      await this.asked({ a: "op", c: COLLECTION, d: document, v: 0, seq: this.seq++, x: {}, create }, "op");
      answer = { data: { v: 1 } };
    }
    this.version = answer.data.v;
    return figures;
  }
  asked(message, type) {
    return new Promise((resolve) => {
      this.waiting = { type, resolve };
      this.socket.send(JSON.stringify(message));
    });
  }
  take(message) {
    if (message.error) throw new Error(JSON.stringify(message));
    if (this.waiting?.type === message.a) {
      const { resolve } = this.waiting;
      this.waiting = null;
      resolve(message);
    } else if (message.a === "op") {
      // To an operation against an old version it also answers with what was missed, which comes a second time.
      const known = this.seen.has(message.v);
      this.seen.add(message.v);
      this.version = Math.max(this.version, message.v + 1);
      if (message.src !== this.src) known || this.onOther?.();
      else if (!message.op) this.onAck?.();
    }
  }
  insert(text) {
    const op = { a: "op", c: COLLECTION, d: document, v: this.version, seq: this.seq++, x: {}, op: [text] };
    this.socket.send(JSON.stringify(op));
  }
  async old(version) {
    const before = this.socket._socket.bytesRead;
    const began = performance.now();
    await this.asked({ a: "nf", id: 1, c: COLLECTION, d: document, v: version }, "nf");
    return { ms: performance.now() - began, bytes: this.socket._socket.bytesRead - before, status: 200 };
  }
}

const SYNC = 0, AUTH = 2, SYNC_REPLY = 4, SYNC_STATUS = 8;

class Hocuspocus {
  async join() {
    this.socket = await opened(`ws://127.0.0.1:${port}`);
    this.socket.on("message", (data) => this.take(new Uint8Array(data)));
    this.doc = new Y.Doc();
    this.text = this.doc.getText("text");
    this.doc.on("update", (update, origin) => {
      if (origin !== "service") this.send(SYNC, (to) => (encoding.writeVarUint(to, 2), encoding.writeVarUint8Array(to, update)));
    });
    await this.asked(AUTH, AUTH, (to) => (encoding.writeVarUint(to, 0), encoding.writeVarString(to, token)));
    const before = this.socket._socket.bytesRead;
    const began = performance.now();
    const state = Y.encodeStateVector(this.doc);
    await this.asked(SYNC, "text", (to) => (encoding.writeVarUint(to, 0), encoding.writeVarUint8Array(to, state)));
    return { ms: performance.now() - began, bytes: this.socket._socket.bytesRead - before };
  }
  asked(type, answer, write) {
    return new Promise((resolve) => {
      this.waiting = { type: answer, resolve };
      this.send(type, write);
    });
  }
  send(type, write) {
    const encoder = encoding.createEncoder();
    encoding.writeVarString(encoder, document);
    encoding.writeVarUint(encoder, type);
    write(encoder);
    this.socket.send(encoding.toUint8Array(encoder));
  }
  take(data) {
    const decoder = decoding.createDecoder(data);
    decoding.readVarString(decoder);
    const type = decoding.readVarUint(decoder);
    let is = type;
    if (type === SYNC || type === SYNC_REPLY) {
      // A client of Yjs takes every update in; those here need no text, as those of the other two do not.
      is = ["question", "text", "update"][decoding.readVarUint(decoder)];
    }
    if (is === SYNC_STATUS) this.onAck?.();
    else if (is === "update") this.onOther?.();
    else if (this.waiting && this.waiting.type === is) {
      const { resolve } = this.waiting;
      this.waiting = null;
      resolve();
    }
  }
  insert(text) {
    this.text.insert(0, text);
  }
}

const Kind = { dossier: Dossier, sharedb: ShareDB, hocuspocus: Hocuspocus }[kind];

async function main() {
  const people = [];
  for (let number = 0; number < writers; number++) {
    const one = new Kind();
    await one.join();
    people.push(one);
  }
  const waits = [];
  let received = 0, sent = 0, letters = 0, running = true;
  const bytes = () => people.reduce((sum, one) => sum + one.socket._socket.bytesRead + one.socket._socket.bytesWritten, 0);
  for (const one of people) {
    one.typed = 0;
    one.write = () => {
      one.sentAt = performance.now();
      sent += 1;
      letters += one.typed;
      one.insert("x".repeat(one.typed));
      one.typed = 0;
    };
    one.onAck = () => {
      waits.push(performance.now() - one.sentAt);
      one.sentAt = null;
      if (running && !pace) one.typed = 1;
      if (one.typed) one.write();
    };
    one.onOther = () => (received += 1);
    one.type = () => {
      if (!running) return;
      one.typed += 1;
      if (!one.sentAt) one.write();
      if (pace) setTimeout(one.type, (1000 / pace) * (0.5 + Math.random()));
    };
  }
  process.stdout.write("ready\n");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  const before = bytes();
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (const one of people) {
    if (pace) setTimeout(one.type, (1000 / pace) * Math.random());
    else one.type();
  }
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  running = false;
  const elapsed = performance.now() - began;
  const used = process.cpuUsage(cpu);
  // Until all that is under way has come: operations and bytes are then of the same.
  while (waits.length < sent || received < sent * (writers - 1)) await new Promise((resolve) => setTimeout(resolve, 20));
  const moved = bytes() - before;
  waits.sort((a, b) => a - b);
  const late = new Kind();
  const lateFigures = await late.join();
  const old = late.old ? await late.old(Math.max(1, Math.floor(sent / 2))) : null;
  const row = {
    operations: sent,
    letters,
    a_second: (1000 * letters) / elapsed,
    p50: waits[Math.floor(waits.length * 0.5)],
    p99: waits[Math.floor(waits.length * 0.99)],
    bytes: moved,
    client_share: (used.user + used.system) / 1000 / elapsed,
    late: lateFigures,
    old,
  };
  process.stdout.write(`${JSON.stringify(row)}\n`, () => process.exit(0));
}

process.on("unhandledRejection", (wrong) => {
  console.error(wrong);
  process.exit(1);
});
await main();
