"""Times and texts as browsers write them: a time of another day names its day, a text has its own direction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.language.i18n import direction, locale, translations_for
from dashboard.screen.assets import STYLES, read
from dashboard.screen.blocks import facts, moment, peek, reading, table
from dashboard.screen.panes.recordings import recordings
from dashboard.state.store import DashboardState
from tests.dashboard.samples import viewer

NOW = datetime(2026, 11, 29, 5, 58, 26, tzinfo=UTC).timestamp()
DAY = 86_400.0
_DRAW = """([blocks, language, direction, now, words]) => {
    document.documentElement.lang = language
    document.body.dir = direction
    const place = document.createElement("main")
    document.body.replaceChildren(place)
    const zone = { timeZone: "Asia/Riyadh" }
    window.at = 1000 * now
    const parts = { words, locale: language, root: document.body, perform: () => {} }
    window.tools = drawing({ ...parts, now: () => window.at, zone })
    tools.board(place).show(blocks)
    tools.count(place)
}"""
MOMENTS = {  # the reader's day is that of Riyadh, three hours before UTC
    NOW - 60: ("08:57:26", "08:57:26"),
    datetime(2026, 11, 28, 20, 59, 59, tzinfo=UTC).timestamp(): ("28 Nov, 23:59:59", "28 نوفمبر"),
    datetime(2026, 11, 28, 21, tzinfo=UTC).timestamp(): ("00:00:00", "00:00:00"),
    datetime(2026, 10, 5, 5, tzinfo=UTC).timestamp(): ("5 Oct, 08:00:00", "5 أكتوبر"),
    NOW + 7 * DAY: ("6 Dec, 08:58:26", "6 ديسمبر"),
    NOW + 60 * DAY: ("28 Jan 2027, 08:58:26", "28 يناير 2027"),
    NOW - 365 * DAY: ("29 Nov 2025, 08:58:26", "29 نوفمبر 2025"),
}
BRIEF = """# موجز: country ID

النوع: visit. كُتب في 29 نوفمبر 2026.

## آخر التغييرات

