// Usage: node validate_asyncapi.mjs FILE. Prints what is wrong with an AsyncAPI document; exits 1 when there is an error.
// The parser checks examples of AsyncAPI 2 alone: those of 3 are checked here, with the ajv that the parser brings.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";
import Ajv from "ajv";

const LEVELS = ["error", "warning", "information", "hint"];

const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
const problems = diagnostics.map(({ severity, path, message }) => [LEVELS[severity], path.join("."), message]);
const ajv = new Ajv({ strict: false, allErrors: true });
for (const message of document?.allMessages() ?? []) {
  const fits = ajv.compile(message.payload().json());
  for (const example of message.examples()) {
    if (!fits(example.payload())) {
      problems.push(["error", `examples of ${message.id()}`, ajv.errorsText(fits.errors)]);
    }
  }
}
for (const [level, place, text] of problems) console.log(`${level} at ${place || "the root"}: ${text}`);
if (document === undefined || problems.some(([level]) => level === "error")) process.exit(1);
console.log(`valid: AsyncAPI ${document.version()}, ${document.allMessages().length} messages`);
