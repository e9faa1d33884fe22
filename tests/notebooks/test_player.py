"""A player saved to a file plays offline, and shows what the recording holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard import Player
from dashboard.language.display_options import Theme
from dashboard.language.i18n import Language, direction, say
from dossier_realtime.recording.recording import Recording
from tests.notebooks.player_page import button, clock, entries, plays, press_to, tab


@pytest.fixture(scope="module")
def file(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole day in English."""
    return Player(recording).save(tmp_path_factory.mktemp("player") / "day.html")


def seek(page: Page, ms: int) -> None:
    """As who drags the slider there does."""
    page.get_by_role("slider").evaluate(
        "(slider, ms) => { slider.value = ms; slider.dispatchEvent(new Event('input')) }", ms
    )


def figure(page: Page, label: str) -> str:
    """A figure of the overview by its label."""
    return page.locator(".figure").filter(has=page.get_by_text(label, exact=True)).locator("dd").inner_text()


def test_it_plays(file: Path, browser: Browser) -> None:
    with tab(browser) as page:
        page.context.set_offline(True)
        page.goto(file.as_uri())
        plays(page)


@pytest.mark.parametrize("width", [1440, 400])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_it_is_whole_in_both_languages_and_themes_wide_and_narrow(
    language: Language, theme: Theme, width: int, recording: Recording, browser: Browser, tmp_path: Path
) -> None:
    file = Player(recording, language=language, theme=theme).save(tmp_path / "player.html")
    with tab(browser, width=width) as page:
        page.context.set_offline(True)
        page.goto(file.as_uri())
        player = page.locator(".player")
        expect(player).to_have_attribute("dir", direction(language))
        expect(player).to_have_attribute("lang", language)
        expect(player).to_have_attribute("data-theme", theme)
        expect(page.get_by_text(say(language, "player.proven"))).to_be_visible()
        press_to(page, "End")
        for name in ("documents", "presence", "overview"):
            button(page, say(language, f"page.{name}")).click()
            expect(page.locator(".state .blocks > *").first).to_be_visible()
        expect(page.get_by_role("heading", name=say(language, "player.frames"))).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, "the page is wider than its window"
        dark = page.evaluate("getComputedStyle(document.querySelector('.player')).backgroundColor")
        assert (sum(map(int, dark.strip("rgba()").split(",")[:3])) < 200) == (theme == "dark"), dark


def test_it_shows_who_was_online_as_the_recording_says(file: Path, recording: Recording, browser: Browser) -> None:
    times = recording.index.times
    with tab(browser) as page:
        page.goto(file.as_uri())
        button(page, say("en", "page.overview")).click()
        for share in (0.3, 0.6, 0.9):
            seek(page, round(1000 * share * (times[-1] - times[0])))
            told = page.locator(".state .since").first.inner_text().removeprefix("As of ").rpartition(", ")[2]
            hour, minute, second = told.split(":")
            midnight = times[0] // 86400 * 86400
            then = midnight + 3600 * int(hour) + 60 * int(minute) + float(second)
            then += 86400 * (then < times[0] - 1)  # it may have been recorded across midnight
            # Entries carry milliseconds: one of this very millisecond may stand before or behind the state.
            around = [recording.state_at(max(times[0], then + aside)).sessions.values() for aside in (-0.0005, 0.0005)]
            people = {str(len({session.user for session in sessions})) for sessions in around}
            assert figure(page, say("en", "figure.people")) in people


def test_it_shows_each_version_of_a_document(file: Path, recording: Recording, browser: Browser) -> None:
    channels = recording.channels()
    channel = str(channels[channels.index.str.startswith("document:")]["offset"].idxmax())
    document = recording.document(channel)
    versions = sorted({1, (document.first + document.last) // 2, document.last})
    with tab(browser) as page:
        page.goto(file.as_uri())
        button(page, say("en", "page.documents")).click()
        page.get_by_role("combobox", name=say("en", "player.document")).select_option(label=channel.partition(":")[2])
        for version in versions:
            seek(page, round(1000 * (document.edits[version - document.first - 1].at - recording.index.times[0])))
            expect(page.get_by_text(f"Version {version}", exact=True)).to_be_visible()
            text = page.get_by_role("region", name=say("en", "player.document_text")).evaluate(
                "node => node.textContent"
            )
            assert text == document.at(version)


def test_it_holds_every_entry_that_is_shown(file: Path, recording: Recording, browser: Browser) -> None:
    shown = recording.events()
    silent = ("attach", "detach", "renewed", "conflated", "outcome", "sampled", "checkpoint", "key", "restored")
    shown = shown[~shown["kind"].isin(silent)]
    alerts = recording.events(type="commitment_alert")
    with tab(browser) as page:
        page.goto(file.as_uri())
        assert entries(page) == (len(shown), len(shown))
        page.get_by_role("searchbox").fill("type:commitment_alert")
        assert entries(page) == (len(alerts), len(shown))


def test_it_shows_the_alerts_that_climbed_to_the_third_level(
    file: Path, recording: Recording, browser: Browser
) -> None:
    frames = recording.events(type="commitment_alert", kind="fanout")["frame"]
    titles = {one["commitment_id"]: one["title"]["en"] for one in (json.loads(frame)["payload"] for frame in frames)}
    state = recording.state_at(recording.index.times[-1])
    third = sorted(titles[name] for name, alert in state.alerts.items() if alert.level == 3)
    assert third
    with tab(browser) as page:
        page.goto(file.as_uri())
        press_to(page, "End")
        button(page, say("en", "page.alerts")).click()
        column = page.get_by_role("region", name=say("en", "alert.3"))
        assert sorted(column.get_by_role("heading", level=3).all_inner_texts()) == third


def test_its_clock_is_that_of_the_tables_or_the_readers_own(file: Path, recording: Recording, browser: Browser) -> None:
    first = recording.events().index[0]
    with tab(browser) as page:
        page.goto(file.as_uri())
        assert clock(page) == first.strftime("%H:%M:%S.%f")[:-3] + " UTC"
        button(page, "Show local time").click()
        assert clock(page) == first.tz_convert("Asia/Riyadh").strftime("%H:%M:%S.%f")[:-3]
        button(page, "Show UTC").click()
        assert clock(page).endswith(" UTC")
