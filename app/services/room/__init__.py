"""The room of newcomers: one-time links, guests, and the operator's login."""
