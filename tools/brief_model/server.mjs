// A small language model on this machine's own cores, behind POST /v1/chat/completions (streamed or whole).
// It listens on the loopback alone, answers one request at a time, and is for trying out briefs: see docs/administrators.md.
//
//     node server.mjs WEIGHTS.gguf [PORT]
import http from "node:http";
import { getLlama, LlamaChatSession } from "node-llama-cpp";

const [weights, port = "8200"] = process.argv.slice(2);
const MAX_BODY_BYTES = 1 << 20;
const CONTEXT_TOKENS = 4096;

const llama = await getLlama({ gpu: false, build: "never" });
const model = await llama.loadModel({ modelPath: weights });
let turn = Promise.resolve(); // the end of the request before

const server = http.createServer(async (request, response) => {
  if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
    return refuse(response, 404, "POST /v1/chat/completions is all that is served here");
  }
  let asked;
  try {
    asked = JSON.parse(await body(request));
  } catch (wrong) {
    return refuse(response, 400, String(wrong));
  }
  const before = turn;
  let done;
  turn = new Promise((resolve) => (done = resolve));
  await before;
  try {
    await answer(asked, request, response);
  } catch (wrong) {
    if (!response.headersSent) refuse(response, 500, String(wrong));
    else response.end();
  } finally {
    done();
  }
});

async function answer(asked, request, response) {
  const said = (role) => asked.messages.filter((one) => one.role === role).map((one) => one.content).join("\n\n");
  const context = await model.createContext({ contextSize: CONTEXT_TOKENS, threads: 2 });
  const stop = new AbortController();
  response.on("close", () => stop.abort()); // the service gave up
  try {
    const session = new LlamaChatSession({ contextSequence: context.getSequence(), systemPrompt: said("system") });
    if (asked.stream) response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    const { responseText, stopReason } = await session.promptWithMeta(said("user"), {
      maxTokens: asked.max_tokens ?? 512,
      temperature: asked.temperature ?? 0.2,
      signal: stop.signal,
      stopOnAbortSignal: true,
      onTextChunk: (text) => asked.stream && event(response, { delta: { content: text }, finish_reason: null }),
    });
    const reason = stopReason === "maxTokens" ? "length" : "stop";
    if (asked.stream) {
      event(response, { delta: {}, finish_reason: reason });
      response.end("data: [DONE]\n\n");
    } else {
      const choice = { index: 0, message: { role: "assistant", content: responseText }, finish_reason: reason };
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ choices: [choice] }));
    }
  } finally {
    await context.dispose();
  }
}

function event(response, choice) {
  response.write(`data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`);
}

async function body(request) {
  let text = "";
  for await (const piece of request) {
    text += piece;
    if (text.length > MAX_BODY_BYTES) throw new Error("the body is too long");
  }
  return text;
}

function refuse(response, status, message) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ error: { message } }));
}

server.listen(Number(port), "127.0.0.1", () => {
  console.log(`The model serves http://127.0.0.1:${server.address().port}/v1`);
});
