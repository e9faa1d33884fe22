"""Places in lists, for handlers: they know services, and not the engine."""

from app.engine.ports.records import ListPlace, read_place

__all__ = ["ListPlace", "read_place"]
