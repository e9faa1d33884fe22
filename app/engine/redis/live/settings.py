"""Settings of single channels: in Redis, and all of them in the memory of each node."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from app.engine.redis.live.access import LiveAccess, pairs
from app.engine.redis.live.bulletin import Bulletin, KeptRow
from dossier_realtime.protocol.classification import ChannelSettings, Clearance

_KIND, _KEPT = "settings", "settings"


class _Stored(msgspec.Struct, array_like=True):
    """The settings of a channel as they are stored; all but how they came about.

    `number`: of the entry that set them, where another one repeats it.
    """

    channel: str
    level: int
    presence: bool
    history: bool
    frozen: bool
    read_only_until: int | None
    number: int | None = None

    def settings(self) -> ChannelSettings:
        level = Clearance(self.level)
        return ChannelSettings(level, self.presence, self.history, self.frozen, read_only_until=self.read_only_until)


class _Known(NamedTuple):
    """Settings, and the number of the entry that set them; 0 where it is unknown."""

    number: int
    settings: ChannelSettings


_DECODER = msgspec.json.Decoder(_Stored)


class RedisSettings:
    """`ports.ChannelSettingsStore`. A change is in force on every living node before `put` returns."""

    def __init__(self, access: LiveAccess, bulletin: Bulletin) -> None:
        self._access, self._bulletin = access, bulletin
        self._changed: Callable[[str, ChannelSettings], None] | None = None
        self._known: dict[str, _Known] = {}
        bulletin.receivers[_KIND] = self._heard
        bulletin.again.append(self._read)

    def start(self, changed: Callable[[str, ChannelSettings], None]) -> None:
        self._changed = changed
        for channel, known in self._known.items():
            changed(channel, known.settings)

    async def put(self, channel: str, settings: ChannelSettings) -> None:
        text, known = _text(channel, settings), self._known.get(channel)
        row = KeptRow(_KEPT, channel, text, 0 if known is None else known.number)
        number = await self._bulletin.post(_KIND, text, row)
        await self._bulletin.heard_by_all(number)

    def _heard(self, body: str, number: int) -> None:
        found = _DECODER.decode(body)
        self._put(found.channel, _Known(number if found.number is None else found.number, found.settings()))

    async def _read(self) -> None:
        """Read all again, and take those that are newer; a store that lost some, or was put back, gets ours."""
        name = self._access.keys.live(_KEPT)
        rows = pairs(await self._access.ask("HGETALL", name))
        stored = {channel: _row(text) for channel, text in rows.items()}
        for channel, (number, settings) in list(self._known.items()):
            if channel not in stored or stored[channel].number < number:
                text, repeated = _text(channel, settings), _text(channel, settings, number)
                await self._bulletin.tell(_KIND, repeated, KeptRow(_KEPT, channel, text, number, is_known=True))
        for channel, found in stored.items():
            if self._known.get(channel) != found:
                self._put(channel, found)

    def _put(self, channel: str, found: _Known) -> None:
        """Take settings, unless newer ones are known."""
        before = self._known.get(channel)
        if before is not None and before.number > found.number:
            return
        self._known[channel] = found
        if self._changed is not None:
            self._changed(channel, found.settings)


def _text(channel: str, settings: ChannelSettings, number: int | None = None) -> str:
    level, until = settings.level, settings.read_only_until
    stored = _Stored(channel, level, settings.presence, settings.history, settings.frozen, until, number)
    return msgspec.json.encode(stored).decode()


def _row(text: str) -> _Known:
    """Return a row of the store; one that was moved there has no number yet."""
    number, _, value = text.partition(" ")
    if not number.isdigit():
        number, value = "0", text
    return _Known(int(number), _DECODER.decode(value).settings())
