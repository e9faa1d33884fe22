"""An edit takes one line of the journal, and every reader finds what it found when it took three."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.core.ratelimit import Limits, RateLimiter
from app.core.reevaluate import Reevaluation
from app.core.sessions.deadlines import SessionLimits
from app.journal import store
from app.journal.exports.export import Archive
from app.journal.exports.selection import NothingSelected, Selection, Tally
from app.journal.joining import EntryAlone, Joiner
from app.journal.lanes import LaneState, Waiting
from app.journal.retention import Retention, retain
from app.journal.signatures.signing import Signer
from app.journal.writer import Journal
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.protocol.classification import ChannelPolicy
from dossier_realtime.recording.entry import Entry, Header
from dossier_realtime.recording.joined import is_joined
from dossier_realtime.recording.recording import Recording
from tests.journal.folders import NODE, report
from tests.journal.office_script import HIDDEN, LEVELS, PLAN, Office


def written(folder: Path, seed: int, steps: int, *, joins: bool, segment_bytes: int = 40_000) -> Path:
    """Write the journal of a script. Its clock stands: the writer's thread asks it as often as it happens to wake."""
    journal = Journal(folder / "journal", NODE, segment_bytes=segment_bytes, joins=joins, clock=lambda: 1_795_930_000.0)
    Office(journal, random.Random(seed)).play(steps)  # noqa: S311  a script, no secret
    assert journal.close() == 0
    return folder / "journal"


def joined_lines(folder: Path) -> int:
    paths = store.segment_paths(folder, NODE)
    return sum(is_joined(line.split(b"\t")[1]) for path in paths for line in store.read_lines(path))


def both(folder: Path, seed: int, steps: int) -> tuple[Path, Path]:
    """Write the journal of a script in single lines, and with joined ones."""
    old = written(folder / "old", seed, steps, joins=False)
    assert joined_lines(old) == 0
    for attempt in range(10):  # a writer that wakes at each edit finds nothing to join
        new = written(folder / str(attempt), seed, steps, joins=True)
        if joined_lines(new) > 0:
            return old, new
    raise AssertionError("no edit was joined")


def bare(header: Header) -> dict[str, Any]:
    """Return the facts of a header: all but its number and the numbers that it names."""
    names = [name for name in Header.__struct_fields__ if name not in ("seq", "cause", "after")]
    return {name: getattr(header, name) for name in names}


def asked(ask: Any) -> Any:
    """Return an answer, or the name of the error."""
    try:
        return ask()
    except (KeyError, ValueError) as wrong:
        return type(wrong).__name__


def facts(recording: Recording) -> dict[str, Any]:
    """Return what the readers of a recording say."""
    entries = list(recording.entries())
    times = sorted({entry.header.at for entry in entries})
    found: dict[str, Any] = {
        "entries": sorted((repr(bare(entry.header)), entry.frame, entry.redacted) for entry in entries),
        "table": sorted(map(repr, recording.events(kind="in")[["type", "session", "frame"]].itertuples(index=False))),
        "channels": repr(recording.channels()),
        "sessions": repr(recording.sessions()),
        "users": repr(recording.users()),
        "rerun": [rerun(entries, Limits(edit=limit, cursor=3)) for limit in (3, 1_000)],
    }
    for session in {entry.header.session for entry in entries} - {""}:
        found[session] = [frame[2:] for frame in recording.transcript(session)]
        found[f"frames of {session}"] = repr(recording.frames(session)[["direction", "type", "text"]])
    for channel in sorted({entry.header.channel for entry in entries} & LEVELS.keys()):
        last = max(entry.header.offset for entry in entries if entry.header.channel == channel)
        for offset in range(1, last + 2):
            found[f"{channel} {offset}"] = asked(lambda at=offset, on=channel: recording.delivered_to(on, at))
            found[f"{channel} {offset} by"] = asked(lambda at=offset, on=channel: caused(recording, on, at))
        with suppress(KeyError):
            history = recording.document(channel)
            found[f"{channel} edits"] = history.edits
            found[f"{channel} text"] = [history.at(version) for version in range(history.first, history.last + 1)]
            found[f"{channel} at"] = [asked(lambda at=at, of=history: of.at(at)) for at in times]
    with suppress(KeyError, ValueError):
        state = recording.state_at(recording.span[1])
        found["state"] = (state.sessions, state.versions, state.settings, state.present)
    return found


def caused(recording: Recording, channel: str, offset: int) -> Any:
    cause = recording.cause(channel, offset)
    return bare(cause.header), cause.frame, recording.explain(cause)


