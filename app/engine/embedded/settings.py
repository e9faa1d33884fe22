"""Settings of single channels, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial

from app.engine.sqlite.writer import Writer
from dossier_realtime.protocol.classification import ChannelSettings, Clearance


class EmbeddedSettings:
    """`ports.ChannelSettingsStore`."""

    def __init__(self, writer: Writer, found: dict[str, ChannelSettings]) -> None:
        self._writer, self._found = writer, found
        self._changed: Callable[[str, ChannelSettings], None] = lambda channel, settings: None

    def start(self, changed: Callable[[str, ChannelSettings], None]) -> None:
        self._changed = changed
        for channel, settings in self._found.items():
            changed(channel, settings)
        self._found = {}

    async def put(self, channel: str, settings: ChannelSettings) -> None:
        await self._writer.submit(
            partial(_put, channel=channel, settings=settings), lambda _: self._changed(channel, settings)
        )


def stored_settings(db: sqlite3.Connection) -> dict[str, ChannelSettings]:
    """Return the stored settings, by channel."""
    return {
        channel: ChannelSettings(Clearance(level), bool(presence), bool(history), bool(frozen), read_only_until=until)
        for channel, level, presence, history, frozen, until in db.execute(
            "SELECT channel, level, presence, history, frozen, read_only_until FROM settings"
        )
    }


def _put(db: sqlite3.Connection, channel: str, settings: ChannelSettings) -> None:
    db.execute(
        "INSERT OR REPLACE INTO settings (channel, level, presence, history, frozen, read_only_until) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            channel,
            settings.level,
            settings.presence,
            settings.history,
            settings.frozen,
            settings.read_only_until,
        ),
    )
