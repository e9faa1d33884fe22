// Hocuspocus on a free port, which is printed; each document is a file in the folder that is named, written with the
// usual delay: nothing that was acknowledged in the last seconds would survive a power cut.
import fs from "node:fs/promises";
import path from "node:path";
import { Server } from "@hocuspocus/server";
import * as Y from "yjs";

const folder = process.argv[2];
const server = new Server({
  port: 0,
  address: "127.0.0.1",
  quiet: true,
  stopOnSignals: false,
  async onStoreDocument({ documentName, document }) {
    await fs.writeFile(path.join(folder, documentName), Y.encodeStateAsUpdate(document));
  },
});
await server.listen();
console.log(server.address.port);
