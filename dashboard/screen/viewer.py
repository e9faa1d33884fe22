"""The viewer of a page: language, role, permissions, clearance; what that lets them see and do. Pure.

The process holds facts up to secret. A page is told of them what its viewer could read at the service: it is decided by
the same function, on the viewer's own permissions and clearance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from dashboard.language.i18n import Language, say, translate_value
from dashboard.screen.blocks import Block, Cell, action, badge
from dashboard.state.bounded_dict import BoundedDict
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.authorization import Fact, Identity, decide_operator, may_see
from dossier_realtime.protocol.classification import LEVELS, ChannelPolicy, ChannelSettings, Clearance

DashboardRole = Literal["observer", "operator", "security_officer", "auditor"]
_NO_CHANNELS = ChannelPolicy([])

_OPERATOR = frozenset({"disconnect_user", "disconnect_session", "announce", "acknowledge", "cancel", "lift", "restore"})
ACTIONS_BY_ROLE: dict[DashboardRole, frozenset[str]] = {
    "observer": frozenset(),
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
    identity: Identity

    @property
    def clearance(self) -> str:
        """The word of the viewer's clearance."""
        return self.identity.clearance.label

    @property
    def operates(self) -> bool:
        """Return whether names and addresses of sessions may be shown, and what others did."""
        return decide_operator(self.identity).allowed

    @property
    def sees_everything(self) -> bool:
        """Return whether nothing is ever hidden."""
        return self.operates and self.identity.clearance is Clearance.SECRET

    def text(self, text: str | UnsetType, arabic: str | UnsetType, otherwise: str = "") -> str:
        """Return a text that people wrote, in the viewer's language where it was written in both."""
        if self.language == "ar" and arabic is not UNSET:
            return arabic
        return otherwise if text is UNSET else text

    def say(self, key: str, **values: object) -> str:
        return say(self.language, key, **values)

    def word(self, prefix: str, word: str) -> str:
        return translate_value(self.language, prefix, word)

    def cleared(self, level: str) -> bool:
        """Return whether what is classified so may be shown, whatever channel it is from."""
        return may_see(self.identity, Fact(level=Clearance.strict(level)), _NO_CHANNELS.settings)

    def sees(self, state: DashboardState, channel: str) -> bool:
        """Return whether what is said on the channel may be shown. A channel that is not known yet counts as secret."""
        return self.shows(state, Fact((channel,), Clearance.PUBLIC if channel in state.channels else Clearance.SECRET))

    def shows(self, state: DashboardState, fact: Fact) -> bool:
        """Return whether a fact may be shown. A channel that is not known yet has the level that the fact had."""

        def settings(channel: str) -> ChannelSettings:
            level = Clearance.strict(state.level(channel)) if channel in state.channels else fact.level
            return ChannelSettings(level, presence=True, history=True, raised=True)

        return may_see(self.identity, fact, settings)

    def note(self) -> list[Block]:
        """Return the sentence that not everything is shown, for whom that can be so.

        It stands there also while nothing is hidden: that it comes and goes would tell what is.
        """
        if self.sees_everything:
            return []
        return [{"id": "hidden", "kind": "banner", "tone": "info", "text": self.say("hidden")}]

    def bounded(self, cap: int, clipped: bool) -> str:
        """Return the sentence of a list of which no more than `cap` rows are kept, where it may not be whole.

        Like `note` it is always there for whom rows may be hidden from: how many there are would tell of them.
        """
        return self.say("kept", count=f"{cap:,}") if clipped or not self.sees_everything else ""

    def kept(self, *those: BoundedDict[Any]) -> str:
        """Return the sentence of a list whose rows stand in these, where some were let go."""
        return self.bounded(sum(one.cap for one in those), any(one.dropped for one in those))

    def unfollowed(self, state: DashboardState) -> list[Block]:
        """Return the sentence that not every channel is followed, with how many of those that may be seen are not."""
        seen = [channel for channel in state.channels if self.sees(state, channel)]
        missing = sum(not state.follows(channel) for channel in seen)
        if not missing:
            return []
        text = self.say("unfollowed", missing=f"{missing:,}", count=f"{len(seen):,}")
        return [{"id": "unfollowed", "kind": "banner", "tone": "warn", "text": text}]

    def heard(self, state: DashboardState) -> list[Block]:
        """Return the sentence of a page whose facts are heard, not listed: those from before may be missing."""
        if not state.live:
            return []
        since = round(state.link.since)
        return [{"id": "heard", "kind": "banner", "tone": "info", "text": self.say("heard"), "at": since}]

    def nothing(self, key: str) -> str:
        """Return the sentence of an empty list from which rows may be hidden: for whom that can be so, it says no more
        than that there is nothing for them. It is the same whether any row is hidden."""
        return self.say(key if self.sees_everything else "empty.hidden")

    def level(self, level: str) -> Cell:
        return badge(
            self.word("level", level), "bad" if level == "secret" else "warn" if level == LEVELS[2] else "info"
        )

    def action(self, name: str, of: str, ask: str = "") -> dict[str, str]:
        """An action as this viewer is offered it."""
        off = "" if name in ACTIONS_BY_ROLE[self.role] else self.say("act.role")
        return action(name, of, self.say(f"act.{name}"), off, ask)

    def columns(self, *keys: str) -> list[tuple[str, str]]:
        return [(key, self.say(f"col.{key}")) for key in keys]
