"""Operators' calls about sessions, users and tokens: `admin:*` (docs/protocol.md#operators-calls)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from app.services.errors import Unavailable
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.forms import LimitsLift, Revocation

from .operator_handler import OperatorHandler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Verb


class SessionHandler(OperatorHandler):
    """`DELETE /v1/sessions/{id}`: end one session (close 4501)."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"delete": ("end_session",)}

    async def delete(self, session_id: str) -> None:
        """End the session."""
        if await self.authorize_administrator() is None or not self.check_id(session_id):
            return
        if await self.context.operations.operators.end_session(session_id, self.act):
            self.answer({"ended": 1})
        else:
            self.refuse(404, ErrorCode.NOT_FOUND, "No such session is open")


class DisconnectUserHandler(OperatorHandler):
    """`POST /v1/users/{id}/disconnect`: end all sessions of a user (close 4501)."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("disconnect_user",)}

    async def post(self, user_id: str) -> None:
        """End the sessions of the user, on all nodes."""
        if await self.authorize_administrator() is None or not self.check_id(user_id):
            return
        ended = await self.context.operations.operators.disconnect_user(user_id, self.act)
        self.unchanged = not ended
        self.answer({"ended": ended})


class LiftLimitsHandler(OperatorHandler):
    """`POST|DELETE /v1/users/{id}/limits/lift {seconds}`: ten times the limits for a while, or the usual ones again."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("lift_limits",), "delete": ("restore_limits",)}

    async def post(self, user_id: str) -> None:
        """Lift the limits for the seconds in the body."""
        if await self.authorize_administrator() is None or not self.check_id(user_id):
            return
        asked = self.read_body(LimitsLift)
        if asked is not None:
            await self._lift(user_id, asked.seconds)

    async def delete(self, user_id: str) -> None:
        """Restore the usual limits."""
        if await self.authorize_administrator() is not None and self.check_id(user_id):
            await self._lift(user_id, 0)

    async def _lift(self, user_id: str, seconds: int) -> None:
        until, is_changed = await self.context.operations.operators.lift_limits(user_id, seconds, self.act)
        self.unchanged = not is_changed
        self.answer({"user": user_id, "until": until})


class RevokeTokensHandler(OperatorHandler):
    """`POST /v1/tokens/revoke {jti | user}`: revoke a token, or all tokens of a user issued so far."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("revoke_token", "revoke_user")}

    async def post(self) -> None:
        """Revoke the token or the user that the body names."""
        if await self.authorize_administrator() is None:
            return
        asked = self.read_body(Revocation)
        if asked is None:
            return
        operators = self.context.operations.operators
        try:
            if asked.jti is not None and asked.user is None:
                is_changed = await operators.revoke_token(asked.jti, self.act)
            elif asked.user is not None and asked.jti is None:
                is_changed = await operators.revoke_user(asked.user, self.act)
            else:
                self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "Name either a jti or a user", path="$")
                return
        except Unavailable:
            self.unavailable()
            return
        self.unchanged = not is_changed
        self.answer({"revoked": True})
