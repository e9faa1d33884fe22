"""Operators' interventions: ending sessions, lifting limits, revoking tokens (docs/protocol.md#operators-calls).

Each is recorded by the `act` that is passed in before it is done; what `act` raises keeps it from being done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.ports.control import ControlCommand
from app.journal.acts import Act

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant
    from app.engine.ports.engine import Engine
    from app.engine.ports.sessions import SessionRecord
    from app.journal.acts import Facts, RecordAct, Verb

_REASON = "ended by an operator"


class Operators:
    """Sessions, limits and tokens over all nodes."""

    def __init__(self, engine: Engine, clock: Callable[[], Instant]) -> None:
        self._engine = engine
        self._clock = clock

    async def sessions(self) -> list[SessionRecord]:
        """Return every open session, oldest first."""
        return await self._engine.sessions.sessions()

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
