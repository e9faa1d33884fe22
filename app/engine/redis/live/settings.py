"""Settings of single channels: in Redis, and all of them in the memory of each node."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from app.engine.redis.live.access import LiveAccess, pairs
from app.engine.redis.live.bulletin import Bulletin
from dossier_realtime.protocol.classification import ChannelSettings, Clearance

_KIND, _KEPT = "settings", "settings"


class _Stored(msgspec.Struct, array_like=True):
    """The settings of a channel as they are stored; all but how they came about."""

    channel: str
    level: int
    presence: bool
    history: bool
    frozen: bool
    read_only_until: int | None

    def settings(self) -> ChannelSettings:
        level = Clearance(self.level)
        return ChannelSettings(level, self.presence, self.history, self.frozen, read_only_until=self.read_only_until)


_DECODER = msgspec.json.Decoder(_Stored)


class RedisSettings:
    """`ports.ChannelSettingsStore`. A change is in force on every living node before `put` returns."""

    def __init__(self, access: LiveAccess, bulletin: Bulletin) -> None:
        self._access, self._bulletin = access, bulletin
        self._changed: Callable[[str, ChannelSettings], None] | None = None
        self._known: dict[str, ChannelSettings] = {}
        bulletin.receivers[_KIND] = self._heard
        bulletin.again.append(self._read)

    def start(self, changed: Callable[[str, ChannelSettings], None]) -> None:
        self._changed = changed
        for channel, settings in self._known.items():
            changed(channel, settings)

    async def put(self, channel: str, settings: ChannelSettings) -> None:
        text = _text(channel, settings)
        number = await self._bulletin.post(_KIND, text, kept=_KEPT, field=channel, value=text)
        await self._bulletin.heard_by_all(number)

    def _heard(self, body: str) -> None:
        found = _DECODER.decode(body)
        self._put(found.channel, found.settings())

    async def _read(self) -> None:
        """Read all again, and tell those that are new here; a store that lost some gets them from here."""
        name = self._access.keys.live(_KEPT)
        stored = pairs(await self._access.ask("HGETALL", name))
        for channel, settings in list(self._known.items()):
            if channel not in stored:
                text = _text(channel, settings)
                await self._bulletin.tell(_KIND, text, kept=_KEPT, field=channel, value=text)
        for text in stored.values():
            found = _DECODER.decode(text)
            if self._known.get(found.channel) != found.settings():
                self._put(found.channel, found.settings())

    def _put(self, channel: str, settings: ChannelSettings) -> None:
        self._known[channel] = settings
        if self._changed is not None:
            self._changed(channel, settings)


def _text(channel: str, settings: ChannelSettings) -> str:
    stored = _Stored(
        channel, settings.level, settings.presence, settings.history, settings.frozen, settings.read_only_until
    )
    return msgspec.json.encode(stored).decode()
