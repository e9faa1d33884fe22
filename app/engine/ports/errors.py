"""Exceptions of an engine."""

from __future__ import annotations

from app.core.authorization import NO_SENDING
from app.core.domain.errors import DomainFactError


class EngineError(Exception):
    """Raised when the engine cannot be opened; the message says what to do."""


class Unavailable(Exception):
    """Raised when the engine cannot keep its promise now (disk full, storage gone).

    Nothing was changed; try again later.
    """


class KeyConflict(Exception):
    """Raised when the idempotency key was used before, with another body."""


class BriefCancelled(DomainFactError):
    """Raised when an event belongs to a brief that is already cancelled."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"The brief {request_id} was cancelled: write it no further", request_id, "$.request_id")
        self.request_id = request_id


class ForeignId(DomainFactError):
    """Raised when an event names an id of another sender.

    The client gets the answer of a send that is forbidden, in the same words: more would tell that the id exists.
    """

    def __init__(self, subject: str) -> None:
        super().__init__(NO_SENDING, subject, "$")


class ForeignBrief(ForeignId):
    """Raised when an event belongs to a brief that another program writes."""


class ForeignCommitment(ForeignId):
    """Raised when an event names a commitment of another MoU, or without the right to speak for it."""


class Moved(Exception):
    """Raised when another call changed the alert, the brief or the record first: read it, decide, try again."""


class TooManyConnections(Exception):
    """Raised when the user has as many open sessions as allowed."""


class TipMoved(Exception):
    """Raised when another call committed a version of the document first: read it, transform, try again."""
