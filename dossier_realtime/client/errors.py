"""What can go wrong for a user of the SDK, as one tree. Each error's text says what to do next."""

from __future__ import annotations

from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.fields import Position


class RealtimeError(Exception):
    """The root: catch it for everything the SDK raises of its own."""


class AuthFailed(RealtimeError):
    """The server refused the token for good. A token source may raise it too, to make the client give up."""

    def __init__(self, message: str, error_code: ErrorCode = ErrorCode.AUTH_FAILED) -> None:
        super().__init__(message)
        self.error_code = error_code


class UnusableToken(AuthFailed, TypeError):
    """The token source is no async function, or did not return a non-empty string: mend the program."""


class ConnectFailed(RealtimeError):
    """One attempt to connect failed. `final`: no later one can do better (wrong address, bad certificate).

    `status` is the HTTP status of a refused handshake, `retry_after` what it said, in seconds.
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
    """The connection has ended and does not come back; `code` is the WebSocket close code."""

    def __init__(self, message: str, code: int = CloseCode.NORMAL) -> None:
        super().__init__(message)
        self.code = code


class ProtocolViolation(RealtimeError):
    """The server said something that has no place in the protocol."""


class DeniedError(RealtimeError):
    """The server refused one message. `retry_after` (seconds) is set where waiting helps."""

    def __init__(
        self,
        error_code: ErrorCode,
        message: str,
        channel: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{error_code}: {message}")
        self.error_code = error_code
        self.message = message
        self.channel = channel
        self.retry_after = retry_after


class PublishError(DeniedError):
    """`POST /v1/publish` was refused. `index` and `path` name the event to blame and the place in it."""

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
        super().__init__(error_code, message, retry_after=retry_after)
        self.status = status
        self.index = index
        self.path = path


class QueueFull(RealtimeError):
    """As many sends wait for their `ack` as may; this one was not taken. Await earlier ones first."""


class TimedOut(RealtimeError):
    """No answer in time. The event may be accepted or not: sending it again with the same key is harmless."""

    def __init__(self, message: str, idempotency_key: str) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class PositionLost(RealtimeError):
    """Events between `was` and `now` cannot be had: load the state anew. The subscription goes on."""

    def __init__(self, channel: str, was: Position, now: Position | None) -> None:
        super().__init__(f"{channel}: events after {was.offset} were missed; load its state anew")
        self.channel = channel
        self.was = was
        self.now = now


class Overflowed(RealtimeError):
    """A subscription was read too slowly and has ended. Subscribe again with `since=error.position`."""

    def __init__(self, channel: str, capacity: int, position: Position | None) -> None:
        super().__init__(
            f"{channel}: {capacity} events wait unread, the subscription has ended; subscribe again with"
            " since=error.position and read faster"
        )
        self.channel = channel
        self.position = position


class NotSubscribed(RealtimeError):
    """The channel is not subscribed in the way that the call needs."""
