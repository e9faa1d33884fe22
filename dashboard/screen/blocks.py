"""What a page is made of, as plain JSON, and what changed from one look to the next. Pure.

A page is a list of blocks; a block has an `id`, a `kind` (banner, figures, actions, table, board) and, being data,
only text and numbers: the browser makes elements of them and never reads them as HTML. Rows of tables and cards of
boards have a `key`, so that only those that changed are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from dashboard.screen.listing import Rows

Tone = Literal["good", "warn", "bad", "info", "muted"]
Block = dict[str, Any]
Cell = str | float | None | dict[str, Any]


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
