"""The line above every page: whether the service answers, and how old the data is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.language.i18n import Language, say
from dashboard.screen.blocks import Tone
from dashboard.state.service_link import ServiceLink, Status

LATE_LIST_SECONDS = 20.0  # after which the lists are called old: they are read every 4 s, long ones less often
_TONES: dict[Status, Tone] = {"connecting": "warn", "alive": "good", "silent": "bad", "unreachable": "bad"}


@dataclass(frozen=True, slots=True)
class Strip:
    """The line above every page. `since`: when this status began; `age`: seconds since the last message."""

    tone: Tone
    text: str
    since: int | None
    age: int | None
    note: str


def service_strip(link: ServiceLink, language: Language, at: float) -> Strip:
    """Return the line that every page shows, at a time in Unix seconds."""
    status = link.status(at)
    began = max(link.heard_at, link.since) if status == "silent" else link.since
    return Strip(
        _TONES[status],
        say(language, f"strip.{status}"),
        None if status == "alive" or not began else round(began),
        max(0, round(at - link.heard_at)) if link.heard_at else None,
        _note(link, language, at, status),
    )


def _note(link: ServiceLink, language: Language, at: float, status: Status) -> str:
    """Return a sentence about the lists, which are read over HTTP, apart from the messages; "" while they are fresh."""
    if status != "alive":
        return ""
    if link.refused:
        return say(language, "strip.refused", status=link.refused)
    if link.listed_at and at - link.listed_at > LATE_LIST_SECONDS:
        return say(language, "strip.lists", age=round(at - link.listed_at))
    return ""
