"""Denials of one connection's messages, and the end of a connection that sends too many invalid ones."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from app.core.authorization import NO_SENDING, Denial
from app.core.sessions.effects import Close, Decision, Effect, Send
from app.core.sessions.error_messages import error_message
from dossier_realtime.protocol.errors import CloseCode, ErrorCode

if TYPE_CHECKING:
    from app.core.instant import Instant
    from dossier_realtime.protocol.responses import ErrorMessage

_MINUTE_SECONDS = 60.0
_MAX_ECHO_CHARACTERS = 64  # characters of broken input that an answer may hold


def close_decision(rule: str, code: CloseCode, reason: str, error: ErrorMessage | None = None) -> Decision:
    """Return the decision that ends the connection, after `error` where there is one."""
    effects: list[Effect] = [] if error is None else [Send(error)]
    return Decision(rule, [*effects, Close(code, reason)])


class Denials:
    """The denials of one connection. `max_invalid`: invalid messages a minute that it may send before it is closed."""

    def __init__(self, max_invalid: int) -> None:
        self._max_invalid = max_invalid
        self._invalid: deque[float] = deque(maxlen=max_invalid + 1)

    def refuse(self, denial: Denial, at: Instant, channel: str | None, ref: str | None) -> Decision:
        """Answer a denial; one of the form counts as an invalid message."""
        if denial.code is ErrorCode.INVALID_MESSAGE_FORMAT:
            shown = channel if channel is not None and len(channel) <= _MAX_ECHO_CHARACTERS else None
            return self.bad_format(f"{denial.text} (at {denial.path})", at, shown, ref)
        return Decision(denial.rule, [Send(error_message(denial.code, denial.text, at, channel=channel, ref=ref))])

    def deny(self, rule: str, channel: str, ref: str | None, at: Instant) -> Decision:
        """Refuse to send on the channel, in the same words whatever the rule."""
        return self.refuse(Denial(rule, ErrorCode.PERMISSION_DENIED, NO_SENDING), at, channel, ref)

    def bad_format(self, text: str, at: Instant, channel: str | None, ref: str | None) -> Decision:
        """Refuse an invalid message; after `max_invalid` of them within a minute, close the connection."""
        self._invalid.append(at.steady)
        error = error_message(ErrorCode.INVALID_MESSAGE_FORMAT, text, at, channel=channel, ref=ref)
        # The deque holds one more than is allowed: its oldest entry says whether all of them fell into one minute.
        if len(self._invalid) > self._max_invalid and at.steady - self._invalid[0] < _MINUTE_SECONDS:
            return close_decision("format.abuse", CloseCode.PROTOCOL_ABUSE, "too many invalid messages", error)
        return Decision("format", [Send(error)])
