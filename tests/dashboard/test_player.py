"""A player's page: whole, closed to the world, and honest about what it was made of."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from typing import Any

import pytest

from dashboard import Dashboard, Player
from dashboard.playback import player_data as made
from dossier_realtime.archive import open_journal
from dossier_realtime.archive.folder import DamagedRecordingWarning
from dossier_realtime.recording.recording import Recording
from tests.dashboard.test_blocks import apply
from tests.recording.recorded_scenario import RecordedScenario, play


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> RecordedScenario:
    return play(tmp_path_factory.mktemp("player") / "data")


@pytest.fixture(scope="module")
def recording(played: RecordedScenario) -> Recording:
    return open_journal(played.service.data / "journal", clearance="secret")


def held(page: str) -> dict[str, Any]:
    """The data in a page."""
    found = re.search(r'<script type="application/octet-stream" id="recording">([^<]*)</script>', page)
    assert found is not None
    data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return data


def test_a_page_asks_nobody_for_anything(recording: Recording) -> None:
    page = Player(recording).html()
    assert "default-src 'none'" in page
    assert not re.search(
        r"<(link|img|iframe)\b|https?://|@import|url\(", page.replace("http://www.w3.org/2000/svg", "")
    )


def test_a_frame_in_a_notebook_may_run_its_script_and_nothing_else(recording: Recording) -> None:
    frame = Player(recording)._repr_html_()
    assert 'sandbox="allow-scripts"' in frame
    inner = re.search(r'srcdoc="([^"]*)"', frame)
    assert inner is not None
    assert held(html.unescape(inner[1]))["languages"].keys() == {"en", "ar"}


def test_no_token_is_in_a_page(played: RecordedScenario, recording: Recording) -> None:
    text = json.dumps(held(Player(recording).html()))
    assert "eyJ" not in text
    assert '"token"' not in text


def test_hostile_text_does_not_leave_its_place(recording: Recording) -> None:
    page = Player(recording).html()
    assert page.count("</script>") == 2
    assert page.count("<script") == 2


def test_the_text_of_a_document_is_there_with_its_authors(recording: Recording) -> None:
    (document,) = Player(recording).data["documents"]
    assert (document["name"], document["first"], document["content"]) == ("strategy", 0, "")
    assert document["authors"] == ["Ali", "Sara"]
    assert [(author, kind, position, what) for _, author, kind, position, _, what in document["edits"]] == [
        (0, 0, 0, "مرحبا"),
        (1, 0, 5, "!"),
    ]


def test_a_time_of_a_recording_has_the_state_that_it_began_in(played: RecordedScenario, recording: Recording) -> None:
    moments = played.moments
    player = Player(recording, since=moments["one edit"], until=moments["busy"], pages=["presence"])
    assert player.data["length"] == round(1000 * (moments["busy"] - moments["one edit"]))
    first = player.data["languages"]["en"]["states"][0][1]["all"]
    (people,) = (block for block in first if block["id"] == "presence.by_person")
    assert {row["cells"][0] for row in people["rows"]} >= {"Ali", "Sara"}
    assert all(0 <= at <= player.data["length"] for at in player.data["marks"]["at"])


def test_a_time_of_a_recording_counts_from_its_beginning(played: RecordedScenario, recording: Recording) -> None:
    def published(since: float | None) -> list[float]:
        told = Player(recording, since=since, pages=["overview"]).data["languages"]["en"]["states"]
        blocks: list[Any] = []
        for _, message in told:
            blocks = apply(blocks, message)
        (figures,) = (block for block in blocks if block["id"] == "overview.figures")
        return [item["value"] for item in figures["items"] if item["label"] == "Events published"]

    assert published(None) == [5]
    assert published(played.moments["busy"]) == [1]


def test_a_time_of_a_recording_begins_with_no_counts(played: RecordedScenario, recording: Recording) -> None:
    data = Player(recording, since=played.moments["busy"], pages=["overview"]).data
    blocks = apply([], data["languages"]["en"]["states"][0][1])
    (figures,) = (block for block in blocks if block["id"] == "overview.figures")
    counted = {item["label"]: item["value"] for item in figures["items"]}
    names = ("Events published", "Deliveries", "Limit warnings", "Refused by limits", "Errors")
    assert {name: counted[name] for name in names} == dict.fromkeys(names, 0)
    assert counted["Sessions"] > 0


def test_what_does_not_fit_is_counted(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "MAX_ENTRIES", 10)
    data = Player(recording).data
    assert data["cut"] == len(recording) - 10
    assert data["length"] == round(1000 * (recording.index.times[9] - recording.index.times[0]))


def test_of_what_does_not_fit_the_newest_can_be_kept(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "MAX_ENTRIES", 10)
    begins, ends = recording.span
    data = made.playback(recording, begins, ends, ["overview"], ["en"], newest=True)
    assert data["cut"] == len(recording) - 10
    assert (data["start"], data["length"]) == (recording.index.times[-10], round(1000 * (ends - data["start"])))


def test_one_changed_byte_is_shown(played: RecordedScenario, recording: Recording, tmp_path: Any) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    for file in (played.service.data / "journal").iterdir():
        text = file.read_bytes()
        (folder / file.name).write_bytes(text.replace(b'"Ali"', b'"Eli"', 1) if file.suffix == ".journal" else text)
    with pytest.warns(DamagedRecordingWarning):
        proof = Player(open_journal(folder)).data["proof"]
    assert not proof["ok"]
    assert re.match(r"entry \d+", proof["fault"])


def test_a_dashboard_over_a_recording_shows_the_same_pages(recording: Recording) -> None:
    dashboard = Dashboard(recording=recording, language="ar", theme="dark")
    shown = dashboard.page("alerts")
    assert isinstance(shown, Player)
    assert shown.data["languages"]["ar"]["pages"] == [["alerts", "التنبيهات"]]
    assert isinstance(dashboard.overview(), Player)
    with pytest.raises(ValueError, match="take one of overview, presence"):
        dashboard.page("nowhere")
    with pytest.raises(ValueError, match="state_at"):
        _ = dashboard.state
    for nothing in ({}, {"url": "http://localhost:8000", "token": "t", "recording": recording}):
        with pytest.raises(ValueError, match="either the service's url and a token, or a recording"):
            Dashboard(**nothing)  # type: ignore[arg-type]  # that is what is tried


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"language": "fr"}, "take one of en, ar"),
        ({"theme": "pink"}, "take one of light, dark"),
        ({"pages": ["nowhere"]}, "take one of overview"),
        ({"until": 1.0}, "nothing was recorded in this time"),
        ({"since": "not a time"}, "is no time"),
    ],
)
def test_what_there_is_not_says_what_there_is(recording: Recording, wrong: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Player(recording, **wrong)
