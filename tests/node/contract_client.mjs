// A client that knows the contract as it is printed and nothing else: it sends no field that the contract does not
// print, and understands none. The same conversation in a browser and, with `ws`, in Node.
//
// Usage: node contract_client.mjs URL TOKEN CHANNEL. Prints every message it received, one a line; exits 0 after a
// close with 1000.

/** Talk over an open or opening WebSocket; resolves to {received, code} when it is closed. */
export function converse(socket, token, channel) {
  const received = [];
  const say = (message) => socket.send(JSON.stringify(message));
  socket.onopen = () => say({ type: "auth", payload: { token } });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    received.push(message);
    switch (message.type) {
      case "auth_success":
        say({ type: "subscribe", channel, params: { include_presence: true } });
        break;
      case "dossier_update":
        say({ type: "ping", timestamp: Math.floor(Date.now() / 1000) });
        break;
      case "pong":
        say({ type: "unsubscribe", channel });
        socket.close(1000);
        break;
    }
  };
  return new Promise((resolve) => {
    socket.onclose = ({ code }) => resolve({ received, code });
  });
}

if (typeof process !== "undefined" && import.meta.url === `file://${process.argv[1]}`) {
  const { default: WebSocket } = await import("ws");
  const [url, token, channel] = process.argv.slice(2);
  const { received, code } = await converse(new WebSocket(url), token, channel);
  for (const message of received) console.log(JSON.stringify(message));
  process.exitCode = code === 1000 ? 0 : 1;
}
