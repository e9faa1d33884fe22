"""Messages of the domain: one module a capability."""
