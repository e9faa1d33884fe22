"""A player's page, opened from a file, in which every text wants to be markup: it stays text, and nothing runs."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from dashboard import Player
from dossier_realtime.archive import open_journal
from tests.dashboard.hostile_state import PAYLOADS
from tests.harness.eventually import HANG_SECONDS
from tests.recording.recorded_scenario import RecordedScenario, play

_STRUCTURE = {"id", "kind", "page", "tone", "key", "columns", "wide", "filter"}  # of a block: made by us


class Poison:
    """Puts a payload in the place of every text, the next one each time."""

    def __init__(self) -> None:
        self._next = cycle(PAYLOADS)
        self.used = 0

    def text(self) -> str:
        self.used += 1
        return next(self._next)

    def block(self, thing: Any) -> Any:
        if isinstance(thing, dict):
            return {name: value if name in _STRUCTURE else self.block(value) for name, value in thing.items()}
        if isinstance(thing, list):
            return [self.block(each) for each in thing]
        return self.text() if isinstance(thing, str) else thing

    def data(self, data: dict[str, Any]) -> None:
        data["proof"] = {"ok": False, "fault": self.text()}
        data["names"] = [self.text() for _ in data["names"]]
        data["texts"] = [self.text() for _ in data["texts"]]
        for lane in data["lanes"]:
            lane |= {name: self.text() for name in ("user", "name", "session")}
        for document in data["documents"]:
            document |= {"name": self.text(), "content": self.text(), "authors": [self.text()] * 2}
            for edit in document["edits"]:
                edit[5] = self.text() if edit[2] == 0 else edit[5]
        for told in data["languages"].values():
            told["pages"] = [[name, label] for name, label in told["pages"]]
            for state in told["states"]:
                if "all" in state[1]:
                    state[1] = {"all": self.block(state[1]["all"])}
                else:
                    state[1] = {
                        "blocks": self.block(state[1]["blocks"]),
                        "rows": {
                            name: change | {"put": [row | {"cells": self.block(row["cells"])} for row in change["put"]]}
                            for name, change in state[1]["rows"].items()
                        },
                    }


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> RecordedScenario:
    return play(tmp_path_factory.mktemp("poisoned") / "data")


@pytest.mark.parametrize("language", ["en", "ar"])
def test_no_text_of_a_recording_runs_or_becomes_an_element(
    played: RecordedScenario, browser: Browser, tmp_path: Path, language: Any
) -> None:
    player = Player(open_journal(played.service.data / "journal", clearance="secret"), language=language)
    poison = Poison()
    poison.data(player.data)
    assert poison.used > 3 * len(PAYLOADS)
    page = browser.new_page(viewport={"width": 1440, "height": 1200})
    page.set_default_timeout(1000 * HANG_SECONDS)
    ran: list[str] = []
    page.on("dialog", lambda dialog: ran.append(dialog.message))
    page.on("pageerror", lambda error: ran.append(str(error)))
    page.on("request", lambda request: ran.append(request.url))
    file = player.save(tmp_path / "hostile.html").as_uri()
    page.goto(file)
    root = page.locator(".player")
    slider = root.get_by_role("slider")
    for tab in root.locator(".tab").all():
        tab.click()
        for key in ("Home", "PageUp", "PageUp", "PageUp", "PageUp", "PageUp", "End"):
            slider.focus()
            page.keyboard.press(key)
        made = root.locator(
            "script, img, iframe, object, embed, link, meta, base, style, video, audio, template, math, a"
        )
        expect(made).to_have_count(0)
        expect(root.locator("[onerror], [onload], [onfocus], [onbegin], [ontoggle], [srcdoc]")).to_have_count(0)
    root.locator(".listed button").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert ran == [file]
    page.close()
