"""The server. See docs/architecture.md for its floors."""
