"""No list of a page is cut in silence: what is shown in parts says so, all of it can be reached and searched."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser

from dashboard.language.i18n import LANGUAGES, Language, say
from dashboard.screen.assets import read
from dashboard.screen.blocks import badge, names, short, table
from dashboard.screen.listing import MAX_NAMES, ListQuery, Rows, in_parts, passes, plain, terms
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import Viewer
from dashboard.state.store import MAX_LISTED, DashboardState
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from tests.dashboard.crowded_state import MANY, crowd
from tests.dashboard.samples import NOW, busy, listed, session, viewer

PANE_FILES = Path(__file__).parents[2] / "dashboard" / "screen" / "panes"
ALL = viewer(clearance="secret")

EXPECTED = {
    "sessions": MANY,
    "channels": 3 * MANY + 1,
    "tasks": 2_000,
    "inbox": MANY,
    "documents": MANY,
    "threads": 0,
    "locks": 0,
    "countries": MANY,
    "by_channel": 100,
    "by_person": MANY + 99,
    "limits": 500,
    "briefs": 500,
    "relationships": 500,
    "tail": 500,
    "level-1": 334,
    "level-2": 333,
    "level-3": 333,
    "acts": 501,
    "chain": 1,
    "nodes": 64,
    "codes": 101,
    "errors": 101,
}
"""By list: the rows of the crowd that the fold keeps."""
LET_GO = {
    "level-1",
    "level-2",
    "level-3",
    "by_channel",
    "by_person",
    "limits",
    "briefs",
    "relationships",
    "threads",
    "locks",
    "tasks",
    "inbox",
    "tail",
    "acts",
    "nodes",
}
"""Lists of which the fold has let rows go: they say so."""


@pytest.fixture(scope="module")
def state() -> DashboardState:
    return crowd()


def lists(page: str, state: DashboardState, query: ListQuery, eyes: Any = ALL) -> dict[str, dict[str, Any]]:
    """Return the lists of a page by name: `rows` of tables, `cards` of the columns of a board as such."""
    found = {}
    for block in PANES[page](state, eyes, NOW, query):
        if block["kind"] == "table":
            found[block["id"]] = block
        for column in block["columns"] if block["kind"] == "board" else ():
            found[column["id"]] = {**column, "rows": column["cards"], "kept": block["kept"]}
    return found


@pytest.mark.parametrize("page", PANES)
def test_a_thousand_rows_are_counted_reached_and_searched_on_every_page(page: str, state: DashboardState) -> None:
    """A new list joins by being on a page; it must be named in EXPECTED with the rows that it has."""
    for name, block in lists(page, state, ListQuery()).items():
        count = block["count"]
        assert count["total"] == EXPECTED[name], name
        assert len(block["rows"]) == min(count["size"], count["total"])
        assert bool(block["kept"]) == (name in LET_GO), name
        parts = range(-(-count["total"] // count["size"]))
        every = [lists(page, state, ListQuery(parts=((name, part),)))[name]["rows"] for part in parts]
        keys = [row["key"] for rows in every for row in rows]
        assert len(set(keys)) == len(keys) == count["total"]
        if count["total"] <= count["size"]:
            continue
        last = every[-1][-1]
        wanted = "\n".join(plain(cell) for cell in last.get("cells", ())) or last["title"]
        text = max((word for word in wanted.split() if not word.startswith("-")), key=len)
        found = lists(page, state, ListQuery(text.lower()))[name]
        assert found["count"]["total"] == count["total"]
        assert found["count"]["found"] >= 1
        assert len(found["rows"]) == min(found["count"]["found"], count["size"])


def test_person_330_of_361_is_found() -> None:
    state = busy()
    state.listed([session(f"person-{number:03}") for number in range(361)], [], NOW)
    first = lists("connections", state, ListQuery())["sessions"]
    assert (first["count"]["total"], len(first["rows"])) == (361, 100)
    (row,) = lists("connections", state, ListQuery("user:person-330"))["sessions"]["rows"]
    assert row["key"] == "s-person-330-1"
    assert "s-person-330-1" in [
        row["key"] for row in lists("connections", state, ListQuery(parts=(("sessions", 3),)))["sessions"]["rows"]
    ]


def test_people_on_channels_that_are_not_followed_are_found_on_the_page_of_presence() -> None:
    """Their sessions tell where they are, to whom sessions may be shown; what they do there is not known."""
    state = DashboardState()
    channels = [f"dossier:country:X{number:03}" for number in range(361)]
    sessions = [{**session(f"person-{number:03}"), "channels": [where]} for number, where in enumerate(channels)]
    rows = [listed(where, users=1) for where in channels]
    state.listed(sessions, rows, NOW, followed=frozenset(channels[:90]))
    found = lists("presence", state, ListQuery("user:person-330"))["by_person"]
    assert (found["count"]["total"], found["count"]["found"]) == (271, 1)
    assert found["rows"][0]["cells"][:4] == ["Person-330", "person-330", channels[330], badge("not followed", "muted")]
    assert lists("presence", state, ListQuery())["by_channel"]["count"]["total"] == 271
    stranger = Identity("eve", "Eve", "observer", None, Grant.parse_all(["read:*"]), Clearance.SECRET, 0)
    assert lists("presence", state, ListQuery(), Viewer("en", "observer", stranger))["by_person"]["rows"] == []


def test_panes_cut_nothing_themselves() -> None:
    """A pane offers all that it knows; the one place that cuts is `in_parts`, which counts."""
    for file in sorted(PANE_FILES.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Slice), f"{file.name}:{node.lower and node.lower.lineno} cuts a list"
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert name not in ("islice", "nlargest", "nsmallest"), f"{file.name}:{node.lineno} cuts a list"
                assert name != "most_common" or not node.args, f"{file.name}:{node.lineno} cuts a list"


def test_a_list_of_the_service_that_is_longer_than_what_is_kept_says_so() -> None:
    state = busy()
    sessions = [session(f"u-{number}") for number in range(MAX_LISTED + 7)]
    for more, count in ((False, MAX_LISTED), (False, MAX_LISTED + 7), (True, 3)):
        state.listed(sessions[:count], [], NOW, more=more)
        block = lists("connections", state, ListQuery())["sessions"]
        assert bool(block["kept"]) == (more or count > MAX_LISTED)
        (people,) = (
            item
            for block in PANES["overview"](state, ALL, NOW)
            if block["kind"] == "figures"
            for item in block["items"]
            if item["label"] == "People online"
        )
        assert (people["value"], people["more"]) == (count, more)  # of all that was read, not of what is kept


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", ["tail", "presence", "documents", "relationships"])
def test_channels_that_are_not_followed_are_said(page: str, language: Language) -> None:
    state = busy()
    rows = [listed(f"document:d-{number}", "secret" if number < 10 else "internal") for number in range(130)]
    state.listed([], rows, NOW, followed=frozenset(row["channel"] for row in rows[:90]))
    for eyes, seen in ((viewer(language, clearance="secret"), 130), (viewer(language, clearance="internal"), 120)):
        told = [block["text"] for block in PANES[page](state, eyes, NOW) if block["id"] == "unfollowed"]
        assert told == [say(language, "unfollowed", missing="40", count=f"{seen}")]
    state.listed([], rows, NOW)
    assert "unfollowed" not in [block["id"] for block in PANES[page](state, ALL, NOW)]


def test_the_list_of_channels_says_which_are_followed() -> None:
    state = busy()
    state.listed([], [listed("document:a"), listed("document:b")], NOW, followed=frozenset(["document:a"]))
    rows = {row["key"]: row["cells"] for row in lists("connections", state, ListQuery())["channels"]["rows"]}
    assert rows["document:a"][5] == badge("yes", "good")
    assert rows["document:b"][5] == badge("no", "muted")
    (of_b,) = (row for row in lists("documents", state, ListQuery("document:b"))["documents"]["rows"])
    assert of_b["cells"][2:4] == [None, None]  # whether somebody writes there is not known


def test_whether_a_bound_was_reached_is_not_told_to_whom_rows_may_be_hidden_from(state: DashboardState) -> None:
    eyes = viewer(clearance="internal")
    for page in PANES:
        said = {name: block["kept"] for name, block in lists(page, DashboardState(), ListQuery(), eyes).items()}
        assert said == {name: block["kept"] for name, block in lists(page, state, ListQuery(), eyes).items()} or (
            page in ("presence", "inbox")  # an inbox is all its viewer's own
        )


def test_of_many_names_in_a_cell_it_is_said_how_many_more_there_are_and_all_are_searched() -> None:
    people = [f"Person {number}" for number in range(MAX_NAMES + 5)]
    block = table("t", "T", [("who", "Who")], [("k", [names(people)]), ("l", [names(people[:2])])], "none")
    (shown,) = in_parts([block], ListQuery())
    assert shown["rows"][0]["cells"] == [{"names": people[:MAX_NAMES], "more": 5}]
    assert shown["rows"][1]["cells"] == [{"names": people[:2]}]
    (found,) = in_parts([block], ListQuery(f"who:{MAX_NAMES + 4}"))
    assert [row["key"] for row in found["rows"]] == ["k"]


def test_of_an_id_that_is_shown_in_short_the_whole_is_searched() -> None:
    block = table("t", "T", [("id", "Id")], [("k", [short("0123456789", 4)])], "none")
    (found,) = in_parts([block], ListQuery("6789"))
    assert found["rows"][0]["cells"] == [{"short": "0123…", "text": "0123456789"}]


@given(
    st.lists(st.sampled_from(["nora", "omar", "-", "5"]), max_size=40), st.sampled_from(["", "nora", "-nora", "n:omar"])
)
def test_the_parts_of_a_list_are_the_rows_that_were_found_in_order(words: list[str], text: str) -> None:
    rows = Rows(range(len(words)), lambda number: {"key": str(number), "cells": [words[number]]})
    block = table("t", "T", [("n", "N")], rows, "none")
    size = 7
    wanted = [str(number) for number, word in enumerate(words) if passes(terms(text), {"n": word})]
    shown: list[str] = []
    (one,) = in_parts([block], ListQuery(text, (), size))
    for part in range(max(1, -(-len(wanted) // size))):
        (one,) = in_parts([block], ListQuery(text, (("t", part),), size))
        count = one["count"]
        assert (count["total"], count["found"], count["first"]) == (len(words), len(wanted), len(shown))
        shown += [row["key"] for row in one["rows"]]
    assert shown == wanted
    (beyond,) = in_parts([block], ListQuery(text, (("t", 99),), size))
    assert beyond["rows"] == one["rows"]


FILTERS = [
    "nora",
    "user:nora",
    "-user:nora",
    "-",
    "--",
    "nope:nora",
    "NORA",
    "user:",
    "a:b",
    "-5",
    "نورة",
    "user:o -x",
    " ",
]
ROWS = [{"user": "nora", "n": "5"}, {"user": "نورة", "n": "-5"}, {"user": "omar", "n": "a:b"}, {"user": "-", "n": ""}]


def test_the_browser_and_the_dashboard_read_the_same_filters(browser: Browser) -> None:
    page = browser.new_page()
    page.add_script_tag(content=read(["js/drawing.js"]))
    asked = "([filters, rows]) => filters.map((text) => rows.map((row) => passes(filterTerms(text), row)))"
    there = page.evaluate(asked, [FILTERS, ROWS])
    assert there == [[passes(terms(text), row) for row in ROWS] for text in FILTERS]
    page.close()
