"""Marks of direction in data turn nothing that stands beside it: in real Chromium, in both layouts, and in pictures."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from dashboard.language.i18n import LANGUAGES, direction, say
from dashboard.playback import svg_charts
from dashboard.playback.svg_charts import Mark
from dashboard.screen.assets import read
from dossier_realtime.protocol.plain_text import inert
from dossier_realtime.recording.replay.documents import Piece

MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\ufeff\x07\x9b"
HOSTILE = (
    "\u202eevil",
    "x\u2067",
    "\u2069\u2069\u202e1 2 3",
    "\u202b\u202d(",
    "\u200f\u061c!",
    "شر \u202e",
    "\u2068x\u2069\u202e",
)
turning = st.text(st.one_of(st.sampled_from(MARKS), st.characters(blacklist_categories=["Cs"])), max_size=20)

# The order of the letters beside it, from left to right: how much room the text itself takes does not matter.
_BESIDE = """([text, direction, kind]) => {
    document.body.dir = direction
    const tools = drawing({ words: { comma: ", " }, locale: "en-GB", root: document.body, perform: () => {} })
    const made = {
        isolated: () => [tools.isolated(text, { dir: "auto" })],
        badge: () => [tools.badge(text, "info")],
    }[kind]()
    const before = document.createTextNode("before 12 ")
    const after = document.createTextNode(" after (34) بعد 56")
    const line = tools.make("p", { style: "white-space: nowrap; font: 16px monospace" })
    line.append(before, ...made, after)
    document.body.replaceChildren(line)
    const places = (node) => [...node.data].map((_, at) => {
        const range = document.createRange()
        range.setStart(node, at)
        range.setEnd(node, at + 1)
        return range.getBoundingClientRect().left
    })
    const lefts = [...places(before), ...places(after)]
    return [...lefts.keys()].sort((one, other) => lefts[one] - lefts[other])
}"""


@pytest.fixture(scope="module")
def sheet(browser: Browser) -> Any:
    """An empty page with the functions that draw."""
    page = browser.new_page()
    page.set_content("<!DOCTYPE html><body></body>")
    page.add_script_tag(content=read(["js/drawing.js"]))
    yield page
    page.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["isolated", "badge"])
def test_what_stands_beside_a_text_of_data_stays_where_it_is(sheet: Page, language: str, kind: str) -> None:
    layout = direction(language)  # type: ignore[arg-type]  # one of both
    honest = sheet.evaluate(_BESIDE, ["honest", layout, kind])
    for text in HOSTILE:
        assert sheet.evaluate(_BESIDE, [text, layout, kind]) == honest, repr(text)


def test_browsers_and_python_make_the_same_marks_visible(sheet: Page) -> None:
    found: list[str] = []

    @given(st.lists(turning, max_size=50))
    def gather(texts: list[str]) -> None:
        found.extend(texts)

    gather()
    texts = [*HOSTILE, *found, *map(chr, range(0x3000)), "a\n\tb\r"]
    texts += ["\u2068a\nb\u2069", "\u2068\u2068a\u2069\u2069"]
    assert sheet.evaluate("(texts) => texts.map(inert)", texts) == [inert(text) for text in texts]
    assert sheet.evaluate("() => inert('a' + String.fromCharCode(0xd800) + 'b')") == inert("a\ud800b") == "a\\ud800b"


def _is_quiet(markup: str) -> bool:
    rest = re.sub("\u2068[^\u2068\u2069]*\u2069", lambda isolate: isolate[0][1:-1], markup)
    return not any(mark in rest for mark in MARKS)


@given(turning)
def test_pictures_of_notebooks_hold_no_mark_of_data(text: str) -> None:
    drawn = (
        svg_charts.lanes({text: [Mark(1.0, "upper", text)]}, 0.0, 2.0, title=text, key={"upper": text}),
        svg_charts.steps({text: [(0.0, 1)]}, 0.0, 1.0, title=text),
        svg_charts.paper([Piece("u", text), Piece("v", text)], {"u": text}),
    )
    for picture in drawn:
        assert _is_quiet(picture.markup)
    ET.fromstring(drawn[0].markup)  # noqa: S314  our own


@pytest.mark.parametrize("language", LANGUAGES)
@given(name=turning)
def test_a_name_in_a_sentence_turns_nothing_of_it(language: Any, name: str) -> None:
    sentence = say(language, "alert.acknowledged", user=name)
    before, _, after = say(language, "alert.acknowledged", user="Q").partition("Q")
    shown = inert(sentence)
    assert (shown.startswith(before), shown.endswith(after)) == (True, True)
    assert _is_quiet(shown)
    assert json.loads(json.dumps(shown)) == shown
