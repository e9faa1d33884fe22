"""A part of a journal that begins in the middle, with how things stood then."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.journal.exports import export as exporting
from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import Signer
from dossier_realtime.archive import open_export
from dossier_realtime.archive.folder import seq_before
from dossier_realtime.recording.recording import Recording
from dossier_realtime.recording.replay.timeline import RecordedState
from tests.journal.folders import NODE, entries, write_some
from tests.recording.recorded_scenario import RecordedScenario


def part(played: RecordedScenario, to: Path, selection: Selection, clearance: str = "secret") -> Recording:
    data = played.service.data
    archive = Archive(data / "journal", "test", Signer(data))
    level_of = None if clearance == "secret" else (lambda name: "secret" if "secret" in name else "internal")
    lines = archive.export(selection, made_at=1.0, made_by="auditor", clearance=clearance, level_of=level_of)
    to.write_bytes(b"".join(lines))
    return open_export(to, clearance=clearance)


def standing(state: RecordedState) -> tuple[object, ...]:
    return state.sessions, state.present, state.alerts, state.briefs, state.health, state.versions, state.settings


@pytest.mark.parametrize("moment", ["before", "one edit", "busy"])
def test_with_context_the_state_is_what_it_was(
    played: RecordedScenario, recording: Recording, tmp_path: Path, moment: str
) -> None:
    at = played.moments[moment]
    whole = part(played, tmp_path / "with.ndjson", Selection(since=at, context=True))
    assert standing(whole.state_at(at)) == standing(recording.state_at(at))
    assert whole.verify().ok
    without = part(played, tmp_path / "without.ndjson", Selection(since=at))
    with pytest.raises(KeyError, match="this recording begins at"):
        without.state_at(at)


def test_with_context_a_document_has_its_text_from_the_beginning(played: RecordedScenario, tmp_path: Path) -> None:
    at = played.moments["busy"]
    assert (
        part(played, tmp_path / "part.ndjson", Selection(since=at, context=True)).document("strategy").at(2) == "مرحبا!"
    )


def test_what_happened_since_is_all_there(played: RecordedScenario, recording: Recording, tmp_path: Path) -> None:
    at = played.moments["one edit"]
    found = part(played, tmp_path / "part.ndjson", Selection(since=at, context=True))
    since = [entry for entry in found.entries() if entry.header.at >= at]
    assert since == [entry for entry in recording.entries() if entry.header.at >= at]
    before = {entry.header.kind for entry in found.entries() if entry.header.at < at}
    assert {"open", "attach", "fanout"} <= before
    assert not before & {"in", "out", "http"}


def test_a_channel_asked_for_keeps_who_touched_it(
    played: RecordedScenario, recording: Recording, tmp_path: Path
) -> None:
    at = played.moments["busy"]
    found = part(played, tmp_path / "part.ndjson", Selection(channel="document:*", since=at, context=True))
    touched = {played.sessions["ali"], played.sessions["sara"]}
    assert found.state_at(at).sessions.keys() == recording.state_at(at).sessions.keys() & touched
    assert {entry.header.channel.partition(":")[0] for entry in found.entries()} == {"", "document"}


def test_the_context_of_a_lower_clearance_has_no_trace_of_what_is_above(
    played: RecordedScenario, tmp_path: Path
) -> None:
    file = tmp_path / "part.ndjson"
    part(played, file, Selection(since=played.moments["busy"], context=True), "internal")
    assert b"secret:X" not in file.read_bytes()


def test_what_is_older_than_the_lookback_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "journal"
    write_some(folder, 300, segment_bytes=2_000)
    times = [entry.header.at for entry in entries(folder)]
    for moment in (times[0] - 1, times[0], times[150], times[-1], times[-1] + 1):
        seq = seq_before(folder, NODE, moment)
        assert all(entry.header.seq > seq for entry in entries(folder) if entry.header.at >= moment)
    assert seq_before(folder, NODE, times[-1] + 1) > 200
    monkeypatch.setattr(exporting, "LOOKBACK_SECONDS", 0.0)
    archive = Archive(folder, NODE, Signer(tmp_path))
    lines = list(archive.export(Selection(since=times[-2]), made_at=1.0, made_by="auditor"))
    assert len(lines) - 1 == sum(at >= times[-2] for at in times)
