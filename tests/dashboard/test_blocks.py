"""What is sent is what changed, and leads to the same page."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboard.screen.blocks import Block, table
from dashboard.screen.view_model import MIN_RENDER_SECONDS, View, changes

rows = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), unique_by=lambda row: row[0], max_size=6)
pages = st.tuples(rows, rows, st.sampled_from(["calm", "storm"]))


def page(given_: tuple[Any, Any, str]) -> list[dict[str, Any]]:
    first, second, banner = given_
    return [
        {"id": "banner", "kind": "banner", "text": banner},
        table("one", "One", [("n", "N")], [(key, [n]) for key, n in first], "nothing"),
        table("two", "Two", [("n", "N")], [(key, [n]) for key, n in second], "nothing"),
    ]


def apply(blocks: list[dict[str, Any]], message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the answer of the browser to a message."""
    if "all" in message:
        blocks = copy.deepcopy(message["all"])
    known = {block["id"]: block for block in blocks}
    for block in message.get("blocks", []):
        known[block["id"]] = block
    for name, change in message.get("rows", {}).items():
        now = {row["key"]: row for row in known[name]["rows"]}
        now.update({row["key"]: row for row in change["put"]})
        order = change.get("order", [row["key"] for row in known[name]["rows"]])
        known[name] = {**known[name], "rows": [now[key] for key in order]}
    return list(known.values())


@given(pages, pages)
def test_the_changes_lead_from_one_page_to_the_other(before: Any, after: Any) -> None:
    delta = changes(page(before), page(after))
    assert (delta is None) == (page(before) == page(after))
    assert apply(page(before), delta or {}) == page(after)


@given(st.lists(pages, min_size=1, max_size=30), st.lists(st.integers(0, 40), max_size=8))
def test_whoever_looks_now_and_then_sees_the_page_as_it_is(states: list[Any], display: list[int]) -> None:
    shown = states[0]
    view = View(lambda at: page(shown))
    blocks: list[dict[str, Any]] = []
    version = 0
    for number, state in enumerate(states):
        shown = state
        view.look(number, float(number))
        if number in display or number == len(states) - 1:
            for text in view.since(version):
                blocks = apply(blocks, json.loads(text))
            version = view.version
            assert blocks == page(state)


def test_a_page_is_rendered_at_most_once_a_tick() -> None:
    rendered: list[float] = []

    def render(at: float) -> list[Block]:
        rendered.append(at)
        return []

    view = View(render)
    for revision in range(1_000):
        view.look(revision, revision * MIN_RENDER_SECONDS / 100)
    assert 10 <= len(rendered) <= 11


def test_only_rows_that_changed_are_sent() -> None:
    before = page(([("a", 1), ("b", 2)], [], "calm"))
    after = page(([("a", 1), ("b", 3)], [], "calm"))
    assert changes(before, after) == {"blocks": [], "rows": {"one": {"put": [{"key": "b", "cells": [3]}]}}}


def test_nothing_is_sent_for_what_is_known() -> None:
    view = View(lambda at: page(([], [], "calm")))
    view.look(1, 1.0)
    first = view.version
    view.look(2, 2.0)
    assert view.version == first
    assert view.since(first) == []
