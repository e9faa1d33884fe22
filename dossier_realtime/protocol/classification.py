"""The classification of channels and their settings (docs/protocol.md#classification). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from .channels import Pattern, namespace, parse_pattern
from .namespaces import NAMESPACES, Namespace, namespace_of
from .responses import SettingsPayload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .commands import SettingsChange


class Clearance(IntEnum):
    """The data classification of a channel, and the highest classification that a person may see."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    SECRET = 3

    @property
    def label(self) -> str:
        """The word on the wire."""
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> Clearance:
        """Return the level of that name. Raises ValueError for any other word."""
        for level in cls:
            if level.label == label:
                return level
        raise ValueError("a classification is public, internal, confidential or secret")

    @classmethod
    def strict(cls, label: str) -> Clearance:
        """Return the level of that name; the highest for a word that is not known."""
        return _LEVELS.get(label, cls.SECRET)


_LEVELS = {level.label: level for level in Clearance}
LEVELS = tuple(_LEVELS)
"""The words of the levels, lowest first."""
HIGHEST = LEVELS[-1]


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """The settings in force on one channel.

    `raised`: an administrator set the level above the level that the channel has by the table of patterns.
    `read_only_until`: the Unix time at which `frozen` ends; None where it has no end, or does not hold.
    """

    level: Clearance
    presence: bool
    history: bool
    frozen: bool = False
    raised: bool = field(default=False, compare=False)
    read_only_until: int | None = None

    def payload(self) -> SettingsPayload:
        """Return the settings as the wire says them."""
        return SettingsPayload(
            self.level.label,  # type: ignore[arg-type]  # labels are the Literal
            self.presence,
            self.history,
            self.frozen,
            self.read_only_until,
        )

    def changed(self, change: SettingsChange, channel: str) -> ChannelSettings:
        """Return the settings with a change applied, as far as the channel's namespace supports it."""
        namespace = namespace_of(channel)
        frozen, until = self.frozen, self.read_only_until
        if change.read_only_until is not UNSET:
            frozen, until = True, change.read_only_until
        elif change.frozen is not UNSET:
            frozen, until = change.frozen, None
        return replace(
            self,
            level=self.level if change.classification is UNSET else Clearance.parse(change.classification),
            presence=self.presence if change.presence is UNSET else change.presence and namespace.presence,
            history=self.history if change.history is UNSET else change.history and namespace.history,
            frozen=frozen,
            read_only_until=until,
        )

    def at_least(self, level: Clearance) -> ChannelSettings:
        """Return the settings with a level that is not below `level`."""
        return self if level <= self.level else replace(self, level=level)


class _Inherited(NamedTuple):
    """The settings of a namespace before any change: those of the first pattern that matches, else `default`."""

    rows: tuple[tuple[Pattern, ChannelSettings], ...]
    default: ChannelSettings

    @classmethod
    def of(cls, row: Namespace, table: Iterable[tuple[Pattern, Clearance]], default: Clearance) -> _Inherited:
        """Return the part of a table that can match channels of a namespace."""
        return cls(
            tuple(
                (pattern, ChannelSettings(level, row.presence, row.history))
                for pattern, level in table
                if pattern.segments[0] in ("*", row.name)
            ),
            ChannelSettings(default, row.presence, row.history),
        )


class ChannelPolicy:
    """The settings of every channel: a table of patterns, and over it the settings of single channels."""

    def __init__(self, table: Iterable[tuple[str, str]], default: Clearance = Clearance.INTERNAL) -> None:
        rows: list[tuple[Pattern, Clearance]] = []
        for text, label in table:
            pattern = parse_pattern(text)
            if pattern is None:
                raise ValueError(f"{text!r} is not a channel pattern")
            rows.append((pattern, Clearance.parse(label)))
        # By namespace, since they are asked for several times an event. Never by name: the time would tell which
        # channels were in use.
        self._inherited = {name: _Inherited.of(row, rows, default) for name, row in NAMESPACES.items()}
        self._set: dict[str, ChannelSettings] = {}

    def settings(self, channel: str) -> ChannelSettings:
        """Return the settings in force on a well-formed channel name."""
        # The table is asked also where it does not decide: the time must not tell which channels were classified.
        inherited = self.inherited(channel)
        return self._set.get(channel, inherited)

    def inherited(self, channel: str) -> ChannelSettings:
        """Return the settings before any change: the first matching row of the table, else the default."""
        inherited = self._inherited[namespace(channel)]
        for pattern, settings in inherited.rows:
            if pattern.matches(channel):
                return settings
        return inherited.default

    def put(self, channel: str, settings: ChannelSettings) -> None:
        """Take over settings that were changed, here or on another node; what is as the table has it is no change."""
        inherited = self.inherited(channel)
        if settings == inherited:
            self._set.pop(channel, None)
        else:
            self._set[channel] = replace(settings, raised=settings.level > inherited.level)

    def changed_channels(self) -> dict[str, ChannelSettings]:
        """Return every channel whose settings were changed."""
        return dict(self._set)
