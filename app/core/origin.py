"""The person or system that caused an effect: known where it begins, and carried by every journal entry about it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Origin:
    """The sender and the cause of an effect.

    `via` is `session:{id}` or `token:{jti}`. `cause` is the journal's entry that began it, or the entry's seq.
    `accepted` is the moment at which the service accepted it (steady seconds).
    """

    user_id: str
    via: str
    cause: Any = 0
    accepted: float = 0.0


origin_now: ContextVar[Origin | None] = ContextVar("origin_now", default=None)
"""The origin of what this task does; None where the service acts of itself. Each message and each act sets it, and
what a store does for a caller it does in the caller's context."""