def rerun(entries: list[Entry], limits: Limits) -> list[Any]:
    policy = ChannelPolicy([(HIDDEN, "secret")])
    run = Reevaluation(policy, lambda: RateLimiter(limits), SessionLimits())
    told = [difference[1:] for entry in entries for difference in run.take(entry)]
    return [sorted(told), run.judged, run.skipped]


@pytest.mark.parametrize("seed", [1, 3, 7, 10, 11, 15])  # scripts in which many edits can be joined
def test_every_reader_finds_what_it_found_in_three_lines(tmp_path: Path, seed: int) -> None:
    old, new = both(tmp_path, seed, 80)
    for clearance in ("secret", "internal"):
        assert facts(open_journal(new, clearance=clearance)) == facts(open_journal(old, clearance=clearance))
    assert report(new) == report(old)


@pytest.mark.parametrize("seed", [10, 11])
def test_every_export_shows_what_it_showed_of_three_lines(tmp_path: Path, seed: int) -> None:
    old, new = both(tmp_path, seed, 40)
    middle = open_journal(old, clearance="secret").span
    since = (middle[0] + middle[1]) / 2
    selections = [Selection(), Selection(channel=PLAN), Selection(since=since), Selection(since=since, context=True)]
    selections += [Selection(session="s-ali"), Selection(user="bea")]
    for selection in [*selections, Selection(channel=PLAN, context=True)]:
        for options in ({}, {"redacted": [PLAN]}, {"clearance": "internal", "level_of": LEVELS.__getitem__}):
            shown = [exported(journal, selection, options) for journal in (old, new)]
            assert shown[1] == shown[0], (selection, options)


def exported(journal: Path, selection: Selection, options: dict[str, Any]) -> Any:
    data, tally = journal.parent, Tally()
    try:
        if "level_of" in options:
            options = options | {"level_of": lambda name: LEVELS.get(name, "internal")}
        archive = Archive(journal, NODE, Signer(data))
        lines = list(archive.export(selection, made_at=1.0, made_by="auditor", tally=tally, **options))
    except NothingSelected:
        return None
    except ValueError as wrong:  # of a redaction that fits nothing
        return str(wrong)
    file = data / "export.ndjson"
    file.write_bytes(b"".join(lines))
    recording = open_export(file, clearance="secret", key=data / "journal-key.pub")
    checked = recording.verify()
    return facts(recording), checked.ok, checked.entries, checked.redacted, tally


def test_of_several_nodes_it_is_one_recording(tmp_path: Path) -> None:
    for joins in (False, True):
        folder = tmp_path / str(joins)
        written(folder, 5, 60, joins=joins)
        other = Journal(folder / "journal", "n2", clock=lambda: 1_795_931_000.0)
        for number in range(40):
            frame = f'{{"type":"ping","timestamp":{number}}}'
            other.record("in", at=1_795_931_000 + number / 9, session="s-sara", user="sara", type="ping", frame=frame)
        assert other.close() == 0
    old, new = (tmp_path / str(joins) / "journal" for joins in (False, True))
    assert joined_lines(new) > 0
    for clearance in ("secret", "internal"):
        assert facts(open_journal(new, clearance=clearance)) == facts(open_journal(old, clearance=clearance))


def test_pages_go_on_behind_and_within_a_line(tmp_path: Path) -> None:
    journal = written(tmp_path, 7, 120, joins=True)
    archive = Archive(journal, NODE, Signer(tmp_path))
    whole = list(archive.export(Selection(), made_at=1.0, made_by="auditor"))[:-1]
    after, pages, counts = 0, list[bytes](), list[int]()
    while lines := list(archive.export(Selection(after=after, limit=7), made_at=1.0, made_by="auditor"))[:-1]:
        pages += lines
        counts.append(sum(3 if b'"kind":"edit"' in line else 1 for line in lines))
        after = int(lines[-1].partition(b'"seq":')[2].partition(b",")[0])
    assert len(pages) == len(whole)
    assert {7} < set(counts[:-1]) <= {7, 8, 9}
    joined = next(line for line in whole if b'"kind":"edit"' in line)
    last = int(joined.partition(b'"seq":')[2].partition(b",")[0])
    for within in (last - 3, last - 2, last - 1):
        found = next(iter(archive.export(Selection(after=within, limit=1), made_at=1.0, made_by="auditor")))
        assert found.partition(b'"header"')[2] == joined.partition(b'"header"')[2]


