// ShareDB with its store in memory, on a free port, which is printed. Its operations are kept for as long as it lives.
import http from "node:http";
import ShareDB from "sharedb";
import text from "ot-text-unicode";
import WebSocketJSONStream from "@teamwork/websocket-json-stream";
import { WebSocketServer } from "ws";

ShareDB.types.register(text.type);
const backend = new ShareDB({ doNotForwardSendPresenceErrorsToClient: true });
const server = http.createServer();
new WebSocketServer({ server }).on("connection", (socket) => backend.listen(new WebSocketJSONStream(socket)));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
