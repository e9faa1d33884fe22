"""HTTP and the WebSocket handshake: handlers, the checks that they share, and the transport below them."""
