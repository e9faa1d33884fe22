"""Two languages in the player: the counterpart stands beside its document, each paragraph in its own direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from dashboard.language.i18n import say
from dashboard.playback.document_text import RecordedPairs
from dashboard.playback.player import Player
from dossier_realtime.archive import open_journal
from dossier_realtime.recording.entry import Header
from tests.harness.eventually import HANG_SECONDS
from tests.recording.recorded_scenario import RecordedScenario, play

_BOXES = """node => {
  const range = document.createRange()
  range.selectNodeContents(node)
  return [...range.getClientRects()].map((box) => [box.left, box.right])
}"""
"""Returns left and right edge of each stretch of text."""


def _act(seq: int, verb: str, *names: str) -> Header:
    return Header(seq=seq, kind="act", at=1.0, detail={"verb": verb, "channels": list(names)})


def _outcome(seq: int, cause: int, outcome: str) -> Header:
    return Header(seq=seq, kind="outcome", at=1.0, cause=cause, detail={"outcome": outcome})


def test_pairs_follow_the_acts_that_were_done() -> None:
    pairs = RecordedPairs()
    for header in (_act(1, "pair_documents", "document:a", "document:b"), _outcome(2, 1, "done")):
        pairs.take(header)
    for header in (_act(3, "pair_documents", "document:a", "document:c"), _outcome(4, 3, "failed")):
        pairs.take(header)
    assert (pairs.of("document:a"), pairs.of("document:b"), pairs.of("document:c")) == (
        "document:b",
        "document:a",
        None,
    )
    for header in (_act(5, "part_documents", "document:b", "document:a"), _outcome(6, 5, "done")):
        pairs.take(header)
    assert (pairs.of("document:a"), pairs.of("document:b")) == (None, None)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> RecordedScenario:
    return play(tmp_path_factory.mktemp("paired") / "data")


def test_the_counterpart_stands_beside_its_document(played: RecordedScenario, browser: Browser, tmp_path: Path) -> None:
    player = Player(open_journal(played.service.data / "journal", clearance="secret"))
    first: dict[str, Any] = player.data["documents"][0]
    other = {"name": "other", "first": 1, "content": "المادة ١\nArticle", "format": [], "authors": [], "edits": []}
    player.data["documents"] = [first | {"beside": 1}, other | {"beside": 0}]
    page = browser.new_page(viewport={"width": 1440, "height": 1200})
    page.set_default_timeout(1000 * HANG_SECONDS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(player.save(tmp_path / "pair.html").as_uri())
    page.get_by_role("button", name=say("en", "page.documents"), exact=True).click()
    beside = page.get_by_role("region", name=say("en", "player.beside_text"), exact=True)
    expect(beside).to_have_text("المادة ١\nArticle")
    box = beside.evaluate("node => [node.getBoundingClientRect().left, node.getBoundingClientRect().right]")
    *arabic, english = beside.locator("span").first.evaluate(_BOXES)
    middle = sum(box) / 2
    assert min(left for left, _ in arabic) > middle > english[1]  # each line begins at its own side
    page.get_by_role("combobox", name=say("en", "player.beside")).select_option(
        label=say("en", "player.nothing_beside")
    )
    expect(beside).to_be_hidden()
    assert wrong == []
    page.close()
