// Bundles the pages of the service, which are programs on this package: `node scripts/room.mjs [FOLDER]`.
// Without a folder it writes to where the service serves them from.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
await build({
  absWorkingDir: root,
  entryPoints: ["room/room.ts", "room/landing.ts"],
  outdir: process.argv[2] ?? join(root, "../../app/web/pages/assets"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  banner: { js: "// Made by sdk/typescript/scripts/room.mjs from sdk/typescript/room: change that, then run it again." },
});
