"""What a recording that is opened from disk shows by default: nothing of what is secret, counts included (B15)."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import Signer
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.recording.entry import Header
from dossier_realtime.recording.recording import Recording
from dossier_realtime.recording.redaction.visibility import ClearanceFilter
from tests.recording.recorded_scenario import COUNTRY, DOCUMENT
from tests.recording.secret_scenario import BOOK, NAMES, RAISED, VAULT, Scene, play

LATE = 4e9
OWN = ("user:ali", "user:sara", "user:omar", "global")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return play(tmp_path_factory.mktemp("secrets") / "data", secret=True)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return play(tmp_path_factory.mktemp("twin") / "data", secret=False)


@pytest.fixture(scope="module")
def whole(scene: Scene) -> Recording:
    return open_journal(scene.folder, clearance="secret")


def exported(scene: Scene, file: Path) -> Path:
    archive = Archive(scene.folder, "test", Signer(file.parent))
    with file.open("wb") as target:
        target.writelines(archive.export(Selection(), made_at=1.0, made_by="auditor"))
    return file


@pytest.fixture(scope="module", params=["journal", "export", "confidential"])
def redacted(request: pytest.FixtureRequest, scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The scene as it is opened where nobody asks for more, and with a clearance that is still too low."""
    if request.param == "export":
        return open_export(exported(scene, tmp_path_factory.mktemp("export") / "all.ndjson"))
    if request.param == "confidential":
        return open_journal(scene.folder, clearance="confidential")
    return open_journal(scene.folder)


def channels_of(recording: Recording) -> list[str]:
    return [*OWN, COUNTRY, DOCUMENT, *recording.channels().index]


def documents_of(recording: Recording) -> list[Any]:
    names = [name for name in channels_of(recording) if name.startswith("document:")]
    return [(recording.document(name).name, recording.document(name).edits) for name in names]


def states(recording: Recording) -> Iterator[object]:
    for moment in sorted({entry.header.at for entry in recording.entries()} | {LATE}):
        state = recording.state_at(moment)
        yield (state, state.present, state.limits)


def answered(ask: Callable[[str, int], object], channel: str, offset: int) -> object:
    """The answer, or what is said where the event is not there."""
    try:
        return ask(channel, offset)
    except (KeyError, ValueError) as wrong:
        return str(wrong)


QUESTIONS: dict[str, Callable[[Recording, Scene], object]] = {
    "index": lambda recording, _: [vars(recording.index), [recording.index.entry(n) for n in range(len(recording))]],
    "__len__": lambda recording, _: len(recording),
    "span": lambda recording, _: recording.span,
    "verify": lambda recording, _: recording.verify(),
    "sessions": lambda recording, _: recording.sessions(),
    "users": lambda recording, _: recording.users(),
    "channels": lambda recording, _: recording.channels(),
    "events": lambda recording, _: recording.events(),
    "acts": lambda recording, _: recording.acts(),
    "entries": lambda recording, _: list(recording.entries()),
    "explain": lambda recording, _: [recording.explain(entry) for entry in recording.entries()],
    "transcript": lambda recording, scene: [recording.transcript(session) for session in scene.sessions.values()],
    "frames": lambda recording, scene: [told(recording.frames(session)) for session in scene.sessions.values()],
    "state_at": lambda recording, _: list(states(recording)),
    "document": lambda recording, _: documents_of(recording),
    "history": lambda recording, _: recording.history(DOCUMENT),
    "side_by_side": lambda recording, _: answered(
        lambda name, _: str(recording.side_by_side(name, name)), DOCUMENT.removeprefix("document:"), 0
    ),
    "pairs": lambda recording, _: [(names, recording.pairs.changes(names)) for names in recording.pairs],
    "health": lambda recording, _: [
        answered(lambda name, _: recording.health(name).published, channel, 0)
        for channel in channels_of(recording)
        if channel.startswith("relationship:")
    ],
    "inbox": lambda recording, _: [
        answered(lambda name, _: recording.inbox(name), channel.removeprefix("user:"), 0)
        for channel in channels_of(recording)
        if channel.startswith("user:")
    ],
    "cause": lambda recording, _: [
        answered(recording.cause, channel, offset) for channel in channels_of(recording) for offset in range(5)
    ],
    "delivered_to": lambda recording, _: [
        answered(recording.delivered_to, channel, offset) for channel in channels_of(recording) for offset in range(5)
    ],
}
"""Everything that can be asked of a recording, asked of all that it has."""


