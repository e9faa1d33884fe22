"""Events that are refused for what they say of the domain."""

from __future__ import annotations

from dossier_realtime.protocol.errors import ErrorCode


class DomainFactError(Exception):
    """Raised when an event says something of the domain that its sender may not say, or that cannot be.

    `subject` is the id that it is about, `path` the place of the fault in the event, `code` that of the refusal.
    """

    code = ErrorCode.PERMISSION_DENIED

    def __init__(self, text: str, subject: str, path: str) -> None:
        super().__init__(text)
        self.subject = subject
        self.path = path


class ImpossibleFactError(DomainFactError):
    """Raised when an event says what cannot be, whoever says it: a step that a task does not have."""

    code = ErrorCode.INVALID_MESSAGE_FORMAT
