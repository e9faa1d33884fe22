"""Operators' counts and rows of rates, refusals and ended sessions (docs/protocol.md#operators-topics)."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec import UNSET, UnsetType

from app.core.sessions.effects import RateLimited, RateWarned
from dossier_realtime.protocol.authorization import Fact
from dossier_realtime.recording.ops.ops_rows import EndedSessionRow, LimitRow

if TYPE_CHECKING:
    from app.core.sessions.effects import Decision
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

_PERSONAL = Fact(personal=True)


class OperatorRows:
    """The rows that one node adds to the operators' topics."""

    def __init__(self, aggregator: OpsAggregator) -> None:
        self._aggregator = aggregator

    def judged(self, identity: Identity | None, decision: Decision) -> None:
        """Count a message's refusal, or the rate warning that came with it, and put its user among the limited ones."""
        rule, is_limited = decision.rule, False
        for note in decision.notes:
            match note:
                case RateLimited(rate_class):
                    is_limited = True
                    self._aggregator.count("limits", "refused")
                    self._limit(identity, rate_class, "exceeded")
                case RateWarned(rate_class, rate):
                    if not rule:  # a refusal of the same message says more
                        self._aggregator.count("limits", "warnings")
                        self._limit(identity, rate_class, "warned", rate)
                case _:
                    assert_never(note)
        if rule and not is_limited and not decision.is_pending:
            self._aggregator.count("errors", rule)

    def _limit(self, identity: Identity | None, rate_class: str, state: str, rate: int | UnsetType = UNSET) -> None:
        if identity is not None:
            row = LimitRow(key=f"{identity.user_id} {rate_class}", user_id=identity.user_id, name=identity.name)
            row.rate_class, row.state, row.rate = rate_class, state, rate
            self._aggregator.row(row, _PERSONAL)

    def restored(self, user_id: str, name: str) -> None:
        """Show that a user's raised limits ended."""
        row = LimitRow(key=f"{user_id} *", user_id=user_id, name=name, rate_class="*", state="restored")
        self._aggregator.row(row, _PERSONAL)

    def revoked(self, token_id: str | None, user_id: str | None, until: float) -> None:
        """Show that a token, or a user's tokens issued until `until` (Unix seconds), are revoked.

        Services that logged a user in with such a token read it here.
        """
        if token_id is not None:
            self._aggregator.row(
                EndedSessionRow(key=f"token {token_id}", state="revoked", token_id=token_id), _PERSONAL
            )
        if user_id is not None:
            row = EndedSessionRow(key=f"user {user_id}", state="revoked", user_id=user_id, until=until)
            self._aggregator.row(row, _PERSONAL)

    def disconnected(self, user_id: str) -> None:
        """Show that an operator ended all sessions of a user, who may come back."""
        row = EndedSessionRow(key=f"disconnected {user_id}", state="disconnected", user_id=user_id)
        self._aggregator.row(row, _PERSONAL)
