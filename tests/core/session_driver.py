"""A driver of a session, and readers of its decisions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from app.core.instant import Instant
from app.core.ratelimit import Limits, RateLimiter
from app.core.sessions.deadlines import SessionLimits
from app.core.sessions.effects import (
    Close,
    Decision,
    Effect,
    Join,
    OpenSession,
    Send,
    VerifyToken,
)
from app.core.sessions.session import Session
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import ChannelPolicy, Clearance
from dossier_realtime.protocol.errors import CloseCode, ErrorCode

T = TypeVar("T")

SA = "dossier:country:SA"
SECRET = "dossier:secret:xyz"


def identity(
    *permissions: str, user: str = "ali", clearance: Clearance = Clearance.INTERNAL, ends: int = 4_600
) -> Identity:
    grants = tuple(grant for text in permissions if (grant := Grant.parse(text)) is not None)
    return Identity(user, user.title(), "editor", None, grants, clearance, ends)


class SessionDriver:
    """A session, and a clock that the test moves."""

    def __init__(
        self, *permissions: str, clearance: Clearance = Clearance.INTERNAL, limits: Limits | None = None
    ) -> None:
        self.policy = ChannelPolicy([("dossier:secret:*", "secret"), ("global", "public")])
        self.rates = RateLimiter(limits or Limits())
        self.at = Instant(100.0, 1_000.0)
        self.session = Session(self.policy, self.rates, SessionLimits(), self.at)
        self.who = identity(*permissions, clearance=clearance)

    def subscribe(self, channel: str) -> None:
        """Subscribe, and answer as the node does."""
        join = only(self.send(type="subscribe", channel=channel), Join)
        self.session.subscribed(join)

    def send(self, **message: Any) -> Decision:
        frame = json.dumps(message).encode()
        try:
            command = codec.decode_command(frame)
        except codec.InvalidMessage as wrong:
            return self.session.malformed(wrong, self.at)
        return self.session.receive(command, self.at)

    def live(self) -> SessionDriver:
        asked = only(self.send(type="auth", payload={"token": "t"}), VerifyToken)
        only(self.session.verified(self.who, asked, self.at), OpenSession)
        self.session.opened("s-1", 0, None)
        return self

    def wait(self, seconds: float, wall: float | None = None) -> list[Effect]:
        self.at = Instant(self.at.steady + seconds, self.at.wall + (seconds if wall is None else wall))
        return self.session.tick(self.at)


def only(decision: Decision | Sequence[Effect], kind: type[T]) -> T:
    effects = decision.effects if isinstance(decision, Decision) else decision
    (effect,) = effects
    assert isinstance(effect, kind), effects
    return effect


def errors(decision: Decision | Sequence[Effect]) -> list[ErrorCode]:
    effects = decision.effects if isinstance(decision, Decision) else decision
    return [e.event.error_code for e in effects if isinstance(e, Send) and isinstance(e.event, responses.ErrorMessage)]


def closing(decision: Decision | Sequence[Effect]) -> CloseCode | None:
    effects = decision.effects if isinstance(decision, Decision) else decision
    codes = [effect.code for effect in effects if isinstance(effect, Close)]
    return codes[0] if codes else None


UPDATE: dict[str, Any] = {
    "type": "dossier_update",
    "channel": SA,
    "ref": "r1",
    "payload": {"entity_type": "country", "entity_id": "u", "operation": "update", "fields_changed": ["a"]},
}
