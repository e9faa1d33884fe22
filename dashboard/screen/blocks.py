"""What a page is made of, as plain JSON, and what changed from one look to the next. Pure.

A page is a list of blocks; a block has an `id`, a `kind` (banner, figures, actions, table, board) and, being data,
only text and numbers: the browser makes elements of them and never reads them as HTML. Rows of tables and cards of
boards have a `key`, so that only those that changed are sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from dashboard.screen.listing import Rows

Tone = Literal["good", "warn", "bad", "info", "muted"]
Block = dict[str, Any]
Cell = str | float | None | dict[str, Any]

MIN_RENDER_SECONDS = 0.3  # seconds between two renderings: at most so often does anything change before the eyes
RENDER_COST_FACTOR = 4  # a view that costs much to render rests four times as long
_MAX_DELTAS = 8  # deltas: a session that is further behind is sent everything


def badge(text: str, tone: Tone) -> Cell:
    """A word with a colour and, beside it, the colour's sign."""
    return {"badge": text, "tone": tone}


def refusal(text: str, tone: Tone, why: str) -> Cell:
    """A badge with the reason behind a button."""
    return {"badge": text, "tone": tone, "why": why}


def moment(at: float) -> Cell:
    """A time, in Unix seconds; written in the reader's own zone."""
    return {"at": round(at)}


def until(at: float) -> Cell:
    """How long it is still to a time (Unix seconds), counted down before the reader's eyes; then by how much it is
    overdue."""
    return {"until": round(at)}


def bar(percent: float, text: str) -> Cell:
    return {"bar": max(0, min(100, round(percent))), "text": text}


def names(those: Iterable[str]) -> Cell:
    """Names of people, each in the direction of its own script."""
    return {"names": list(those)}


def line(values: Iterable[float], text: str) -> Cell:
    """A small line; `text` says it to those who do not see it."""
    return {"line": list(values), "text": text}


def short(text: str, chars: int) -> Cell:
    """Return the beginning of an id; a filter and the pointer find the whole of it."""
    return {"short": text if len(text) <= chars else f"{text[:chars]}…", "text": text}


def peek(text: str) -> Cell:
    """A long text behind a button."""
    return {"peek": text}


def action(name: str, of: str, label: str, off: str = "", ask: str = "") -> dict[str, str]:
    """An action on something; `off` says why it cannot be taken now, `ask` what is asked besides the reason."""
    return {"act": name, "of": of, "label": label, "off": off, "ask": ask}


def actions(*offered: dict[str, str]) -> Cell:
    return {"acts": list(offered)}


def table(
    name: str,
    title: str,
    columns: Sequence[tuple[str, str]],
    rows: Iterable[tuple[str, Sequence[Cell]]] | Rows,
    empty: str,
    *,
    wide: bool = False,
    kept: str = "",
) -> Block:
    """Columns are (key, label): a filter names a column by its key. `wide`: nothing stands beside it.

    `rows` are all there are: `in_parts` of listing.py shows a part of them. `kept`: what to say where even these are
    not all.
    """
    return {
        "id": name,
        "kind": "table",
        "title": title,
        "columns": [list(column) for column in columns],
        "rows": rows if isinstance(rows, Rows) else [row(key, cells) for key, cells in rows],
        "empty": empty,
        "wide": wide,
        "kept": kept,
    }


def row(key: str, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return one row of a table."""
    return {"key": key, "cells": list(cells)}


def changes(before: Sequence[Block], after: Sequence[Block]) -> dict[str, Any] | None:
    """What turns one list of blocks into the other; None where nothing changed.

    `blocks`: those that are sent whole; `rows`: by table, the rows that are new or changed and, where they are others,
    the order of all and the count.
    """
    known = {block["id"]: block for block in before}
    whole: list[Block] = []
    rows: dict[str, dict[str, Any]] = {}
    for block in after:
        was = known.get(block["id"])
        if was == block:
            continue
        if was is None or block["kind"] != "table" or _frame(was) != _frame(block):
            whole.append(block)
        else:
            rows[block["id"]] = _row_changes(was, block)
    return {"blocks": whole, "rows": rows} if whole or rows else None


def _frame(block: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name not in ("rows", "count")}


def _row_changes(before: Block, after: Block) -> dict[str, Any]:
    known = {row["key"]: row for row in before["rows"]}
    change: dict[str, Any] = {"put": [row for row in after["rows"] if known.get(row["key"]) != row]}
    order = [row["key"] for row in after["rows"]]
    if order != list(known):
        change["order"] = order
    if after.get("count") != before.get("count"):
        change["count"] = after["count"]
    return change


class View:
    """One rendering for all who look at the same page with the same eyes: rendered and encoded once a change."""

    def __init__(self, render: Callable[[float], list[Block]], timer: Callable[[], float] = lambda: 0.0) -> None:
        """`timer` tells the seconds by which the cost of a rendering is measured."""
        self._render = render
        self._timer = timer
        self.cost = 0.0  # seconds of the last rendering
        self._blocks: list[Block] = []
        self._deltas: deque[tuple[int, str]] = deque(maxlen=_MAX_DELTAS)
        self._seen: object = None
        self._looked = float("-inf")
        self.version = 0

    def look(self, revision: object, at: float) -> None:
        """Render anew if the revision is another than at the last look, and that was a tick ago, or what it costs."""
        if revision == self._seen or 0 <= at - self._looked < max(MIN_RENDER_SECONDS, RENDER_COST_FACTOR * self.cost):
            return
        self._seen, self._looked, began = revision, at, self._timer()
        blocks = self._render(at)
        self.cost = self._timer() - began
        delta = changes(self._blocks, blocks)
        self._blocks = blocks
        if delta is not None or not self.version:
            self.version += 1
            self._deltas.append((self.version, msgspec.json.encode(delta).decode()))

    def since(self, version: int) -> list[str]:
        """The JSON of what came after a version: deltas, or everything for those too far behind."""
        if version == self.version:
            return []
        missed = [text for number, text in self._deltas if number > version]
        if version and len(missed) == self.version - version:
            return missed
        return [msgspec.json.encode({"all": self._blocks}).decode()]
