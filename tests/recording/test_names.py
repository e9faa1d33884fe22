"""A name that is not in a recording is an error, the same for one that may not be seen: an empty answer is a fact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dossier_realtime.archive import ExportError, open_export, open_journal
from dossier_realtime.protocol.channels import SHAPES, Pattern, parse_pattern
from dossier_realtime.recording.names import must_be_in
from dossier_realtime.recording.recording import Recording
from tests.recording.recorded_scenario import COUNTRY, SECRET, RecordedScenario

ASKED: dict[str, Callable[[Recording, str], object]] = {
    "entries": lambda recording, name: recording.entries(channel=name),
    "events": lambda recording, name: recording.events(channel=name),
    "delivered_to": lambda recording, name: recording.delivered_to(name, 1),
    "state_at": lambda recording, name: recording.state_at(recording.span[1]).on(name),
    "document": lambda recording, name: recording.document(name),
    "history": lambda recording, name: recording.history(name),
}


@pytest.mark.parametrize("asked", ASKED)
def test_a_channel_that_is_not_there_raises_the_same_as_one_that_is_hidden(
    played: RecordedScenario, asked: str
) -> None:
    low = open_journal(played.service.data / "journal", clearance="internal")
    said = []
    for name in (SECRET, SECRET.replace("X", "Y")):
        with pytest.raises(KeyError) as refused:
            ASKED[asked](low, name)
        said.append(str(refused.value).replace(name, "…"))
    assert said[0] == said[1]


@pytest.mark.parametrize("asked", ["user", "session"])
def test_a_person_that_is_not_there_raises(recording: Recording, asked: str) -> None:
    for ask in (recording.entries, recording.events):
        with pytest.raises(KeyError, match=f"no {asked} 'nobody' in this recording"):
            ask(**{asked: "nobody"})  # type: ignore[arg-type]  # one of its names
    for transcript in (recording.transcript, recording.frames):
        with pytest.raises(KeyError, match="no session"):
            transcript("nobody")


def test_a_name_nearly_right_is_offered(recording: Recording) -> None:
    with pytest.raises(KeyError, match=f"did you mean {COUNTRY}"):
        recording.delivered_to("dossier:country:SB", 1)
    with pytest.raises(ValueError, match="did you mean document"):
        recording.events(channel="documents:*")
    with pytest.raises(ValueError, match="did you mean dossier_update"):
        recording.events(type="dosier_update")
    with pytest.raises(ValueError, match="did you mean fanout"):
        recording.events(kind="fannout")  # type: ignore[arg-type]  # that is the point


def test_an_event_that_is_not_there_raises(recording: Recording) -> None:
    for offset, epoch in ((99, ""), (1, "other")):
        with pytest.raises(KeyError, match=f"no event {offset}"):
            recording.delivered_to(COUNTRY, offset, epoch=epoch)
    with pytest.raises(ValueError, match="begin with 1"):
        recording.delivered_to(COUNTRY, 0)


def test_a_question_that_is_answered_with_nothing_is_no_error(recording: Recording) -> None:
    assert recording.events(channel="workspace:*").empty
    assert recording.events(type="task_update").empty
    assert recording.events(user="ali", kind="gap").empty


def test_of_the_time_before_a_recording_nothing_is_said(recording: Recording) -> None:
    with pytest.raises(KeyError, match="this recording begins at"):
        recording.state_at(recording.span[0] - 1)


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        *((name, True) for name in ("*", "dossier:*", "dossier:country:SA", "*:*", "document:x", "global", "*:x:y")),
        *((name, False) for name in ("documents:*", "document:a:b", "dossier:SA", "globl", "a:*", "global:x", "user")),
    ],
)
def test_a_pattern_that_can_match_nothing_is_known(text: str, possible: bool) -> None:
    pattern = parse_pattern(text)
    assert pattern is not None
    assert pattern.names_something is possible


def _examples(*patterns: Pattern) -> list[str]:
    """Names of every namespace, of the segments that the patterns have and one more."""
    parts = sorted({part for pattern in patterns for part in pattern.segments if part != "*"} | {"z"})
    names = [[namespace] for namespace in SHAPES]
    found: list[str] = []
    for start in names:
        rows: list[list[str]] = [start]
        for _ in SHAPES[start[0]]:
            rows = [[*row, part] for row in rows for part in parts]
        found += [":".join(row) for row in rows]
    return found


PATTERNS = ["*", "dossier:*", "dossier:country:*", "dossier:*:SA", "dossier:country:SA", "document:*", "*:SA", "*:*:SA"]


@pytest.mark.parametrize("one", PATTERNS)
@pytest.mark.parametrize("other", [*PATTERNS, "documents:*", "user:ali", "dossier:region:*"])
def test_patterns_overlap_where_a_channel_fits_both(one: str, other: str) -> None:
    first, second = parse_pattern(one), parse_pattern(other)
    assert first is not None
    assert second is not None
    both: Any = [name for name in _examples(first, second) if first.matches(name) and second.matches(name)]
    assert first.overlaps(second) is bool(both)
    assert second.overlaps(first) is bool(both)


@pytest.mark.parametrize("value", [5, 1.5, b"sara", ["sara"], {}, True])
@pytest.mark.parametrize(
    "asked", [*ASKED, "explain", "transcript", "frames", "cause", "user", "session", "kind", "type"]
)
def test_a_value_that_is_no_name_is_told_in_a_sentence(recording: Recording, asked: str, value: Any) -> None:
    more: dict[str, Callable[[Recording, Any], object]] = {
        "explain": Recording.explain,
        "transcript": Recording.transcript,
        "frames": Recording.frames,
        "cause": lambda recording, name: recording.cause(name, 1),
    }
    ask = (ASKED | more).get(asked, lambda recording, name: recording.events(**{asked: name}))
    with pytest.raises(TypeError, match=r"is (not the (name|type) of a|no entry).*: give"):
        ask(recording, value)


def test_an_epoch_that_is_no_name_is_told_in_a_sentence(recording: Recording) -> None:
    for ask in (recording.cause, recording.delivered_to):
        with pytest.raises(TypeError, match="is not the name of an epoch: give it as text"):
            ask(COUNTRY, 1, epoch=5)  # type: ignore[arg-type]  # that is the point


def test_a_name_that_no_channel_can_have_is_not_offered() -> None:
    with pytest.raises(KeyError, match="did you mean dossier:country:SA") as refused:
        must_be_in({"dossier:country", "dossier:country:SA"}, "dossier:country:S", "channel", "channels()")
    assert "dossier:country or" not in str(refused.value)
    assert "or dossier:country?" not in str(refused.value)


def test_a_file_and_a_folder_are_told_apart(played: RecordedScenario, tmp_path: Path) -> None:
    (tmp_path / "export.ndjson").write_text("{}")
    with pytest.raises(ValueError, match=r"is a file; name a journal's folder .*open_export"):
        open_journal(tmp_path / "export.ndjson")
    with pytest.raises(ExportError, match=r"is a folder; name an export's file .*open_journal"):
        open_export(played.service.data / "journal")
