// Prints the size of each entry, minified and gzipped, as JSON: {"core": bytes, …}.
import { gzipSync } from "node:zlib";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
const entries = JSON.parse(readFileSync("package.json", "utf8")).exports;
const sizes = {};
for (const key of Object.keys(entries)) {
  const source = key === "." ? "src/index.ts" : `src/${key.slice(2)}/index.ts`;
  if (!existsSync(source)) continue;
  const made = await build({
    entryPoints: [source],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    external: ["react", "react/*", "@codemirror/*"],
  });
  sizes[key === "." ? "core" : key.slice(2)] = gzipSync(made.outputFiles[0].contents, { level: 9 }).length;
}
console.log(JSON.stringify(sizes));
