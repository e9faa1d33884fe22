"""The protocol described for machines, made from the message types: JSON Schema, AsyncAPI and OpenAPI."""
