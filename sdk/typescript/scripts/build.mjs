// Builds dist/: ES modules and types by the compiler, CommonJS file by file, and one file for a script tag.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
process.chdir(root);

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

rmSync("dist", { recursive: true, force: true });
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], { stdio: "inherit" });

const sources = files("src").filter((file) => /\.tsx?$/.test(file));
await build({ entryPoints: sources, outdir: "dist/cjs", outbase: "src", format: "cjs", target: "es2022", jsx: "automatic" });
mkdirSync("dist/cjs", { recursive: true });
writeFileSync("dist/cjs/package.json", '{ "type": "commonjs" }\n');
for (const file of files("dist/esm").filter((name) => name.endsWith(".d.ts"))) {
  cpSync(file, join("dist/cjs", relative("dist/esm", file)));
}

await build({
  entryPoints: ["src/browser.ts"],
  outfile: "dist/dossier-realtime.global.js",
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "DossierRealtime",
  target: "es2022",
  legalComments: "none",
});
// The worker that all tabs share is a file of its own: a page names it by its address.
await build({
  entryPoints: ["src/shared/worker.ts"],
  outfile: "dist/shared-worker.js",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  legalComments: "none",
});