def told(answer: object) -> str:
    """All that a notebook shows of an answer, or writes of it."""
    if isinstance(answer, pd.DataFrame):
        plain = answer.reset_index()
        return f"{answer!r}{plain.to_csv()}{plain.to_json(date_format='iso', default_handler=str)}{plain.to_dict()}"
    return repr(answer)


def test_every_question_is_asked() -> None:
    there = {name for name, _ in inspect.getmembers(Recording) if not name.startswith("_")} | {"__len__"}
    assert there == QUESTIONS.keys()


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_answer_holds_a_secret_unless_it_is_asked_for(
    question: str, redacted: Recording, whole: Recording, scene: Scene
) -> None:
    text = told(QUESTIONS[question](redacted, scene))
    assert [name for name in NAMES if name in text] == []
    if question in ("index", "channels", "events", "entries", "transcript", "state_at"):
        everything = told(QUESTIONS[question](whole, scene))
        assert [name for name in NAMES[:3] if name not in everything] == [], "the scene has no secret to hide"


@pytest.mark.parametrize("channel", [VAULT, RAISED, BOOK, "document:nothing"])
def test_a_secret_thing_is_as_if_it_were_not(redacted: Recording, channel: str) -> None:
    for name in (lambda: redacted.entries(channel=channel), lambda: redacted.events(channel=channel)):
        with pytest.raises(KeyError, match="no channel"):
            name()
    with pytest.raises(KeyError, match="no channel"):
        redacted.delivered_to(channel, 1)
    for ask in (redacted.document, redacted.history):
        with pytest.raises(KeyError, match="no edit of document:"):
            ask(channel)


def plain(table: pd.DataFrame, *without: str) -> list[Any]:
    return table.drop(columns=[*without]).reset_index().astype(object).to_dict("records")


def counted(recording: Recording, scene: Scene) -> dict[str, Any]:
    """Everything about a world that has nothing to do with the clock and the names that it drew."""
    times = ("first", "last")
    sessions = recording.sessions().drop(columns=["opened", "closed", "duration"]).reset_index(drop=True)
    events = recording.events()
    columns = ["kind", "type", "user", "channel", "offset", "level", "rule", "receivers"]
    frames = {user: recording.transcript(session) for user, session in scene.sessions.items()}
    state = recording.state_at(LATE)
    document = recording.document(DOCUMENT)
    report = recording.verify()
    return {
        "entries": len(recording),
        "sessions": plain(sessions),
        "users": plain(recording.users(), *times),
        "channels": plain(recording.channels(), *times),
        "events": Counter(events[columns].astype(str).itertuples(index=False, name=None)),
        "numbers": [entry.header.seq for entry in recording.entries()],
        "places": [e.header.detail for e in recording.entries() if e.header.kind == "conflated"],
        "permissions": [e.header.detail["permissions"] for e in recording.entries(kind="open")],
        "unsent": [e.header.detail["unsent"] for e in recording.entries(kind="close")],
        "transcripts": {user: [(f.direction, f.channel, f.rule) for f in told] for user, told in frames.items()},
        "state": (state.present, state.alerts, state.briefs, state.limits, state.settings, state.versions),
        "history": plain(recording.history(DOCUMENT).reset_index(drop=True)),
        "texts": [document.at(version) for version in range(document.last + 1)],
        "delivered": {reader.user for reader in recording.delivered_to(COUNTRY, 1)},
        "report": (report.ok, report.entries, report.redacted, report.missing_at_end, report.gaps, report.lost),
    }


