"""Two languages in the player: a real pair's clauses, one row each, with their status at the moment that is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import Signer
from dashboard.language.i18n import Language, say
from dashboard.playback.player import Player
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.rich_text.clause_words import CLAUSE_WORDS, ClauseWords
from tests.dashboard.browser_pages import listen
from tests.dashboard.test_accessibility import Inspection
from tests.harness.eventually import HANG_SECONDS
from tests.recording.paired_scenario import ARABIC, ENGLISH, OTHER, STATUSES, PairedScenario, play

_BOXES = """node => {
  const range = document.createRange()
  range.selectNodeContents(node)
  return [...range.getClientRects()].map((box) => [box.left, box.right])
}"""
"""Returns left and right edge of each stretch of text."""
_TEXTS = "nodes => nodes.map((node) => [...node.querySelectorAll('div')].map((line) => line.textContent))"
LANGUAGES: tuple[Language, ...] = ("en", "ar")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> PairedScenario:
    return play(tmp_path_factory.mktemp("paired") / "data")


@pytest.fixture(scope="module")
def export(played: PairedScenario, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the whole recording as an export."""
    archive = Archive(played.service.data / "journal", "test", Signer(played.service.data))
    file = tmp_path_factory.mktemp("exported") / "all.ndjson"
    file.write_bytes(b"".join(archive.export(Selection(), made_at=1.0, made_by="auditor")))
    return file


def opened(player: Player, browser: Browser, file: Path) -> tuple[Page, list[str]]:
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    page.set_default_timeout(1000 * HANG_SECONDS)
    wrong = listen(page, "file:")
    page.goto(player.save(file).as_uri())
    return page, wrong


def seeker(page: Page, begin: float, played: PairedScenario) -> Callable[[str], None]:
    def seek(moment: str) -> None:
        at = int(1000 * (played.moments[moment] - begin))
        page.locator(".time input").evaluate(
            "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input')) }", at
        )

    return seek


def choose(page: Page, language: Language, key: str, label: str) -> None:
    page.get_by_role("combobox", name=say(language, key), exact=True).select_option(label=label)


def worded(status: str, words: ClauseWords, *, turned: bool = False) -> str:
    what, *sides = status.split()
    if what != "changed":
        return str(getattr(words, what))
    if len(sides) == 2:
        return words.changed.format(words.both)
    return words.changed.format(words.second if (sides == ["second"]) is not turned else words.first)


def statuses(rows: Locator) -> dict[str, str]:
    """Return the status of each row by its key; the sign of a badge is not its text."""
    told = "rows => rows.map((row) => [row.cells[0].textContent, row.querySelector('.badge bdi').textContent])"
    return dict(rows.evaluate_all(told))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pair_is_shown_by_clause_with_its_status_at_each_moment(
    played: PairedScenario, export: Path, browser: Browser, tmp_path: Path, language: Language
) -> None:
    recording = open_export(export, clearance="secret")
    page, wrong = opened(Player(recording, language=language, pages=["documents"]), browser, tmp_path / "pair.html")
    seek, words = seeker(page, recording.span[0], played), CLAUSE_WORDS[language]
    choose(page, language, "player.document", ENGLISH)
    clauses = page.get_by_role("region", name=say(language, "player.clauses"), exact=True)
    beside = page.get_by_role("combobox", name=say(language, "player.beside"), exact=True)
    rows = clauses.locator("tbody tr")
    moments = ["paired", "marked", "changed", "changed back", "marked again"]
    for moment in [*moments, *reversed(moments)]:
        seek(moment)
        expected = STATUSES[moment] | {"article-3": "missing"}
        assert statuses(rows) == {key: worded(status, words) for key, status in expected.items()}, moment
    assert beside.evaluate("select => select.selectedOptions[0].text") == ARABIC
    seek("changed")
    assert rows.locator("td:nth-child(3)").evaluate_all(_TEXTS) == [
        ["Treaty"],
        ["Article 1", "Both <b>parties</b>."],
        ["Article 2", "Five years.", "2026"],
        ["Article 3", "End."],
    ]
    assert rows.locator("td:nth-child(4)").evaluate_all(_TEXTS) == [
        ["معاهدة"],
        ["المادة ١", "جميع الأطراف."],
        ["المادة ٢", "خمس سنوات.", "٢٠٢٦"],
        [],
    ]
    first, second = (rows.nth(2).locator(f"td:nth-child({column})") for column in (3, 4))
    assert [_side_of_lines(cell) for cell in (first, second)] == [["left"] * 3, ["right"] * 3]
    key = rows.nth(2).locator("th").bounding_box()
    cell = first.bounding_box()
    assert key is not None
    assert cell is not None
    assert (key["x"] < cell["x"]) is (language == "en")  # the table begins at the side of its language
    inspection = Inspection(page)
    inspection.look(f"a pair in the player, {language}")
    # From the other side the texts change their places, and with them the names of the sides.
    choose(page, language, "player.document", ARABIC)
    assert statuses(rows)["article-1"] == worded(STATUSES["changed"]["article-1"], words, turned=True)
    assert rows.nth(0).locator("td:nth-child(3)").inner_text() == "معاهدة"
    assert (inspection.grave, wrong) == ([], [])
    page.close()


