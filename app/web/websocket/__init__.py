"""The WebSocket handshake, and reading the socket behind it."""
