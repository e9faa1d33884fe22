/** `@dossier/realtime/testing`: a server and a clock for the tests of programs that use the client. */
export { FakeClock, settled } from "./clock.js";
export { FakeDocument } from "./documents.js";
export { FakeInbox } from "./inbox.js";
export { FakeServer, type Received } from "./server.js";
export { type FakeEnd, FakeSocket, type JsonObject } from "./socket.js";
