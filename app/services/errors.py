"""Errors that services raise and that the engine's stores define, for those who call services."""

from app.engine.ports.errors import DomainFactError, KeyConflict, Unavailable

__all__ = ["DomainFactError", "KeyConflict", "Unavailable"]
