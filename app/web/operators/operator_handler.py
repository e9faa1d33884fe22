"""The operators' endpoints: `admin` on the channel they name, `admin:*` where they name none.

Source: docs/protocol.md#operators-calls.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, TypeVar

import msgspec

from app.core import authorization
from app.engine.ports import ControlCommand, Unavailable
from app.journal.acts import Act
from app.journal.calls import Read
from app.web.http.authenticated_handler import AuthenticatedHandler
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import SettingsChange
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import SEGMENT
from dossier_realtime.protocol.http.forms import LimitsLift, Nothing, Revocation
from dossier_realtime.protocol.namespaces import namespace_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Facts, Verb
    from app.services.channel_admin import ChannelAdmin
    from dossier_realtime.protocol.classification import ChannelSettings

T = TypeVar("T")
_ID = re.compile(SEGMENT)
_PAGE = 200


class OperatorHandler(AuthenticatedHandler):
    """What the endpoints share."""

    def read(self, form: type[T]) -> T | None:
        """The body as a Struct; answers 400 itself where it is none."""
        try:
            codec.check_shape(bytes(self.body))
            return msgspec.json.decode(bytes(self.body) or b"{}", type=form)
        except codec.InvalidMessage as wrong:
            text, path = wrong.reason, wrong.path
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            text, path = codec.reason(wrong)
        self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path=path)
        return None

    def named(self, channel: str) -> bool:
        """Whether the path names a channel; answers itself where not."""
        denial = authorization.channel_denial(channel)
        if denial is not None:
            status = 404 if denial.code is ErrorCode.CHANNEL_NOT_FOUND else 400
            self.refuse(status, denial.code, denial.text)
        return denial is None

    def identified(self, subject: str) -> bool:
        """Whether the path holds an id; answers itself where not."""
        if _ID.fullmatch(subject) is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "An id is 1 to 64 of A-Z a-z 0-9 . _ -")
            return False
        return True

    def nothing(self) -> bool:
        """Whether the body says nothing, as the path says all; answers 400 itself where it does."""
        return self.read(Nothing) is not None

    def number(self, name: str, default: int, low: int, high: int) -> int | None:
        """A whole number from the query; answers 400 itself where it is none."""
        text = self.get_query_argument(name, str(default))
        if re.fullmatch(r"[0-9]{1,16}", text) is None or not low <= int(text) <= high:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, f"{name} is a whole number from {low} to {high}")
            return None
        return int(text)


class SessionHandler(OperatorHandler):
    """`DELETE /v1/sessions/{id}`: end one session (close 4501)."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"delete": ("end_session",)}

    async def delete(self, session_id: str) -> None:
        if await self.administrator() is None or not self.identified(session_id):
            return
        records = await self.node.engine.sessions.sessions()
        found = next((record for record in records if record.session_id == session_id), None)
        if found is None:
            self.refuse(404, ErrorCode.NOT_FOUND, "No such session is open")
            return
        before: Facts = {"user": found.user_id, "name": found.name, "address": found.address, "state": "open"}
        await self.act(Act("end_session", "session", session_id, before=before, after={"state": "ended"}))
        await self.node.engine.control.send(ControlCommand("end_session", session_id, "ended by an operator"))
        self.answer({"ended": 1})


class DisconnectUserHandler(OperatorHandler):
    """`POST /v1/users/{id}/disconnect`: end all sessions of a user (close 4501)."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("disconnect_user",)}

    async def post(self, user_id: str) -> None:
        if await self.administrator() is None or not self.identified(user_id):
            return
        records = await self.node.engine.sessions.sessions()
        ended = sum(record.user_id == user_id for record in records)
        act = Act("disconnect_user", "user", user_id, before={"sessions": ended}, after={"sessions": 0})
        await self.act(act)
        self.unchanged = not ended
        await self.node.engine.control.send(ControlCommand("end_user", user_id, "ended by an operator"))
        self.answer({"ended": ended})


class LiftLimitsHandler(OperatorHandler):
    """`POST|DELETE /v1/users/{id}/limits/lift {seconds}`: ten times the limits for a while, or the usual ones again."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("lift_limits",), "delete": ("restore_limits",)}

    async def post(self, user_id: str) -> None:
        if await self.administrator() is None or not self.identified(user_id):
            return
        asked = self.read(LimitsLift)
        if asked is not None:
            await self._lift(user_id, asked.seconds)

    async def delete(self, user_id: str) -> None:
        if await self.administrator() is not None and self.identified(user_id):
            await self._lift(user_id, 0)

    async def _lift(self, user_id: str, seconds: int) -> None:
        left = self.node.engine.rates.limiter.raised_limits(self.node.clock().steady).get(user_id, 0.0)
        act = Act(
            "lift_limits" if seconds else "restore_limits",
            "user",
            user_id,
            before={"lifted_seconds": round(left)},
            after={"lifted_seconds": seconds},
        )
        await self.act(act)
        self.unchanged = not seconds and not left
        await self.node.engine.control.send(ControlCommand("lift_limits", user_id, seconds=seconds))
        self.answer({"user": user_id, "until": self.node.clock().timestamp + seconds if seconds else None})