| المصدر | التاريخ |
|---|---|
| F1 | 29 نوفمبر 2026 (19 جمادى الآخرة 1448 هـ) |
| F2 | <img src=x onerror=alert(1)> |
"""


_PLACE = """(label) => {
    const text = label.firstChild
    const at = text.data.indexOf(SIGN)
    const range = document.createRange()
    range.setStart(text, at)
    range.setEnd(text, at + 1)
    return range.getBoundingClientRect().left
}"""
_PLACE_OF_SIGN, _PLACE_OF_LETTER = _PLACE.replace("SIGN", "'*'"), _PLACE.replace("SIGN", "'d'")


@pytest.fixture(scope="module")
def sheet(browser: Browser) -> Iterator[Page]:
    """An empty page with the functions that draw."""
    page = browser.new_page()
    page.set_content("<!DOCTYPE html><body></body>")
    page.add_script_tag(content=read(["js/prose.js", "js/drawing.js"]))
    page.add_style_tag(content=read(STYLES))
    yield page
    page.close()


def draw(page: Page, language: str, *blocks: object, now: float = NOW) -> None:
    shown: Any = language
    page.evaluate(_DRAW, [blocks, locale(shown), direction(shown), now, translations_for("en", "js.")])


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("at", MOMENTS)
def test_a_time_of_another_day_names_its_day_and_of_another_year_its_year(
    sheet: Page, at: float, language: str
) -> None:
    draw(sheet, language, facts("f", [("since", moment(at))]))
    english, arabic = MOMENTS[at]
    written = sheet.locator("time").inner_text().replace("\u200f", "")
    if language == "en":
        assert written == english
    else:
        assert written.startswith(arabic)
        assert written.endswith(english[-8:])


def test_what_was_drawn_before_midnight_names_its_day_after_it(sheet: Page) -> None:
    draw(sheet, "en", facts("f", [("since", moment(NOW))]))
    expect(sheet.locator("time")).to_have_text("08:58:26")
    sheet.evaluate("() => { at += 86_400_000; tools.count(document.querySelector('main')) }")
    expect(sheet.locator("time")).to_have_text("29 Nov, 08:58:26")


def test_a_brief_is_read_in_the_direction_of_its_language_with_its_headings_and_tables(sheet: Page) -> None:
    draw(sheet, "ar", facts("f", [("text", reading(BRIEF))]))
    sheet.get_by_role("button", name="Inspect").click()
    box = sheet.get_by_role("dialog")
    expect(box.get_by_role("heading", level=3)).to_have_text(["موجز: country ID", "آخر التغييرات"])
    expect(box.get_by_role("row")).to_have_count(3)
    expect(box.get_by_role("columnheader")).to_have_text(["المصدر", "التاريخ"])
    expect(box.get_by_role("cell").nth(1)).to_have_text("29 نوفمبر 2026 (19 جمادى الآخرة 1448 هـ)")
    expect(box.get_by_role("cell").last).to_have_text("<img src=x onerror=alert(1)>")
    prose = box.locator(".prose")
    assert prose.evaluate("(node) => getComputedStyle(node).direction") == "rtl"
    lefts = box.get_by_role("columnheader").evaluate_all(
        "(cells) => cells.map((cell) => cell.getBoundingClientRect().left)"
    )
    assert lefts == sorted(lefts, reverse=True)


def test_a_message_is_read_from_left_to_right_in_both_languages(sheet: Page) -> None:
    draw(sheet, "ar", facts("f", [("text", peek('{"title": "موجز"}'))]))
    sheet.get_by_role("button", name="Inspect").click()
    assert sheet.get_by_role("dialog").locator("pre").evaluate("(node) => getComputedStyle(node).direction") == "ltr"


@pytest.mark.parametrize(
    ("language", "written"),
    [("en", ["5 minutes", "15 minutes", "1 hour", "4 hours"]), ("ar", ["5 دقائق", "15 دقيقة", "ساعة", "4 ساعات"])],
)
def test_the_times_of_a_recording_are_counted_as_the_language_counts(
    sheet: Page, language: str, written: list[str]
) -> None:
    draw(sheet, language, *recordings(DashboardState(), viewer(language), NOW))
    assert [text.replace("\u200f", "") for text in sheet.locator("option").all_inner_texts()] == written


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_pattern_of_a_recording_is_read_as_it_is_typed(sheet: Page, language: str) -> None:
    draw(sheet, language, *recordings(DashboardState(), viewer(language), NOW))
    label = sheet.locator("label", has_text="dossier:*")
    assert label.evaluate(_PLACE_OF_SIGN) > label.evaluate(_PLACE_OF_LETTER)


def test_a_word_without_an_end_pushes_no_column_out_of_sight(sheet: Page) -> None:
    columns = [("reason", "Reason"), ("outcome", "Outcome")]
    draw(sheet, "en", table("acts", "Actions", columns, [("1", ["reason " + "x" * 480, "done"])], "", wide=True))
    outcome = sheet.get_by_role("cell", name="done")
    box, width = outcome.bounding_box(), sheet.evaluate("() => innerWidth")
    assert box is not None
    assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("language", ["en", "ar"])
def test_each_line_of_what_was_said_is_a_line_with_a_direction_of_its_own(sheet: Page, language: str) -> None:
    said = {"en": "لماذا؟\nInstead: بند", "ar": "because (why)\r\nبدلًا منها: clause"}[language]
    draw(sheet, language, table("threads", "said", [("said", "said")], [("one", [said])], "none"))
    cell = sheet.locator("td")
    assert cell.inner_text() == said.replace("\r", "")
    first, second = cell.locator("bdi").all()
    assert second.bounding_box()["y"] > first.bounding_box()["y"]  # type: ignore[index]  # both are drawn
    directions = [line.evaluate("line => getComputedStyle(line).direction") for line in (first, second)]
    assert directions == {"en": ["rtl", "ltr"], "ar": ["ltr", "rtl"]}[language]
    draw(sheet, language, table("threads", "said", [("said", "said")], [("one", ["x\n" * 4_000])], "none"))
    assert sheet.locator("td bdi").count() == 8
