"""Draw the pictures of the documentation: `python -m tools.diagrams`, or `--check` to change nothing.

Each `docs/diagrams/<name>.yaml` becomes `docs/images/<name>.svg`. The text alternative of a picture stands in the SVG
itself (`title` and `desc`) and says everything that is drawn. With `--check`, stale pictures are named and the exit
status is 1.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "docs" / "diagrams"
IMAGES = ROOT / "docs" / "images"

FUNCTION = re.compile(r"`(\w+)`")
_CHAR = 6.4  # pixels that a character of 12 pixels takes, on average
_LINE = 15  # pixels from one line of text to the next
_MARGIN = 16
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #1c2733; }
.title { font-size: 16px; font-weight: 600; }
.name { font-weight: 600; }
.path { font: 10.5px ui-monospace, monospace; fill: #44576b; }
.row { fill: #f1f5f9; stroke: #c3cfdb; }
.box { fill: #ffffff; stroke: #5b7895; }
.note { fill: #fff8e1; stroke: #d9b44a; }
.life { stroke: #9fb0c1; stroke-dasharray: 3 4; }
.call { stroke: #1c2733; fill: none; }
.reply { stroke: #1c2733; stroke-dasharray: 6 4; fill: none; }"""

_LABELLED = 'aria-labelledby="title desc"'
_ARROW_HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="#1c2733"/></marker></defs>'
)


class Box(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the system. `path`: its folder or file in the repository; empty for a part outside of it."""

    name: str
    text: str
    path: str = ""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A floor: parts of one row may import those of the rows below."""

    name: str
    boxes: list[Box]


class Parts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="parts"):
    """A picture of parts in rows."""

    title: str
    summary: str
    rows: list[Row]


