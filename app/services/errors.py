"""Errors that services raise and that the engine's stores define, for those who call services."""

from app.core.domain.errors import DomainFactError
from app.engine.ports.errors import KeyConflict, Unavailable

__all__ = ["DomainFactError", "KeyConflict", "Unavailable"]
