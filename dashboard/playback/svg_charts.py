"""Pictures for analysts: a lane a row, a table as a heat map, levels as steps, a text by author. Pure.

Each is SVG or HTML without any script: it is saved with its notebook, and a browser shapes its Arabic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from dashboard.language.i18n import Language, say
from dashboard.language.theme import FONT, PALETTES
from dossier_realtime.protocol.plain_text import inert, isolated

if TYPE_CHECKING:
    import pandas as pd

    from dossier_realtime.recording.relationships.history import ScorePoint
    from dossier_realtime.recording.replay.documents import Piece

Half = Literal["upper", "lower", "whole"]

AUTHORS = ("#1f77b4", "#d1495b", "#2a9d4a", "#8e5bc0", "#d98200", "#0aa5b5", "#8c6d3f", "#d65bb0")
"""Colours of authors, as in the player."""

_LIGHT = PALETTES["light"]
_STEPS = ("#eef2f4", "#cfe9e6", "#7cc5be", "#0f7a73", "#0b5c57")  # from none to many, as on the map of countries
_STEPS_INK = ("#55636f", "#17222c", "#0b2b29", "#ffffff", "#ffffff")
_LEVELS = {1: "#1f5687", 2: "#b45309", 3: "#a3211b"}
_HEALTH = {"healthy": "#7cc5be", "monitor": "#cfe9e6", "at_risk": "#e8b273", "critical": "#d98280"}
_CURVE_ROWS = 7
_TONES: dict[Half, str] = {"upper": _LIGHT.second, "lower": _LIGHT.first, "whole": "#a3211b"}
_WIDTH, _LABEL, _ROW, _TOP, _BOTTOM = 1000, 210, 24, 40, 34  # pixels
_FIELD = _WIDTH - _LABEL - 20
_CHARS = 28  # of a label
_ROUND = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


class SvgChart:
    """A chart that a notebook displays as it is."""

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def save(self, file: str | Path) -> Path:
        """Write the chart to a file that a browser opens. Return its path."""
        path = Path(file)
        path.write_text(f'<!DOCTYPE html>\n<meta charset="utf-8">\n{self.markup}\n', encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        return self.markup


class Mark(NamedTuple):
    """An event at a time (Unix seconds).

    `half` of its row: `upper` for sent, `lower` for received, `whole` for refused. `title` is its tooltip.
    """

    at: float
    half: Half
    title: str = ""


def lanes(
    rows: Mapping[str, Sequence[Mark]],
    since: float,
    until: float,
    *,
    title: str,
    spans: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    key: Mapping[Half, str] | None = None,
) -> SvgChart:
    """Return marks in one row each, from `since` to `until` (Unix seconds). `spans`: the times of each row."""
    drawn = [_axis(since, until, len(rows))]
    for number, (label, marks) in enumerate(rows.items()):
        top = _TOP + number * _ROW
        drawn.append(_label(label, top))
        for start, end in (spans or {}).get(label, [(since, until)]):
            left, right = _x(start, since, until), _x(end, since, until)
            drawn.append(_rect(left, top + _ROW / 2 - 1, right - left, 2, _LIGHT.edge))
        for mark in marks:
            low = top + (_ROW / 2 if mark.half == "lower" else 2)
            height = _ROW - 4 if mark.half == "whole" else _ROW / 2 - 2
            drawn.append(_rect(_x(mark.at, since, until) - 1, low, 2, height, _TONES[mark.half], mark.title))
    return _svg(title, drawn, len(rows), key or {})


def steps(
    rows: Mapping[str, Sequence[tuple[float, int]]],
    since: float,
    until: float,
    *,
    title: str,
    language: Language = "en",
) -> SvgChart:
    """Return alert levels over time, each until the next one: the higher the level, the taller the step."""
    drawn = [_axis(since, until, len(rows))]
    for number, (label, climbed) in enumerate(rows.items()):
        top = _TOP + number * _ROW
        drawn.append(_label(label, top))
        ends = [at for at, _ in climbed[1:]] + [until]
        for (at, level), end in zip(climbed, ends, strict=True):
            tall = 6 * level
            left = _x(at, since, until)
            width = _x(end, since, until) - left
            drawn.append(
                _rect(left, top + _ROW - 3 - tall, width, tall, _LEVELS[level], say(language, f"alert.{level}"))
            )
    return _svg(title, drawn, len(rows), {})


def curve(points: Sequence[ScorePoint], since: float, until: float, *, title: str) -> SvgChart:
    """Return a relationship's score over time, from 0 to 100, each until the next one; its tooltip names the cause."""
    tall = _CURVE_ROWS * _ROW
    drawn = [_axis(since, until, _CURVE_ROWS)]
    for score in (0, 40, 60, 80, 100):
        top = _TOP + tall * (1 - score / 100)
        drawn.append(_rect(_LABEL, top, _FIELD, 1, _LIGHT.edge))
        drawn.append(_text(_LABEL - 10, top + 4, str(score), "end", _LIGHT.quiet))
    ends = [point.at for point in points[1:]] + [until]
    for point, end in zip(points, ends, strict=True):
        left = _x(point.at, since, until)
        height = tall * point.score / 100
        cause = f"{point.trigger}{f' ({point.fact})' if point.fact else ''}: {point.points:+d} → {point.score}"
        width = _x(end, since, until) - left
        drawn.append(_rect(left, _TOP + tall - height, width, height, _HEALTH[point.status], cause))
    return _svg(title, drawn, _CURVE_ROWS, {})


