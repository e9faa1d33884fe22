"""Commands about the engine of a service."""
