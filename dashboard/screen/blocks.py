"""The blocks of a page, as plain JSON. Pure.

A page is a list of blocks; a block has an `id`, a `kind` (banner, figures, facts, actions, table, board) and, being
data, only text and numbers: the browser makes elements of them and never parses them as HTML. Rows of tables and
cards of boards have a `key`, so that only those that changed are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from dashboard.screen.listing import Rows

Tone = Literal["good", "warn", "bad", "info", "muted"]
Block = dict[str, Any]
Cell = str | float | None | dict[str, Any]


def badge(text: str, tone: Tone) -> Cell:
    """Return a word with a colour and the colour's sign."""
    return {"badge": text, "tone": tone}


def refusal(text: str, tone: Tone, why: str) -> Cell:
    """Return a badge with the reason behind a button."""
    return {"badge": text, "tone": tone, "why": why}


def moment(at: float) -> Cell:
    """Return a time, in Unix seconds; the browser writes it in the reader's zone."""
    return {"at": round(at)}


def until(at: float) -> Cell:
    """Return a countdown to a time in Unix seconds; afterwards it counts the time overdue."""
    return {"until": round(at)}


def bar(percent: float, text: str) -> Cell:
    """Return a progress bar with its text."""
    return {"bar": max(0, min(100, round(percent))), "text": text}


def names(those: Iterable[str]) -> Cell:
    """Return names of people, each in the direction of its own script."""
    return {"names": list(those)}


def line(values: Iterable[float], text: str) -> Cell:
    """Return a small line chart; `text` describes it for screen readers."""
    return {"line": list(values), "text": text}


def short(text: str, chars: int) -> Cell:
    """Return the beginning of an id; filters and the tooltip use the whole id."""
    return {"short": text if len(text) <= chars else f"{text[:chars]}…", "text": text}


def peek(text: str) -> Cell:
    """Return a long text behind a button: JSON, or a part of it."""
    return {"peek": text}


def reading(text: str) -> Cell:
    """Return a long text in the language of the page, in Markdown, behind a button."""
    return {"peek": text, "prose": True}


ReasonNeed = Literal["needed", "optional", "none"]


def action(
    name: str, of: str, label: str, off: str = "", ask: str = "", reason: ReasonNeed = "needed"
) -> dict[str, str]:
    """Return an action on a subject.

    `off` is the reason for which it cannot be taken now; `ask` names the form that is shown besides the reason;
    `reason` says whether the user gives one. Without both, it is done at once.
    """
    return {"act": name, "of": of, "label": label, "off": off, "ask": ask, "reason": reason}


def actions(*offered: dict[str, str]) -> Cell:
    """Return a cell of actions."""
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
    """Return a table. Columns are (key, label): a filter names a column by its key.

    `wide`: it takes the whole width. `rows` are all rows: `in_parts` of listing.py cuts a part of them. `kept` is the
    sentence for a list of which not all rows are kept.
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


def facts(name: str, items: Iterable[tuple[str, Cell]]) -> Block:
    """Return a list of facts about one thing, each with its label."""
    return {"id": name, "kind": "facts", "items": [{"label": label, "cell": cell} for label, cell in items]}


def row(key: str, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return one row of a table."""
    return {"key": key, "cells": list(cells)}
