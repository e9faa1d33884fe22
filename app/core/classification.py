"""The settings of channels: their classification and what an administrator switched (decisions, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msgspec import UNSET

from dossier_realtime.protocol.answers import SettingsPayload
from dossier_realtime.protocol.channels import Pattern, parse_pattern

from .namespaces import namespace_of
from .permissions import Clearance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dossier_realtime.protocol.commands import SettingsChange


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for one channel."""

    level: Clearance
    presence: bool
    history: bool
    frozen: bool = False

    def payload(self) -> SettingsPayload:
        """As the wire says it."""
        return SettingsPayload(self.level.label, self.presence, self.history, self.frozen)  # type: ignore[arg-type]  # labels are the Literal

    def changed(self, change: SettingsChange, channel: str) -> Settings:
        """The same settings with a change applied, as far as the channel's namespace can follow it."""
        namespace = namespace_of(channel)
        return replace(
            self,
            level=self.level if change.classification is UNSET else Clearance.parse(change.classification),
            presence=self.presence if change.presence is UNSET else change.presence and namespace.presence,
            history=self.history if change.history is UNSET else change.history and namespace.history,
            frozen=self.frozen if change.frozen is UNSET else change.frozen,
        )


class ChannelPolicy:
    """The settings of every channel: a table of patterns, and over it what was set for single channels."""

    def __init__(self, table: Iterable[tuple[str, str]], default: Clearance = Clearance.INTERNAL) -> None:
        self._table: list[tuple[Pattern, Clearance]] = []
        for text, label in table:
            pattern = parse_pattern(text)
            if pattern is None:
                raise ValueError(f"{text!r} is not a channel pattern")
            self._table.append((pattern, Clearance.parse(label)))
        self._default = default
        self._set: dict[str, Settings] = {}

    def settings(self, channel: str) -> Settings:
        """The settings in force on a well-formed channel name."""
        found = self._set.get(channel)
        return found if found is not None else self.inherited(channel)

    def inherited(self, channel: str) -> Settings:
        """The settings before anybody changed them: the first matching row of the table, else the default."""
        namespace = namespace_of(channel)
        level = next((level for pattern, level in self._table if pattern.matches(channel)), self._default)
        return Settings(level, namespace.presence, namespace.history)

    def put(self, channel: str, settings: Settings) -> None:
        """Settings that were changed, here or on another node."""
        self._set[channel] = settings

    def changed_channels(self) -> dict[str, Settings]:
        """Every channel whose settings somebody changed."""
        return dict(self._set)
