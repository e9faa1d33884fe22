"""Operators' interventions: ending sessions, lifting limits, revoking tokens (docs/protocol.md#operators-calls).

Each is recorded by the `act` that is passed in before it is done; what `act` raises keeps it from being done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.ports.control import ControlCommand
from app.journal.acts import Act
from dossier_realtime.protocol.http.operator_lists import StandingLimitRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.core.instant import Instant
    from app.core.ratelimit import RateLimiter
    from app.engine.ports.engine import Engine
    from app.engine.ports.sessions import NodeRecord, SessionRecord
    from app.journal.acts import Facts, RecordAct, Verb

_REASON = "ended by an operator"


class Operators:
    """Sessions, limits and tokens over all nodes."""

    def __init__(self, engine: Engine, clock: Callable[[], Instant], quotas: RateLimiter) -> None:
        """Make it. `quotas` counts what users spend of the quotas of a day."""
        self._engine = engine
        self._clock = clock
        self._quotas = quotas

    async def sessions(self) -> list[SessionRecord]:
        """Return every open session, oldest first."""
        return await self._engine.sessions.sessions()

    async def nodes(self) -> list[NodeRecord]:
        """Return every node that reported lately, by name."""
        return await self._engine.nodes.nodes()

    async def names(self) -> dict[str, str]:
        """Return the names of the users who have a session."""
        return {record.user_id: record.name for record in await self.sessions()}

    def limits(self) -> Iterator[StandingLimitRow | None]:
        """Yield one item for each window of a user: the limit that the user is at or past, or None; then lifted ones.

        The reader may wait between two items.
        """
        now = self._clock()
        for limiter in (self._engine.rates.limiter, self._quotas):
            for found in limiter.standing(now.steady):
                yield (
                    None
                    if found is None
                    else StandingLimitRow(
                        user_id=found.user_id,
                        rate_class=found.rate_class,
                        state="exceeded" if found.refused else "warned",
                        until=now.timestamp + found.resets_in,
                        rate=found.counted,
                        limit=found.limit,
                        refused=found.refused,
                    )
                )
        for user_id, left in self._engine.rates.limiter.raised_limits(now.steady).items():
            yield StandingLimitRow(user_id=user_id, rate_class="*", state="lifted", until=round(now.wall + left))

    async def end_session(self, session_id: str, act: RecordAct) -> bool:
        """End one session (close code 4501); return False where no such session is open."""
        found = next((record for record in await self.sessions() if record.session_id == session_id), None)
        if found is None:
            return False
        before: Facts = {"user": found.user_id, "name": found.name, "address": found.address, "state": "open"}
        await act(Act("end_session", "session", session_id, before=before, after={"state": "ended"}))
        await self._engine.control.send(ControlCommand("end_session", session_id, _REASON))
        return True

    async def disconnect_user(self, user_id: str, act: RecordAct) -> int:
        """End all sessions of a user (close code 4501); return how many were open."""
        open_sessions = sum(record.user_id == user_id for record in await self.sessions())
        await act(Act("disconnect_user", "user", user_id, before={"sessions": open_sessions}, after={"sessions": 0}))
        await self._engine.control.send(ControlCommand("end_user", user_id, _REASON))
        return open_sessions

    async def lift_limits(self, user_id: str, seconds: int, act: RecordAct) -> tuple[float | None, bool]:
        """Give a user ten times the limits for `seconds`, or the usual ones again for 0.

        Return until when they are lifted (Unix seconds; None: no longer), and whether anything changed.
        """
        left = self._engine.rates.limiter.raised_limits(self._clock().steady).get(user_id, 0.0)
        before, after = {"lifted_seconds": round(left)}, {"lifted_seconds": seconds}
        verb: Verb = "lift_limits" if seconds else "restore_limits"
        await act(Act(verb, "user", user_id, before=before, after=after))
        await self._engine.control.send(ControlCommand("lift_limits", user_id, seconds=seconds))
        return self._clock().timestamp + seconds if seconds else None, bool(seconds or left)

    async def revoke_token(self, token_id: str, act: RecordAct) -> bool:
        """Revoke one token by its id; return whether it was not revoked before. Raises Unavailable."""
        revoked_at, now = self._engine.revocations.revoked_at(token_id=token_id), self._clock().wall
        await act(Act("revoke_token", "token", token_id, before=_revoked(revoked_at), after=_revoked(now)))
        await self._engine.revocations.revoke(token_id=token_id, user_id=None, at=now)
        return revoked_at is None

    async def revoke_user(self, user_id: str, act: RecordAct) -> bool:
        """Revoke all tokens of a user that were issued until now.

        Return whether any token may have been issued since the last time. Raises Unavailable.
        """
        revoked_at, now = self._engine.revocations.revoked_at(user_id=user_id), self._clock().wall
        await act(Act("revoke_user", "user", user_id, before=_revoked(revoked_at), after=_revoked(now)))
        await self._engine.revocations.revoke(token_id=None, user_id=user_id, at=now)
        return revoked_at is None or revoked_at < now


def _revoked(at: float | None) -> Facts:
    return {"revoked": at is not None, "issued_until": at}
