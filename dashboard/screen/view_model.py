"""The rendered blocks of a page and their changes from one rendering to the next, as JSON. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from dashboard.screen.blocks import Block

MIN_RENDER_SECONDS = 0.3  # between two renderings of a view
RENDER_COST_FACTOR = 4  # a view is rendered again after four times its last rendering, at the earliest
_MAX_DELTAS = 8  # kept; a session that is further behind receives all blocks


def changes(before: Sequence[Block], after: Sequence[Block]) -> dict[str, Any] | None:
    """Return the changes that turn one list of blocks into the other; None where there are none.

    `blocks`: those that are sent whole; `rows`: by table, the rows that are new or changed and, where it changed, the
    order of all and the count.
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
    """One rendering for all viewers who see the same: rendered and encoded once per change."""

    def __init__(self, render: Callable[[float], list[Block]], timer: Callable[[], float] = lambda: 0.0) -> None:
        """Make a view. `timer` returns seconds, by which the cost of a rendering is measured."""
        self._render = render
        self._timer = timer
        self.cost = 0.0  # seconds of the last rendering
        self._blocks: list[Block] = []
        self._deltas: deque[tuple[int, str]] = deque(maxlen=_MAX_DELTAS)
        self._seen: object = None
        self._looked = float("-inf")
        self.version = 0

    def look(self, revision: object, at: float) -> None:
        """Render if the revision changed, MIN_RENDER_SECONDS or several times the last rendering's cost after it."""
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
        """Return the JSON of the changes after a version; of all blocks for a version that is too far behind."""
        if version == self.version:
            return []
        missed = [text for number, text in self._deltas if number > version]
        if version and len(missed) == self.version - version:
            return missed
        return [msgspec.json.encode({"all": self._blocks}).decode()]