def heat(table: pd.DataFrame, *, title: str, unit: str) -> SvgChart:
    """Return a table of counts as a heat map. Its index and its columns name rows and columns."""
    columns, rows = [str(name) for name in table.columns], [str(name) for name in table.index]
    width = _FIELD / max(1, len(columns))
    most = float(table.to_numpy().max(initial=0)) or 1.0
    last = len(_STEPS) - 1
    drawn = []
    widest = max((len(name) for name in columns), default=0)
    room = ceil((7 * widest + 6) / width)  # columns that a name takes, so that labels do not overlap
    for number, name in enumerate(columns):
        if number % room == 0:
            middle = _LABEL + (number + 0.5) * width
            drawn.append(_text(middle, _TOP - 8, name, "middle", _LIGHT.quiet))
    for number, name in enumerate(rows):
        top = _TOP + number * _ROW
        drawn.append(_label(name, top))
        for place, value in enumerate(table.iloc[number]):
            step = 0 if value <= 0 else 1 + min(last - 1, int((last - 1) * value / most))
            tip = f"{isolated(name)} · {isolated(columns[place])}: {value:g} {unit}"
            drawn.append(_rect(_LABEL + place * width, top + 1, width - 1, _ROW - 2, _STEPS[step], tip))
            if value > 0 and width >= 24:
                drawn.append(_text(_LABEL + (place + 0.5) * width, top + 16, f"{value:g}", "middle", _STEPS_INK[step]))
    return _svg(f"{title} ({unit})", drawn, len(rows), {})


def paper(pieces: Iterable[Piece], names: Mapping[str, str], *, language: Language = "en") -> SvgChart:
    """Return a text with each author's stretches in a colour of their own."""
    colours = {user: AUTHORS[number % len(AUTHORS)] for number, user in enumerate(names)}

    def dressed(user: str, text: str, title: str) -> str:
        colour = colours.get(user, _LIGHT.quiet)
        style = f"text-decoration: underline 2px {colour}; text-underline-offset: 0.3em; background: {colour}1f"
        return f'<span style="{style}" title="{_escaped(title)}">{_escaped(text)}</span>'

    named = " &nbsp; ".join(f"<bdi>{dressed(user, name, user)}</bdi>" for user, name in names.items())
    before = say(language, "player.before")
    text = "".join(dressed(user, text, names.get(user, before)) for user, text in pieces)
    sheet = (
        f"font: 15px/2 {escape(FONT)}; color: {_LIGHT.ink}; background: {_LIGHT.surface}; padding: 0.8rem 1.2rem; "
        f"border: 1px solid {_LIGHT.edge}; border-radius: 8px; max-width: {_WIDTH - 40}px"
    )
    body = '<div dir="auto" style="white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext">'
    label = escape(say(language, "player.document_text"))
    return SvgChart(f'<section aria-label="{label}" style="{sheet}"><p>{named}</p>{body}{text}</div></section>')


def _svg(title: str, drawn: Iterable[str], rows: int, key: Mapping[Half, str]) -> SvgChart:
    height = _TOP + rows * _ROW + (_BOTTOM if key else 8)
    back = _rect(0, 0, _WIDTH, height, _LIGHT.surface)
    legend = [
        _rect(_LABEL + 240 * number, height - 15, 3, 10, _TONES[half])
        + _text(_LABEL + 240 * number + 8, height - 6, text, "start", _LIGHT.quiet)
        for number, (half, text) in enumerate(key.items())
    ]
    named = f'<text x="10" y="16" font-weight="650" fill="{_LIGHT.ink}">{_escaped(title)}</text>'
    head = f'viewBox="0 0 {_WIDTH} {height}" style="max-width: {_WIDTH}px; width: 100%" font-family="{escape(FONT)}"'
    body = "".join([back, named, *drawn, *legend])
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{_escaped(title)}" {head} font-size="12">'
    return SvgChart(f"{svg}{body}</svg>")


def _axis(since: float, until: float, rows: int) -> str:
    """Return lines at round times, in UTC."""
    length = max(until - since, 0.001)
    step = next((step for step in _ROUND if length / step <= 8), length / 8)
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%d.%m."
    lines = []
    tick = (since // step + 1) * step
    while tick < until:
        x, at = _x(tick, since, until), datetime.fromtimestamp(tick, UTC)
        text = at.strftime(form) + (f".{at.microsecond // 100_000}" if step < 1 else "")
        lines.append(_rect(x, _TOP - 4, 1, rows * _ROW + 4, _STEPS[0]))
        lines.append(_text(x, _TOP - 8, text, "middle", _LIGHT.quiet))
        tick += step
    return "".join([*lines, _text(_WIDTH - 8, 16, "UTC", "end", _LIGHT.quiet)])


def _escaped(text: str) -> str:
    """Return data as markup: no part of it becomes an element, and no mark of direction reaches its neighbours."""
    return escape(inert(text))


def _x(at: float, since: float, until: float) -> float:
    return _LABEL + _FIELD * (min(max(at, since), until) - since) / ((until - since) or 1)


def _label(text: str, top: float) -> str:
    short = text if len(text) <= _CHARS else text[: _CHARS - 1] + "…"
    return _text(_LABEL - 10, top + 16, short, "end", _LIGHT.ink, text)


def _text(x: float, y: float, text: str, anchor: str, fill: str, title: str = "") -> str:
    tip = f"<title>{_escaped(title)}</title>" if title else ""
    own = f"\u2068{_escaped(text)}\u2069"  # each name in its own direction
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{tip}{own}</text>'


def _rect(x: float, y: float, width: float, height: float, fill: str, title: str = "") -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{max(0.5, width):.1f}" height="{height:.1f}" fill="{fill}"'
    return f"<rect {size}><title>{_escaped(title)}</title></rect>" if title else f"<rect {size}/>"
