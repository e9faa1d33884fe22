"""Calls about one channel, for its administrators: settings, presence, history (docs/protocol.md#operators-calls)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from app.core.read_only import read_only_fault
from app.journal.acts import Act
from app.journal.calls import Read
from app.services.errors import Unavailable
from dossier_realtime.protocol.commands import SettingsChange
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.namespaces import namespace_of

from .operator_handler import OperatorHandler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Verb
    from dossier_realtime.protocol.classification import ChannelSettings

_MAX_EVENTS = 200  # in a page of history


class ChannelSettingsHandler(OperatorHandler):
    """`GET|PUT /v1/channels/{channel}`: read or change its settings."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"put": ("change_settings",)}

    async def get(self, channel: str) -> None:
        """Answer with the settings."""
        if self.check_channel(channel) and await self.authorize_administrator(channel) is not None:
            self._show(channel, self.context.operations.channel_admin.read(channel))

    async def put(self, channel: str) -> None:
        """Change the settings that the body names."""
        if not self.check_channel(channel) or await self.authorize_administrator(channel) is None:
            return
        change = self.read_body(SettingsChange)
        if change is None:
            return
        fault = read_only_fault(change, channel, self.context.access.clock().wall)
        if fault:
            path = "$.read_only_until"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, f"{fault} (at {path})", path=path)
            return

        async def record(before: ChannelSettings, after: ChannelSettings) -> None:
            await self.act(
                Act("change_settings", "channel", channel, channel, before=before.payload(), after=after.payload())
            )

        try:
            before, after = await self.context.operations.channel_admin.change(channel, change, record)
        except Unavailable:
            self.unavailable()
            return
        self.unchanged = before == after
        self._show(channel, after)

    def _show(self, channel: str, settings: ChannelSettings) -> None:
        self.answer({"channel": channel, "settings": settings.payload()})


class ChannelPresenceHandler(OperatorHandler):
    """`GET /v1/channels/{channel}/presence`: the users present on it."""

    async def get(self, channel: str) -> None:
        """Answer with the roster."""
        if not self.check_channel(channel) or await self.authorize_administrator(channel) is None:
            return
        if not namespace_of(channel).presence:
            self.refuse(404, ErrorCode.NOT_FOUND, "Presence is not kept on this channel")
            return
        self.read_of = Read(channel)
        self.answer({"channel": channel, "presence": await self.context.operations.presence.roster(channel)})


class ChannelHistoryHandler(OperatorHandler):
    """`GET /v1/channels/{channel}/history?after=&limit=`: its events, oldest first."""

    async def get(self, channel: str) -> None:
        """Answer with a page of events; without `after`, the latest."""
        if not self.check_channel(channel) or await self.authorize_administrator(channel) is None:
            return
        if not namespace_of(channel).history:
            self.refuse(404, ErrorCode.NOT_FOUND, "History is not kept on this channel")
            return
        limit = self.query_number("limit", 100, 1, _MAX_EVENTS)
        history = self.context.operations.history
        position = await history.position(channel)
        after = self.query_number("after", max(0, position.oldest - 1, position.offset - (limit or 0)), 0, 2**53 - 1)
        if limit is None or after is None:
            return
        page = await history.page(channel, after, limit)
        place = {"epoch": position.epoch, "offset": position.offset, "oldest": position.oldest}
        events = [msgspec.Raw(publication.frame) for publication in page]
        if page:
            self.read_of = Read(channel, page[0].offset, page[-1].offset, page[0].epoch)
        self.answer({"channel": channel, "position": place, "events": events})