def test_all_counts_are_those_of_a_world_without_secrets(redacted: Recording, scene: Scene, twin: Scene) -> None:
    here, there = counted(redacted, scene), counted(open_journal(twin.folder, clearance="secret"), twin)
    for what, found in here.items():
        assert found == there[what], what


def test_the_twin_loses_nothing_in_the_redacted_view(twin: Scene) -> None:
    seen, everything = open_journal(twin.folder), open_journal(twin.folder, clearance="secret")
    assert counted(seen, twin) == counted(everything, twin)
    for session in twin.sessions.values():
        shown = [frame.frame for frame in seen.transcript(session)]
        assert shown == [frame.frame for frame in everything.transcript(session)]


def test_a_clearance_that_is_none_is_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'top' is no clearance; there are public, internal, confidential, secret"):
        open_journal(scene.folder, clearance="top")
    with pytest.raises(ValueError, match="'' is no clearance"):
        open_export(exported(scene, tmp_path / "all.ndjson"), clearance="")


def test_a_partial_export_is_redacted_again_only_where_it_was_made_for_more(scene: Scene, tmp_path: Path) -> None:
    archive = Archive(scene.folder, "test", Signer(tmp_path))
    secret = {VAULT, RAISED, BOOK}
    made = {}
    for clearance in ("public", "internal", "secret"):
        file = tmp_path / f"{clearance}.ndjson"
        with file.open("wb") as target:
            target.writelines(
                archive.export(
                    Selection(),
                    made_at=1.0,
                    made_by="analyst",
                    clearance=clearance,
                    level_of=lambda name: "secret" if name in secret or "secret" in name else "internal",
                )
            )
        made[clearance] = list(open_export(file, clearance="secret").entries())
        shown = list(open_export(file).entries())
        if clearance == "secret":
            assert 0 < len(shown) < len(made[clearance])
            assert [name for name in NAMES if name in repr(shown)] == []
        else:
            assert shown == made[clearance]


@pytest.mark.parametrize(
    "path",
    ["/v1/documents/blackbook", "/v1/documents/black%62ook", f"/v1/channels/{VAULT}/history", "/v1/channels/x%2F"],
)
def test_a_call_is_hidden_however_it_writes_the_name(path: str) -> None:
    clearance_filter = ClearanceFilter("internal", lambda name: "secret" if name in (BOOK, VAULT) else "internal")
    call = Header(1, "http", 1.0, user="op", detail={"method": "GET", "path": path, "status": 200})
    assert clearance_filter.see(call, b"") is None
    other = msgspec.structs.replace(call, detail={**call.detail, "path": f"/v1/channels/{COUNTRY}"})
    assert clearance_filter.see(other, b"") is not None


@pytest.mark.parametrize("name", ["query", "reason", "key"])
@pytest.mark.parametrize("text", [f"channel={VAULT}", f"channel={VAULT.replace(':', '%3A')}&since=1"])
def test_what_a_caller_says_beside_the_path_tells_no_hidden_name(name: str, text: str) -> None:
    clearance_filter = ClearanceFilter("internal", lambda channel: "secret" if channel in (BOOK, VAULT) else "internal")
    call = Header(1, "http", 1.0, user="op", detail={"method": "GET", "path": "/v1/journal", "status": 200, name: text})
    seen = clearance_filter.see(call, b"")
    assert seen is not None
    assert seen[0].detail[name] == ""
    shown = msgspec.structs.replace(call, detail={**call.detail, name: f"channel={COUNTRY}"})
    seen = clearance_filter.see(shown, b"")
    assert seen is not None
    assert seen[0].detail[name] == f"channel={COUNTRY}"
