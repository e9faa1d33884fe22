// Usage: node validate_schema.mjs SCHEMA DEFINITION LINES. Prints, for each line of JSON, whether it fits the definition.
import { readFile } from "node:fs/promises";
import Ajv from "ajv/dist/2020.js";

const [schema, definition, lines] = process.argv.slice(2);
const ajv = new Ajv({ strict: false, discriminator: false });
ajv.addSchema(JSON.parse(await readFile(schema, "utf8")), "schema");
const fits = ajv.getSchema(`schema#/$defs/${definition}`);
for (const line of (await readFile(lines, "utf8")).split("\n")) {
  if (line) console.log(fits(JSON.parse(line)));
}
