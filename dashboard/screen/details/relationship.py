"""A relationship in full: the curve of its score, the parts of the score, and the facts that moved it."""

from __future__ import annotations

from msgspec import Struct

from dashboard.screen.blocks import Block, Cell, Tone, badge, facts, line, moment, table
from dashboard.screen.panes.relationships import HEALTH_TONES
from dashboard.screen.viewer import Viewer
from dossier_realtime.protocol.fields import Localized

_CURVE = 60  # movements in the curve


class ShownRelationship(Struct, kw_only=True):
    """The part of a relationship that is shown."""

    score: int | None = None
    status: str | None = None
    since: int | None = None
    trigger: str | None = None
    recommendations: list[str | Localized] = []


class ShownComponent(Struct, kw_only=True):
    """A part of a computed score: its weight, its points of 100 where they are known, and how many facts count."""

    name: str
    weight: float
    facts: int
    points: float | None = None


class ShownMovement(Struct, kw_only=True):
    """One movement of the score, by a fact, a user or the time that passed."""

    at: int
    score: int
    trigger: str
    points: int
    before: int | None = None
    text: Localized | None = None
    by: str | None = None


class ShownReasons(Struct, kw_only=True):
    """The reasons of a score, newest movement first."""

    relationship: ShownRelationship
    components: list[ShownComponent] = []
    moved: list[ShownMovement] = []
    last_engagement: int | None = None


def relationship_details(why: ShownReasons, viewer: Viewer) -> list[Block]:
    """Return the blocks of a relationship and the reasons of its score."""
    say, now = viewer.say, why.relationship
    scores = [one.score for one in reversed(why.moved)]
    if why.moved and why.moved[-1].before is not None:
        scores.insert(0, why.moved[-1].before)
    tone: Tone = HEALTH_TONES.get(now.status or "", "info")
    items: list[tuple[str, Cell]] = [
        ("col.score", now.score),
        ("col.status", None if now.status is None else badge(viewer.word("health", now.status), tone)),
        ("col.since", None if now.since is None else moment(now.since)),
        ("col.trigger", None if now.trigger is None else viewer.word("trigger", now.trigger)),
        ("col.history", line(scores[-_CURVE:], f"{scores[0]} → {scores[-1]}") if scores else None),
        ("detail.last_engagement", None if why.last_engagement is None else moment(why.last_engagement)),
        ("detail.recommended", "\n".join(_text(text, viewer) for text in now.recommendations) or None),
    ]
    parts: list[tuple[str, list[Cell]]] = [
        (
            part.name,
            [viewer.word("component", part.name), f"{100 * part.weight:.0f} %", part.points, part.facts],
        )
        for part in why.components
    ]
    moved = [(f"{place}", _movement(one, viewer)) for place, one in enumerate(why.moved)]
    return [
        facts("detail-facts", [(say(key), cell) for key, cell in items if cell is not None]),
        table(
            "detail-parts",
            say("detail.parts"),
            viewer.columns("part", "weight", "points", "facts"),
            parts,
            say("detail.given"),
        ),
        table(
            "detail-moved",
            say("detail.moved"),
            viewer.columns("time", "fact", "change", "score", "person"),
            moved,
            say("empty.relationships"),
        ),
    ]


def _movement(one: ShownMovement, viewer: Viewer) -> list[Cell]:
    told = viewer.word("trigger", one.trigger) if one.text is None else _text(one.text, viewer)
    return [moment(one.at), told, f"{one.points:+d}", one.score, one.by]


def _text(text: str | Localized, viewer: Viewer) -> str:
    if isinstance(text, Localized):
        return text.ar if viewer.language == "ar" else text.en
    return text
