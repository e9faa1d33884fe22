"""The exceptions of the SDK, as one tree. The text of each says what to do next."""

from __future__ import annotations

from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.fields import Position, Text

FOR_NOW = (ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.SERVICE_UNAVAILABLE, ErrorCode.INTERNAL_ERROR)
"""The codes of refusals that say nothing of what was asked: the same may be taken later."""


class RealtimeError(Exception):
    """The base of every exception that the SDK defines."""


class AuthFailed(RealtimeError):
    """The server's final refusal of the token. A token source may raise it too, to make the client give up."""

    def __init__(self, message: str, error_code: ErrorCode = ErrorCode.AUTH_FAILED) -> None:
        super().__init__(message)
        self.error_code = error_code


class UnusableToken(AuthFailed, TypeError):
    """A token source that is no async function, or that did not return a non-empty string."""


class ConnectFailed(RealtimeError):
    """A failed attempt to connect. `final`: no later attempt can succeed (wrong address, bad certificate).

    `status` is the HTTP status of a refused handshake, `retry_after` the delay that it asked for, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        final: bool = False,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.final = final
        self.status = status
        self.retry_after = retry_after


class ConnectionClosed(RealtimeError):
    """The end of a connection that does not reconnect; `code` is the WebSocket close code."""

    def __init__(self, message: str, code: int = CloseCode.NORMAL) -> None:
        super().__init__(message)
        self.code = code


class ProtocolViolation(RealtimeError):
    """A message from the server that breaks the protocol."""


_NO_RIGHT = "Insufficient permissions"
"""The beginning of the server's texts for a missing right, which the contract fixes: they say no next step."""


class DeniedError(RealtimeError):
    """The server's refusal of one message. `retry_after` (seconds) is set where waiting helps.

    `message` is the server's text alone; the text of the exception names the channel too, and what to do next.
    """

    def __init__(
        self,
        error_code: ErrorCode,
        message: str,
        channel: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        place = f"{channel}: " if channel else ""
        step = "; ask GET /v1/explain which right is missing" if channel and message.startswith(_NO_RIGHT) else ""
        super().__init__(f"{place}{error_code}: {message}{step}")
        self.error_code = error_code
        self.message = message
        self.channel = channel
        self.retry_after = retry_after


class PublishError(DeniedError):
    """The refusal of a `POST /v1/publish`. `index` and `path` name the faulty event and the place in it."""

    def __init__(
        self,
        status: int,
        error_code: ErrorCode,
        message: str,
        *,
        index: int | None = None,
        path: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(error_code, f"{message} (at {path})" if path else message, retry_after=retry_after)
        self.message = message
        self.status = status
        self.index = index
        self.path = path


class QueueFull(RealtimeError):
    """A send that was not taken, because as many as may wait already wait for their `ack`."""


class UnsavedEdits(RealtimeError):
    """The end of a document with edits that the server had not confirmed. `texts`: the whole texts, by document id.

    Nothing else keeps these edits: save the texts, or open the documents again and make the edits anew.
    """

    def __init__(self, texts: dict[str, str], cause: str = "") -> None:
        then = "and make the edits again " + ("when this is solved" if cause else "when the service can be reached")
        because = f": {cause}" if cause else ""
        super().__init__(
            f"The last edits of {', '.join(texts)} were not saved{because}; the texts with them are in error.texts:"
            f" keep them, {then}"
        )
        self.texts = texts


class TimedOut(RealtimeError):
    """A send without an answer in time. Whether it was accepted is not known; the same key makes a repeat harmless."""

    def __init__(self, message: str, idempotency_key: str) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class BriefFailedError(RealtimeError):
    """Raised by `BriefGeneration.result` where the brief failed or was cancelled.

    `error`: the reason, a text or both languages. `fallback_available`: the generator `template` can write it.
    """

    def __init__(self, error: Text, *, fallback_available: bool) -> None:
        super().__init__(error if isinstance(error, str) else error.en)
        self.error = error
        self.fallback_available = fallback_available


class PositionLost(RealtimeError):
    """A gap: the events between `was` and `now` are lost. Load the state again; the subscription goes on."""

    def __init__(self, channel: str, was: Position, now: Position | None) -> None:
        super().__init__(f"{channel}: events after {was.offset} were missed; load its state anew")
        self.channel = channel
        self.was = was
        self.now = now


class Overflowed(RealtimeError):
    """The end of a subscription that was read too slowly. Subscribe again with `since=error.position`."""

    def __init__(self, channel: str, capacity: int, position: Position | None) -> None:
        super().__init__(
            f"{channel}: {capacity} events wait unread, the subscription has ended; subscribe again with"
            " since=error.position and read faster"
        )
        self.channel = channel
        self.position = position


class DocumentRestored(RealtimeError):
    """A document whose text was set back: the service's store was restored from a backup, or the document deleted.

    Edits that had been confirmed may be missing from the text now. Edits that had not been confirmed are kept: they
    were moved to the text as it is now, and are sent again. `confirmed` is the text before, with all that had been
    confirmed; `local` is that text with the edits that had not. Compare them with the text of now.
    """

    def __init__(self, channel: str, confirmed: str, local: str) -> None:
        super().__init__(
            f"{channel} was set back at the service (restored from a backup, or deleted); compare its text with"
            " error.confirmed, and write again what is missing"
        )
        self.channel = channel
        self.confirmed = confirmed
        self.local = local


class NotSubscribed(RealtimeError):
    """A call that needs a subscription which the channel does not have."""
