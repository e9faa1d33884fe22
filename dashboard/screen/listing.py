"""Lists of a page: filtered as a whole, sent in parts, with the number of rows left out. Pure.

A pane offers every row that it knows, made only when it is needed. `in_parts` makes the blocks that are sent: of the
rows that satisfy the filter one part, and the number of all. A list that is not kept whole says so (`kept`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeVar, overload

import msgspec

T = TypeVar("T")
Row = dict[str, Any]
PART_ROWS = 100
MAX_NAMES = 12  # in one cell; the number of the others is shown
_WORD = re.compile(r"\S+")
_KEYED = re.compile(r"(?:([a-z_]+):(?=.))?(.*)", re.DOTALL)


class QueryRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A query from the browser. `parts`: by list, the number of the wanted part, from 0."""

    filter: Annotated[str, msgspec.Meta(max_length=200)] = ""
    parts: Annotated[
        dict[Annotated[str, msgspec.Meta(max_length=40)], Annotated[int, msgspec.Meta(ge=0, le=100_000)]],
        msgspec.Meta(max_length=20),
    ] = {}

    def query(self) -> ListQuery:
        """Return the query as a comparable value: pages with equal queries share a view."""
        return ListQuery(self.filter.strip(), tuple(sorted(self.parts.items())))


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The rows that a page wants: `size` rows of those that satisfy `filter`, from the named part of each list."""

    filter: str = ""
    parts: tuple[tuple[str, int], ...] = ()
    size: int = PART_ROWS

    def part(self, name: str) -> int:
        """Return the number of the part of a list, from 0."""
        return dict(self.parts).get(name, 0)


class Rows(Sequence[Row]):
    """A sequence of rows, each made when it is read: of 5,000 sessions a page shows a hundred."""

    __slots__ = ("_items", "_make")

    def __init__(self, items: Iterable[T], make: Callable[[T], Row]) -> None:
        self._items: Sequence[Any] = list(items)
        self._make: Callable[[Any], Row] = make

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self._make(item) for item in self._items[index]]
        return self._make(self._items[index])


class Term(NamedTuple):
    """One word of a filter. A row must hold it, in the column `key` if given; with `negated` it must not."""

    negated: bool
    key: str | None
    word: str


def terms(text: str) -> list[Term]:
    """Return the terms of a filter; `filterTerms` of assets/js/drawing.js reads the same language."""
    found = []
    for word in _WORD.findall(text.lower()):
        negated = len(word) > 1 and word.startswith("-")
        keyed = _KEYED.fullmatch(word[1:] if negated else word)
        assert keyed is not None  # noqa: S101  it matches every text
        found.append(Term(negated, keyed[1], keyed[2]))
    return found


def passes(wanted: Iterable[Term], texts: Mapping[str, str]) -> bool:
    """Return whether texts by key, in lower case, satisfy all terms."""
    for negated, key, word in wanted:
        known = key is not None and key in texts
        searched = texts[key] if key is not None and known else "\n".join(texts.values())
        if ((word if known or key is None else f"{key}:{word}") in searched) == negated:
            return False
    return True


def plain(cell: Any) -> str:
    """Return the text of a cell, as filters read it."""
    if cell is None:
        return ""
    if isinstance(cell, dict):
        names = cell.get("names")
        said = next((cell[name] for name in ("badge", "text", "peek") if name in cell), None)
        return str(said) if said is not None else "\n".join(map(str, names)) if names else ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def in_parts(blocks: Iterable[Row], query: ListQuery) -> list[Row]:
    """Return the blocks with one part of each list, and in `count` how many rows there are and which are shown."""
    wanted = terms(query.filter)
    return [_LISTS[block["kind"]](block, wanted, query) if block["kind"] in _LISTS else block for block in blocks]


def _table(block: Row, wanted: list[Term], query: ListQuery) -> Row:
    keys = [key for key, _ in block["columns"]]

    def texts(row: Row) -> dict[str, str]:
        return {key: plain(cell).lower() for key, cell in zip(keys, row["cells"], strict=True)}

    rows, count = _part(block["id"], block["rows"], texts, wanted, query)
    return {**block, "rows": [{**row, "cells": [_cell(cell) for cell in row["cells"]]} for row in rows], "count": count}


def _board(block: Row, wanted: list[Term], query: ListQuery) -> Row:
    columns = []
    for column in block["columns"]:
        cards, count = _part(column["id"], column["cards"], _card_texts, wanted, query)
        columns.append({**column, "cards": list(cards), "count": count})
    return {**block, "columns": columns}


_LISTS: dict[str, Callable[[Row, list[Term], ListQuery], Row]] = {"table": _table, "board": _board}


def _part(
    name: str, rows: Sequence[Row], texts: Callable[[Row], dict[str, str]], wanted: list[Term], query: ListQuery
) -> tuple[Sequence[Row], dict[str, Any]]:
    """Return one part of a list, and the counts. A part beyond the last is the last."""
    found = [row for row in rows if passes(wanted, texts(row))] if wanted else rows
    last = max(0, (len(found) - 1) // query.size)
    first = query.size * min(query.part(name), last)
    count = {"total": len(rows), "found": len(found), "first": first, "size": query.size, "filter": query.filter}
    return found[first : first + query.size], count


def _card_texts(card: Row) -> dict[str, str]:
    texts = {"title": card["title"], "text": "\n".join(card["lines"]), "priority": card["badge"], "id": card["key"]}
    return {key: text.lower() for key, text in texts.items()}


def _cell(cell: Any) -> Any:
    """Return a cell as it is sent: the first MAX_NAMES names, and the number of the others."""
    if isinstance(cell, dict) and len(cell.get("names", ())) > MAX_NAMES:
        return {"names": cell["names"][:MAX_NAMES], "more": len(cell["names"]) - MAX_NAMES}
    return cell
