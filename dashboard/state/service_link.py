"""The dashboard's link to the service: whether the service answers, since when, and how old the data is. Pure.

Times are Unix seconds. `ops:nodes` comes once a second and node, so a link that is up and brings nothing for
`SILENT_SECONDS` leads to a service that stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboard.language.i18n import Language, say
from dashboard.screen.blocks import Tone

Status = Literal["connecting", "alive", "silent", "unreachable"]
SILENT_SECONDS = 5.0
LATE_LIST_SECONDS = 20.0  # after which the lists are said to be old: they are read every four seconds, long ones seldom
_TONES: dict[Status, Tone] = {"connecting": "warn", "alive": "good", "silent": "bad", "unreachable": "bad"}


@dataclass(frozen=True, slots=True)
class Strip:
    """The line above every page. `since`: when this status began; `age`: seconds since the last message."""

    tone: Tone
    text: str
    since: int | None
    age: int | None
    note: str


@dataclass(slots=True)
class ServiceLink:
    """What is known of the link. `refused`: the HTTP status with which the lists were refused the last time, or 0."""

    live: bool = False
    since: float = 0.0
    heard_at: float = 0.0
    listed_at: float = 0.0
    refused: int = 0

    def linked(self, live: bool, at: float) -> bool:
        """Record that the connection stands or does not. Return whether that is news."""
        if live == self.live and self.since:
            return False
        self.live, self.since = live, at
        return True

    def status(self, at: float) -> Status:
        """Return the status of the service at a time."""
        if not self.live:
            return "unreachable" if self.heard_at else "connecting"
        return "silent" if at - max(self.heard_at, self.since) > SILENT_SECONDS else "alive"

    def strip(self, language: Language, at: float) -> Strip:
        """Return the line that every page shows, at a time."""
        status = self.status(at)
        began = max(self.heard_at, self.since) if status == "silent" else self.since
        return Strip(
            _TONES[status],
            say(language, f"strip.{status}"),
            None if status == "alive" or not began else round(began),
            max(0, round(at - self.heard_at)) if self.heard_at else None,
            self._note(language, at, status),
        )

    def _note(self, language: Language, at: float, status: Status) -> str:
        """Return what else must be known of the data: the lists come over HTTP, apart from the messages."""
        if status != "alive":
            return ""
        if self.refused:
            return say(language, "strip.refused", status=self.refused)
        if self.listed_at and at - self.listed_at > LATE_LIST_SECONDS:
            return say(language, "strip.lists", age=round(at - self.listed_at))
        return ""