class RevokeTokensHandler(OperatorHandler):
    """`POST /v1/tokens/revoke {jti | user}`: shut a token, or all tokens of a user issued so far, out."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("revoke_token", "revoke_user")}

    async def post(self) -> None:
        if await self.administrator() is None:
            return
        asked = self.read(Revocation)
        if asked is None:
            return
        if (asked.jti is None) == (asked.user is None):
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "Name either a jti or a user", path="$")
            return
        now = self.node.clock().wall
        after: Facts = {"revoked": True, "issued_until": now}
        revoked_at = self.node.engine.revocations.revoked_at(token_id=asked.jti, user_id=asked.user)
        before: Facts = {"revoked": revoked_at is not None, "issued_until": revoked_at}
        if asked.user is not None:
            act = Act("revoke_user", "user", asked.user, before=before, after=after)
        else:
            act = Act("revoke_token", "token", asked.jti or "", before=before, after=after)
        await self.act(act)
        # A token stays shut out as it is; of a user's tokens those are shut out too that were issued since.
        self.unchanged = revoked_at is not None and (asked.jti is not None or revoked_at >= now)
        try:
            await self.node.engine.revocations.revoke(token_id=asked.jti, user_id=asked.user, at=now)
        except Unavailable:
            self.unavailable()
            return
        self.answer({"revoked": True})


class ChannelSettingsHandler(OperatorHandler):
    """`GET|PUT /v1/channels/{channel}`: read or change its settings."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"put": ("change_settings",)}

    async def get(self, channel: str) -> None:
        if self.named(channel) and await self.administrator(channel) is not None:
            self._show(channel, self._administration.read(channel))

    async def put(self, channel: str) -> None:
        if not self.named(channel) or await self.administrator(channel) is None:
            return
        change = self.read(SettingsChange)
        if change is None:
            return

        async def record(before: ChannelSettings, after: ChannelSettings) -> None:
            await self.act(
                Act("change_settings", "channel", channel, channel, before=before.payload(), after=after.payload())
            )

        try:
            before, after = await self._administration.change(channel, change, record)
        except Unavailable:
            self.unavailable()
            return
        self.unchanged = before == after
        self._show(channel, after)

    @property
    def _administration(self) -> ChannelAdmin:
        administration: ChannelAdmin = self.settings["administration"]
        return administration

    def _show(self, channel: str, settings: ChannelSettings) -> None:
        self.answer({"channel": channel, "settings": settings.payload()})


class ChannelPresenceHandler(OperatorHandler):
    """`GET /v1/channels/{channel}/presence`: who is there."""

    async def get(self, channel: str) -> None:
        if not self.named(channel) or await self.administrator(channel) is None:
            return
        if not namespace_of(channel).presence:
            self.refuse(404, ErrorCode.NOT_FOUND, "Presence is not kept on this channel")
            return
        self.read_of = Read(channel)
        self.answer({"channel": channel, "presence": await self.node.engine.presence.roster(channel)})


class ChannelHistoryHandler(OperatorHandler):
    """`GET /v1/channels/{channel}/history?after=&limit=`: what was published, oldest first."""

    async def get(self, channel: str) -> None:
        if not self.named(channel) or await self.administrator(channel) is None:
            return
        if not namespace_of(channel).history:
            self.refuse(404, ErrorCode.NOT_FOUND, "History is not kept on this channel")
            return
        limit = self.number("limit", 100, 1, _PAGE)
        position = await self.node.engine.broker.position(channel)
        after = self.number("after", max(0, position.oldest - 1, position.offset - (limit or 0)), 0, 2**53 - 1)
        if limit is None or after is None:
            return
        page = await self.node.engine.broker.read(channel, after, limit)
        place = {"epoch": position.epoch, "offset": position.offset, "oldest": position.oldest}
        events = [msgspec.Raw(publication.frame) for publication in page]
        if page:
            self.read_of = Read(channel, page[0].offset, page[-1].offset, page[0].epoch)
        self.answer({"channel": channel, "position": place, "events": events})
