"""The viewer of a page: language, role, permissions, clearance, and the facts and actions that these allow. Pure.

The process holds facts up to secret. A page receives those that its viewer could read at the service: the same
function decides, on the viewer's own permissions and clearance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from dashboard.language.i18n import Language, say, translate_value
from dashboard.screen.blocks import Block, Cell, ReasonNeed, action, badge
from dashboard.state.bounded_dict import BoundedDict
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.authorization import Fact, Identity, decide_operator, may_see
from dossier_realtime.protocol.classification import LEVELS, ChannelPolicy, ChannelSettings, Clearance

DashboardRole = Literal["observer", "operator", "security_officer", "auditor"]
_NO_CHANNELS = ChannelPolicy([])

OWN_ACTIONS = frozenset({"read_entry", "read_all", "snooze_entry"})
"""Marks that every user may set in their own inbox. That is no act of an operator, and needs no reason."""
OPTIONAL_REASON = frozenset({"acknowledge", "snooze", "delegate", "complete"})
"""The steps that people take about commitments; the reason, if given, stands in the commitment's history."""

_OPERATOR = OWN_ACTIONS | frozenset(
    {
        *("disconnect_user", "disconnect_session", "announce", "cancel", "lift", "restore"),
        *("acknowledge", "snooze", "delegate", "complete"),
    }
)
ACTIONS_BY_ROLE: dict[DashboardRole, frozenset[str]] = {
    "observer": OWN_ACTIONS,
    "auditor": OWN_ACTIONS,
    "operator": _OPERATOR,
    "security_officer": _OPERATOR | {"revoke", "raise"},
}
"""The actions that each role is offered. The service decides on each, by the viewer's own token."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The properties of a user that a page depends on. Two equal viewers see the same."""

    language: Language
    role: DashboardRole
    identity: Identity

    @property
    def clearance(self) -> str:
        """The word of the viewer's clearance."""
        return self.identity.clearance.label

    @property
    def operates(self) -> bool:
        """Return whether the viewer may see names and addresses of sessions, and the actions of others."""
        return decide_operator(self.identity).allowed

    @property
    def sees_everything(self) -> bool:
        """Return whether no fact is hidden from the viewer."""
        return self.operates and self.identity.clearance is Clearance.SECRET

    def text(self, text: str | UnsetType, arabic: str | UnsetType, otherwise: str = "") -> str:
        """Return a text that people wrote, in the viewer's language where both languages are given."""
        if self.language == "ar" and arabic is not UNSET:
            return arabic
        return otherwise if text is UNSET else text

    def say(self, key: str, **values: object) -> str:
        """Return the text of a key in the viewer's language."""
        return say(self.language, key, **values)

    def word(self, prefix: str, word: str) -> str:
        """Return the text for a value of a closed list."""
        return translate_value(self.language, prefix, word)

    def cleared(self, level: str) -> bool:
        """Return whether a fact of this classification may be shown, on whatever channel."""
        return may_see(self.identity, Fact(level=Clearance.strict(level)), _NO_CHANNELS.settings)

    def sees(self, state: DashboardState, channel: str) -> bool:
        """Return whether messages of the channel may be shown. A channel that is not known yet counts as secret."""
        return self.shows(state, Fact((channel,), Clearance.PUBLIC if channel in state.channels else Clearance.SECRET))

    def shows(self, state: DashboardState, fact: Fact) -> bool:
        """Return whether a fact may be shown. A channel that is not known yet has the level that the fact had."""

        def settings(channel: str) -> ChannelSettings:
            level = Clearance.strict(state.level(channel)) if channel in state.channels else fact.level
            return ChannelSettings(level, presence=True, history=True, raised=True)

        return may_see(self.identity, fact, settings)

    def note(self) -> list[Block]:
        """Return the sentence that rows may be hidden, for viewers from whom they can be.

        It is shown also while no row is hidden: its coming and going would reveal hidden rows.
        """
        if self.sees_everything:
            return []
        return [{"id": "hidden", "kind": "banner", "tone": "info", "text": self.say("hidden")}]

    def bounded(self, cap: int, clipped: bool) -> str:
        """Return the sentence of a list of which at most `cap` rows are kept, where rows may be missing.

        Like `note` it is always shown to viewers from whom rows may be hidden: it would reveal the number of rows
        otherwise.
        """
        return self.say("kept", count=f"{cap:,}") if clipped or not self.sees_everything else ""

    def kept(self, *those: BoundedDict[Any]) -> str:
        """Return the sentence of a list whose rows are in these dicts, where some were dropped."""
        return self.bounded(sum(one.cap for one in those), any(one.dropped for one in those))

    def unfollowed(self, state: DashboardState) -> list[Block]:
        """Return the sentence that not every channel is followed, with counts of the channels that may be seen."""
        seen = [channel for channel in state.channels if self.sees(state, channel)]
        missing = sum(not state.follows(channel) for channel in seen)
        if not missing:
            return []
        text = self.say("unfollowed", missing=f"{missing:,}", count=f"{len(seen):,}")
        return [{"id": "unfollowed", "kind": "banner", "tone": "warn", "text": text}]

    def heard(self, state: DashboardState, standing: str) -> list[Block]:
        """Return the sentence of a page whose facts come as messages: as of when the list `standing` was read.

        Without that list, earlier facts may be missing.
        """
        if not state.live:
            return []
        read_at = state.read_at.get(standing)
        key, at = ("heard", state.link.since) if read_at is None else ("stands", read_at)
        return [{"id": "heard", "kind": "banner", "tone": "info", "text": self.say(key), "at": round(at)}]

    def nothing(self, key: str) -> str:
        """Return the sentence of an empty list.

        Viewers from whom rows may be hidden read one neutral sentence, whether or not rows are hidden.
        """
        return self.say(key if self.sees_everything else "empty.hidden")

    def level(self, level: str) -> Cell:
        """Return the badge of a classification."""
        return badge(
            self.word("level", level), "bad" if level == "secret" else "warn" if level == LEVELS[2] else "info"
        )

    def action(self, name: str, of: str, ask: str = "") -> dict[str, str]:
        """Return an action, disabled where the viewer's role may not take it."""
        off = "" if name in ACTIONS_BY_ROLE[self.role] else self.say("act.role")
        reason: ReasonNeed = "none" if name in OWN_ACTIONS else "optional" if name in OPTIONAL_REASON else "needed"
        return action(name, of, self.say(f"act.{name}"), off, ask, reason)

    def look(self, kind: str, of: str, label: str = "detail.look") -> dict[str, str]:
        """Return the button that shows one thing in full: an `alert`, a `brief`, a `relationship`, a `document`."""
        return {**action("look", of, self.say(label)), "look": kind}

    def columns(self, *keys: str) -> list[tuple[str, str]]:
        """Return columns with their labels, by their keys."""
        return [(key, self.say(f"col.{key}")) for key in keys]
