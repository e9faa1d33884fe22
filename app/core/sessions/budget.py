"""Budgets of one connection: its user's rates, its own renewals and its first subscribes.

Source: docs/protocol.md#rate-windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.ratelimit import class_of
from app.core.sessions.effects import ACCEPTED, Decision, RateWarned, Send
from app.core.sessions.error_messages import past_limit
from app.core.sessions.renewals import Renewals
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Subscribe

if TYPE_CHECKING:
    from app.core.instant import Instant
    from app.core.ratelimit import RateLimiter, Verdict
    from app.core.sessions.deadlines import SessionLimits
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.commands import Command
    from dossier_realtime.protocol.inbound import InboundMessage
    from dossier_realtime.protocol.responses import RateClass


class Budget:
    """The cheap checks of one connection, which come before all others."""

    def __init__(self, rates: RateLimiter, limits: SessionLimits) -> None:
        self._rates = rates
        self._free_subscribes = limits.free_subscribes
        self.renewals = Renewals(limits.renewals, rates.abuse)

    def weigh(self, identity: Identity, frame: bytes, at: Instant) -> Decision | None:
        """Count a frame's bytes; the refusal, or the warning, where one is due."""
        verdict = self._rates.spend(identity.user_id, identity.role, "bytes", at.steady, len(frame))
        if verdict.allowed:
            return _warned(verdict, "bytes") if verdict.warn else None
        return past_limit(verdict, "bytes", codec.reference(frame), at)

    def spend(
        self, identity: Identity, message: Command | InboundMessage | codec.InvalidMessage, at: Instant
    ) -> Decision:
        """Count a message in its class; return its refusal, or the warning that is due before its own effects."""
        if isinstance(message, Subscribe) and self._free_subscribes:
            self._free_subscribes -= 1
            return Decision(ACCEPTED, [])
        rate_class = class_of(message)
        verdict = self._rates.spend(identity.user_id, identity.role, rate_class, at.steady)
        if verdict.allowed:
            return _warned(verdict, rate_class) if verdict.warn else Decision(ACCEPTED, [])
        return past_limit(verdict, rate_class, message, at)

    def was_invalid(self, identity: Identity, message: Command | InboundMessage, at: Instant) -> None:
        """Count what is refused as invalid as a general message too."""
        if class_of(message) != "general":
            self._rates.spend(identity.user_id, identity.role, "general", at.steady)


def _warned(verdict: Verdict, rate_class: RateClass) -> Decision:
    return Decision(ACCEPTED, [Send(verdict.warning(rate_class))], (RateWarned(rate_class, verdict.count),))