def test_frames_are_taken_out_after_their_days(tmp_path: Path) -> None:
    counts = []
    for joins in (False, True):
        journal = written(tmp_path / str(joins), 8, 200, joins=joins, segment_bytes=5_000)
        days = Retention(0, {"internal": 1.0, "secret": 0})
        counts.append(retain(journal, NODE, days, 1_800_000_000.0, Signer(tmp_path / str(joins)))[1] > 0)
        assert report(journal).ok
        entries = [*open_journal(journal, clearance="secret").entries()]
        taken = {entry.header.channel for entry in entries if entry.redacted and entry.header.channel}
        assert taken == {PLAN}
    assert counts == [True, True]


def waiting(kind: str, user: str, frame: str = "", *, channel: str = PLAN, cause: Any = 0, **fields: Any) -> Waiting:
    names = [*Header.__struct_fields__[1:-3]]  # all that Journal.record puts down
    values: dict[str, Any] = dict.fromkeys(names, "") | {
        "at": 1.0,
        "offset": 0,
        "commit": 0,
        "receivers": 0,
        "detail": {},
    }
    values |= {"kind": kind, "user": user, "session": user and f"s-{user}", "channel": channel, "audience": "all"}
    values |= fields
    return Waiting(LaneState("events", 9, 9), tuple(values[name] for name in names), frame or None, cause)


def an_edit(user: str, version: int, channel: str = PLAN) -> tuple[Waiting, Waiting, Waiting]:
    """Return the three entries of an edit, marked as the loop marks them."""
    said = f'"channel":"{channel}","payload"'
    one = '"operation_type":"insert","position":0,"version"'
    made = f'"user_id":"{user}","user_name":"{user}",{one}:{version + 1}'
    frames = (
        f'{{"type":"edit_operation",{said}:{{{one}:{version},"content":"a"}}}}',
        f'{{"type":"operation_ack",{said}:{{"version":{version + 1}}}}}',
        f'{{"type":"remote_operation",{said}:{{{made},"content":"a","timestamp":1}}}}',
    )
    first = waiting("in", user, frames[0], channel=channel, type="edit_operation")
    second = waiting("out", user, frames[1], channel=channel, type="operation_ack")
    by = {"by": user, "via": f"session:s-{user}", "type": "remote_operation", "offset": version + 1}
    third = waiting("fanout", "", frames[2], channel=channel, cause=first, **by)
    first.joins = (first, second, third)
    return first, second, third


def passed(entries: list[Waiting]) -> list[str]:
    """Return what is written of a queue: `a` for a line of one entry, `j` for a joined line."""
    joiner, seq, found = Joiner(), 0, []
    for entry in entries:
        for item in joiner.take(entry, seq):
            alone = isinstance(item, EntryAlone)
            seq += 1 if isinstance(item, EntryAlone) else len(item.entries)
            found.append("a" if alone else "j")
    assert len(joiner) == 0
    return found


def test_an_edit_waits_past_frames_of_others_and_past_nothing_else() -> None:
    ali, bea = an_edit("ali", 0), an_edit("bea", 1)
    assert passed([*ali]) == ["j"]
    assert passed([ali[0], bea[0], *ali[1:], *bea[1:]]) == ["j", "j"]
    for kind in ("out", "fanout", "conflated"):
        one = an_edit("ali", 0)
        assert passed([one[0], waiting(kind, "bea"), *one[1:]]) == ["a", "j"]
    for kind in ("refused", "close", "open", "detach", "settings", "act", "lifted", "http", "start", "gap", "decided"):
        one = an_edit("ali", 0)
        assert passed([one[0], waiting(kind, "bea"), *one[1:]]) == ["a", "a", "a", "a"], kind
    one, other = an_edit("ali", 0), an_edit("ali", 0, HIDDEN)
    assert passed([one[0], other[0], *one[1:], *other[1:]]) == ["a", "a", "a", "j"]
    one, second = an_edit("ali", 0), an_edit("ali", 1)
    assert passed([one[0], second[0], *one[1:], *second[1:]]) == ["j", "j"]
    for type_, written_so in (("cursor_position", ["a", "j"]), ("edit_operation", ["a"] * 4), ("ping", ["a"] * 4)):
        one = an_edit("ali", 0)
        assert passed([one[0], waiting("in", "ali", type=type_), *one[1:]]) == written_so
    one = an_edit("ali", 0)
    assert passed([one[0], waiting("fanout", "", cause=one[0]), *one[1:]]) == ["a", "a", "a", "a"]


def test_most_edits_of_one_writer_take_one_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE)
    office = Office(journal, random.Random(1))  # noqa: S311  a script, no secret
    office.open("s-ali", "ali")
    for _ in range(300):
        office.edit()
        office.commit()
    assert journal.close() == 0
    assert joined_lines(tmp_path) > 100
    assert report(tmp_path).ok