class Lifeline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A class or module that takes part in a sequence. `path`: its file; empty for a program elsewhere."""

    id: str
    name: str
    path: str = ""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from", "target": "to"}):
    """A call, a reply, or work inside of one participant (`from` and `to` are the same).

    Names of functions stand in backquotes; a test looks each up in the files of both participants.
    """

    source: str
    target: str
    text: str
    reply: bool = False


class CallSequence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="sequence"):
    """A picture of messages between participants, from top to bottom."""

    title: str
    summary: str
    participants: list[Lifeline]
    steps: list[Step]


Diagram = Parts | CallSequence


def read(source: Path) -> Diagram:
    """Return the diagram that a YAML file describes. Raises msgspec.ValidationError."""
    diagram: Diagram = msgspec.yaml.decode(source.read_text("utf-8"), type=Diagram)
    return diagram


def alternative(diagram: Diagram) -> str:
    """Return everything that the picture shows, as text."""
    if isinstance(diagram, Parts):
        rows = (
            f"{row.name}: " + "; ".join(f"{box.name} ({box.path or 'outside'}), {box.text}" for box in row.boxes) + "."
            for row in diagram.rows
        )
        return " ".join((diagram.summary, *rows))
    names = {each.id: each.name for each in diagram.participants}
    steps = (
        f"{number}. {_direction(step, names)}: {_plain(step.text)}." for number, step in enumerate(diagram.steps, 1)
    )
    return " ".join((diagram.summary, *steps))


def svg(diagram: Diagram) -> str:
    """Return the picture as an SVG document."""
    width, height, body = _parts(diagram) if isinstance(diagram, Parts) else _sequence(diagram)
    return "\n".join(
        [
            "<!-- Made by `make generate` from docs/diagrams: change the source, not this file. -->",
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {_LABELLED}>',
            f'<title id="title">{escape(diagram.title)}</title>',
            f'<desc id="desc">{escape(alternative(diagram))}</desc>',
            f"<style>\n{_STYLE}\n</style>",
            _ARROW_HEAD,
            f'<rect width="{width}" height="{height}" rx="8" fill="#fbfcfe"/>',
            f'<text class="title" x="{_MARGIN}" y="28">{escape(diagram.title)}</text>',
            *body,
            "</svg>\n",
        ]
    )


def _plain(text: str) -> str:
    """Return the text with the names of functions in backquotes as calls."""
    return FUNCTION.sub(r"\1()", text)


def _direction(step: Step, names: dict[str, str]) -> str:
    if step.source == step.target:
        return names[step.source]
    return f"{names[step.source]} {'answers' if step.reply else 'to'} {names[step.target]}"


def _wrapped(text: str, width: float) -> list[str]:
    return textwrap.wrap(_plain(text), max(int(width / _CHAR), 8))


def _lines(lines: Sequence[str], x: float, y: float, css: str = "", anchor: str = "start") -> Iterator[str]:
    for number, line in enumerate(lines):
        kind = f' class="{css}"' if css else ""
        yield f'<text{kind} x="{x:g}" y="{y + number * _LINE:g}" text-anchor="{anchor}">{escape(line)}</text>'


# --- parts in rows ------------------------------------------------------------------------------------------------

_PARTS_WIDTH = 1120
_LABEL = 116  # pixels for the names of the rows


def _parts(diagram: Parts) -> tuple[int, int, list[str]]:
    body: list[str] = []
    y = 46
    for row in diagram.rows:
        room = (_PARTS_WIDTH - 2 * _MARGIN - _LABEL - 8) / len(row.boxes)
        texts = [_wrapped(box.text, room - 32) for box in row.boxes]
        height = max(len(lines) for lines in texts) * _LINE + 46 + 16
        body.append(
            f'<rect class="row" x="{_MARGIN}" y="{y}" width="{_PARTS_WIDTH - 2 * _MARGIN}" height="{height}" rx="6"/>'
        )
        body += _lines(_wrapped(row.name, _LABEL - 16), _MARGIN + 10, y + 24, "name")
        for number, (box, lines) in enumerate(zip(row.boxes, texts, strict=True)):
            x = _MARGIN + _LABEL + number * room
            body.append(f'<rect class="box" x="{x:g}" y="{y + 8}" width="{room - 8:g}" height="{height - 16}" rx="4"/>')
            body += _lines([box.name], x + 10, y + 27, "name")
            body += _lines([box.path], x + 10, y + 42, "path")
            body += _lines(lines, x + 10, y + 60)
        y += height + 10
    return _PARTS_WIDTH, y + 6, body


# --- sequences ----------------------------------------------------------------------------------------------------

_COLUMN = 158  # pixels from one participant to the next


def _sequence(diagram: CallSequence) -> tuple[int, int, list[str]]:
    width = 2 * _MARGIN + _COLUMN * len(diagram.participants)
    middle = {each.id: _MARGIN + _COLUMN * (n + 0.5) for n, each in enumerate(diagram.participants)}
    folders = [_path_lines(each.path) for each in diagram.participants]
    head = 30 + max(len(lines) for lines in folders) * _LINE
    steps: list[str] = []
    y = 46.0 + head + 18
    for number, step in enumerate(diagram.steps, 1):
        drawn, y = _step(f"{number}. {step.text}", step, middle, y)
        steps += drawn
    body: list[str] = []
    for each, lines in zip(diagram.participants, folders, strict=True):
        x = middle[each.id]
        body.append(f'<line class="life" x1="{x:g}" y1="{46 + head}" x2="{x:g}" y2="{y:g}"/>')
        body.append(
            f'<rect class="box" x="{x - _COLUMN / 2 + 4:g}" y="46" width="{_COLUMN - 8}" height="{head}" rx="4"/>'
        )
        body += _lines([each.name], x, 66, "name", "middle")
        body += _lines(lines, x, 82, "path", "middle")
    return width, int(y) + _MARGIN, body + steps


def _path_lines(path: str) -> list[str]:
    """Break a path after a folder where it is wider than a column."""
    lines = [""]
    for part in path.split("/"):
        piece = f"/{part}" if lines != [""] else part
        if len(lines[-1]) + len(piece) > _COLUMN / 6.6:
            lines[-1] += "/"
            lines.append(part)
        else:
            lines[-1] += piece
    return lines


def _step(text: str, step: Step, middle: dict[str, float], y: float) -> tuple[list[str], float]:
    """Return what is drawn of a step that begins at `y`, and where the next one begins."""
    start, end = middle[step.source], middle[step.target]
    if start == end:
        lines = _wrapped(text, _COLUMN - 14)
        height = len(lines) * _LINE + 8
        x = start - _COLUMN / 2 + 3
        box = f'<rect class="note" x="{x:g}" y="{y:g}" width="{_COLUMN - 6}" height="{height}" rx="3"/>'
        return [box, *_lines(lines, x + 6, y + _LINE)], y + height + 14
    lines = _wrapped(text, max(abs(end - start) - 10, _COLUMN - 10))
    bottom = y + len(lines) * _LINE + 2
    css = "reply" if step.reply else "call"
    arrow = f'<line class="{css}" x1="{start:g}" y1="{bottom:g}" x2="{end:g}" y2="{bottom:g}" marker-end="url(#head)"/>'
    return [*_lines(lines, min(start, end) + 6, y + 10), arrow], bottom + 16


def pictures() -> dict[str, str]:
    """Return each picture as it should be, by its path in the repository."""
    return {
        str((IMAGES / f"{source.stem}.svg").relative_to(ROOT)): svg(read(source))
        for source in sorted(SOURCES.glob("*.yaml"))
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures, or check them; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.diagrams", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a picture is stale")
    check = parser.parse_args(arguments).check
    stale = {path: text for path, text in pictures().items() if not _is(ROOT / path, text)}
    for path, text in stale.items():
        if check:
            print(f"{path} is stale: run `make generate` and commit it", file=sys.stderr)
        else:
            (ROOT / path).write_text(text, "utf-8")
            print(f"wrote {path}")
    return 1 if check and stale else 0


def _is(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text("utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
