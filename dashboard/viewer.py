"""Who looks: language, role, clearance; and what that lets them see and do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from dashboard.blocks import Cell, act, badge
from dashboard.i18n import Language, say, say_or
from dashboard.store import DashboardState
from dossier_realtime.protocol.values import Level

DashboardRole = Literal["viewer", "operator", "security_officer", "auditor"]
LEVELS: tuple[str, ...] = get_args(Level)

_OPERATOR = frozenset({"disconnect_user", "disconnect_session", "announce", "acknowledge", "cancel", "lift", "restore"})
MAY: dict[DashboardRole, frozenset[str]] = {
    "viewer": frozenset(),
    "auditor": frozenset(),
    "operator": _OPERATOR,
    "security_officer": _OPERATOR | {"revoke", "raise"},
}
"""What each role is offered. Whether it is done is for the service to say: it is asked with the viewer's own token."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Everything about a visitor that a page depends on. Two equal viewers see the same."""

    language: Language
    role: DashboardRole
    clearance: str

    def text(self, facts: Mapping[str, Any], name: str, otherwise: str = "") -> str:
        """What people wrote, in the viewer's language where it was written in both."""
        own = facts.get(f"{name}_{self.language}")
        return str(own if own is not None else facts.get(name, otherwise))

    def say(self, key: str, **values: object) -> str:
        return say(self.language, key, **values)

    def word(self, prefix: str, word: str) -> str:
        return say_or(self.language, prefix, word)

    def cleared(self, level: str) -> bool:
        """Whether what is classified so may be shown."""
        return level in LEVELS and LEVELS.index(level) <= LEVELS.index(self.clearance)

    def sees(self, state: DashboardState, channel: str) -> bool:
        """Whether what is said on the channel may be shown."""
        return self.cleared(state.level(channel))

    def channel(self, state: DashboardState, channel: str) -> str:
        """The channel's name, or only its namespace where the rest is too much."""
        return channel if self.sees(state, channel) else f"{channel.partition(':')[0]}:••• ({self.say('masked')})"

    def level(self, level: str) -> Cell:
        return badge(
            self.word("level", level), "bad" if level == "secret" else "warn" if level == LEVELS[2] else "info"
        )

    def act(self, name: str, of: str, ask: str = "") -> dict[str, str]:
        """An action as this viewer is offered it."""
        off = "" if name in MAY[self.role] else self.say("act.role")
        return act(name, of, self.say(f"act.{name}"), off, ask)

    def columns(self, *keys: str) -> list[tuple[str, str]]:
        return [(key, self.say(f"col.{key}")) for key in keys]