def _side_of_lines(cell: Locator) -> list[str]:
    """Return the side of the cell at which each of its lines begins."""
    left, right = cell.evaluate("node => [node.getBoundingClientRect().left, node.getBoundingClientRect().right]")
    boxes = [line.evaluate(_BOXES) for line in cell.locator("div").all()]
    edges = [(min(box[0] for box in line), max(box[1] for box in line)) for line in boxes]
    return ["left" if begin - left < right - end else "right" for begin, end in edges]


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_no_pair_is_recorded_two_texts_stand_beside_each_other_and_nothing_is_claimed(
    played: PairedScenario, export: Path, browser: Browser, tmp_path: Path, language: Language
) -> None:
    recording = open_export(export, clearance="secret")
    page, wrong = opened(Player(recording, language=language, pages=["documents"]), browser, tmp_path / "two.html")
    seek = seeker(page, recording.span[0], played)
    clauses = page.get_by_role("region", name=say(language, "player.clauses"), exact=True)
    beside = page.get_by_role("region", name=say(language, "player.beside_text"), exact=True)
    unpaired = page.get_by_text(say(language, "player.unpaired"))
    choose(page, language, "player.document", ENGLISH)
    for moment in ("unpaired", "parted"):
        seek(moment)
        for region in (clauses, beside, unpaired):
            expect(region).to_be_hidden()
    seek("unpaired")
    choose(page, language, "player.beside", ARABIC)
    expect(beside).to_contain_text("المادة ١")
    expect(unpaired).to_be_visible()
    expect(clauses).to_be_hidden()
    box = beside.evaluate("node => [node.getBoundingClientRect().left, node.getBoundingClientRect().right]")
    assert beside.locator("span").first.evaluate(_BOXES)[0][0] > sum(box) / 2  # its first line
    seek("paired")
    expect(clauses).to_be_visible()
    for other in (OTHER, say(language, "player.nothing_beside")):
        choose(page, language, "player.beside", other)
        expect(clauses).to_be_hidden()
    expect(beside).to_be_hidden()
    assert wrong == []
    page.close()


def test_a_player_of_a_later_part_begins_with_what_was_marked_before(
    played: PairedScenario, browser: Browser, tmp_path: Path
) -> None:
    recording = open_journal(played.service.data / "journal", clearance="secret")
    player = Player(recording, since=played.moments["changed"], pages=["documents"])
    page, wrong = opened(player, browser, tmp_path / "part.html")
    choose(page, "en", "player.document", ENGLISH)
    rows = page.locator(".clauses tbody tr")
    words = CLAUSE_WORDS["en"]
    assert statuses(rows)["preamble"] == words.changed.format(words.both)
    assert wrong == []
    page.close()


def test_a_player_of_a_journal_that_begins_behind_the_marks_says_unknown(
    played: PairedScenario, browser: Browser, tmp_path: Path
) -> None:
    archive = Archive(played.service.data / "journal", "test", Signer(played.service.data))
    file = tmp_path / "late.ndjson"
    selection = Selection(since=played.moments["marked"])
    file.write_bytes(b"".join(archive.export(selection, made_at=1.0, made_by="auditor")))
    recording = open_export(file, clearance="secret")
    page, wrong = opened(Player(recording, pages=["documents"]), browser, tmp_path / "late.html")
    seek, words = seeker(page, recording.span[0], played), CLAUSE_WORDS["en"]
    choose(page, "en", "player.document", ENGLISH)
    seek("changed")
    rows = page.locator(".clauses tbody tr")
    assert {statuses(rows)[key] for key in ("preamble", "article-1", "article-2")} == {words.unknown}
    seek("marked again")
    assert statuses(rows)["article-2"] == words.changed.format(words.first)
    assert wrong == []
    page.close()


def test_a_player_for_who_may_not_see_one_text_has_nothing_of_it(played: PairedScenario) -> None:
    player = Player(open_journal(played.service.data / "journal", clearance="internal"))
    assert [document["name"] for document in player.data["documents"]] == [ENGLISH, OTHER]
    assert player.data["pairs"] == []
    assert ARABIC not in json.dumps(player.data)
