"""The journals of several nodes in a folder, as one recording and one export; and what they hold of each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from app.commands.cli import main
from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.journal.exports.export import Archive
from app.journal.exports.selection import NothingSelected, Selection
from app.journal.signatures.checkpoints import Checkpointer, CheckpointSchedule
from app.journal.signatures.signing import Signer
from app.journal.writer import Journal
from app.services.nodes.head_exchange import HeadExchange
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.archive.folder import read_head, verify_folder, verify_together
from dossier_realtime.recording.entry import GENESIS, Detail, Head, Kind, encode_head
from dossier_realtime.recording.proof.witness import witnessed_heads
from tests.journal.folders import until

RIGHTS: Detail = {"name": "x", "role": "analyst", "clearance": "secret", "address": "", "reconnect_count": 0}


def open_session(journal: Journal, session: str, channel: str = "global") -> None:
    journal.record("open", session=session, user=f"{session}-user", detail={**RIGHTS, "connection": f"{session}-c"})
    journal.record("attach", session=session, user=f"{session}-user", channel=channel, level="internal")


def event(journal: Journal, offset: int, *, cause: bool = False, channel: str = "global") -> None:
    came = journal.record("in", session="one", user="one-user", channel=channel, level="internal") if cause else 0
    frame = b'{"type":"system_notice","offset":%d}' % offset
    where = {"channel": channel, "epoch": "e1", "level": "internal"}
    journal.record("fanout", offset=offset, receivers=1, commit=offset, cause=came or 0, frame=frame, **where)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two nodes with one session each, on one channel; each publishes once, and both deliver all."""
    now = [1_000.0]

    def clock() -> float:
        now[0] += 0.01
        return now[0]

    journals = {node: Journal(tmp_path / "journal", node, clock=clock) for node in ("n1", "n2")}
    open_session(journals["n1"], "one")
    open_session(journals["n2"], "two")
    for offset, publisher, other in ((1, "n1", "n2"), (2, "n2", "n1")):
        event(journals[publisher], offset, cause=True)
        event(journals[other], offset)
    for journal in journals.values():
        assert journal.close() == 0
    return tmp_path / "journal"


def test_a_folder_of_several_nodes_is_one_recording(folder: Path) -> None:
    recording = open_journal(folder)
    assert recording.verify().ok
    seqs = [entry.header.seq for entry in recording.entries()]
    assert seqs == list(range(1, len(recording) + 1))
    assert {entry.header.node for entry in recording.entries()} == {"n1", "n2"}
    assert {reader.session for reader in recording.delivered_to("global", 1)} == {"one", "two"}
    for session, node in (("one", "n1"), ("two", "n2")):
        frames = [frame for frame in recording.transcript(session) if frame.direction == "received"]
        assert [frame.offset for frame in frames] == [1, 2]  # once each, though two nodes recorded them
        assert recording.sessions().loc[session, "node"] == node
    assert recording.channels().loc["global", "events"] == 2
    assert recording.cause("global", 2).header.node == "n2"
    assert set(recording.events()["node"]) == {"n1", "n2"}
    alone = open_journal(folder, "n2")
    assert len(alone) < len(recording)
    assert {entry.header.node for entry in alone.entries()} == {""}


def test_the_restart_of_one_node_ends_no_session_of_another(folder: Path) -> None:
    Journal(folder, "n2", clock=lambda: 2_000.0).close()
    Journal(folder, "n1", clock=lambda: 3_000.0).close()
    recording = open_journal(folder)
    assert set(recording.state_at(1_999.0).sessions) == {"one", "two"}
    assert set(recording.state_at(2_500.0).sessions) == {"one"}
    assert set(recording.state_at(3_500.0).sessions) == set()


def test_an_export_of_a_folder_is_one_recording_too(folder: Path, tmp_path: Path) -> None:
    archive, file = Archive(folder, "n1", Signer(tmp_path)), tmp_path / "all.ndjson"
    file.write_bytes(b"".join(archive.export(Selection(), made_at=1.0, made_by="auditor")))
    recording = open_export(file, clearance="secret", key=tmp_path / "journal-key.pub")
    assert recording.verify().ok
    whole = open_journal(folder, clearance="secret")
    shown = [(each.header.node, each.header.kind, each.header.offset, each.frame) for each in recording.entries()]
    assert shown == [(each.header.node, each.header.kind, each.header.offset, each.frame) for each in whole.entries()]
    assert {reader.session for reader in recording.delivered_to("global", 2)} == {"one", "two"}
    assert not archive.keeps_links(Selection())
    one = b"".join(archive.export(Selection(node="n2"), made_at=1.0, made_by="auditor"))
    manifest = msgspec.json.decode(one.splitlines()[-1])["manifest"]
    assert (manifest["node"], manifest["whole"]) == ("n2", True)
    with pytest.raises(NothingSelected, match="n1, n2"):
        list(archive.export(Selection(node="n3"), made_at=1.0, made_by="auditor"))


def test_a_user_s_export_of_several_nodes_holds_what_each_node_sent(folder: Path, tmp_path: Path) -> None:
    archive, file = Archive(folder, "n1", Signer(tmp_path)), tmp_path / "two.ndjson"
    file.write_bytes(b"".join(archive.export(Selection(session="two"), made_at=1.0, made_by="auditor")))
    recording = open_export(file, clearance="secret")
    assert [frame.offset for frame in recording.transcript("two")] == [1, 2]


def _recorder(journal: Journal, kind: Kind) -> Callable[[Detail], object]:
    return lambda detail: journal.record(kind, detail=detail)


async def _exchanged(folder: Path, data: Path) -> None:
    """Two nodes that know of each other through one store: two rounds of checkpoints and heads."""
    clock = lambda: Instant(time.monotonic(), time.time())  # noqa: E731
    engine = await open_engine("embedded", data, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
    signer = Signer(data)
    journals = {node: Journal(folder, node, sync_seconds=0.0) for node in ("n1", "n2")}
    makers, exchanges = {}, {}
    for node, journal in journals.items():
        maker = makers[node] = Checkpointer(
            folder, node, signer, [], _recorder(journal, "checkpoint"), CheckpointSchedule(0, 1)
        )
        stores = (engine.records, engine.broker)
        exchanges[node] = HeadExchange(
            node, stores, partial(getattr, maker, "last"), _recorder(journal, "witnessed"), time.time
        )
    for number in range(2):
        for node, journal in journals.items():
            for _ in range(5):
                journal.record("fanout", channel="global", frame=b'{"number":%d}' % number)
            await asyncio.to_thread(_drained, folder, node, journal, number)
            await makers[node].look()
        for exchange in exchanges.values():
            await exchange.look()
        await exchanges["n1"].look()  # what the second node told is there by now, and is told once
    for journal in journals.values():
        assert journal.close() == 0
    await engine.close()


def _drained(folder: Path, node: str, journal: Journal, number: int) -> None:
    """Wait until the journal's thread has written all five entries of this round, which the head names."""

    def is_written() -> bool:
        head = read_head(folder, node)
        entries = [] if head is None else open_journal(folder, node, clearance="secret").entries(kind="fanout")
        written = [entry.header.seq for entry in entries if entry.frame == b'{"number":%d}' % number]
        return len(written) == 5 and head is not None and head.seq >= max(written)

    until(is_written)


def test_a_journal_that_is_cut_shows_in_the_journals_of_other_nodes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "journal"
    asyncio.run(_exchanged(folder, tmp_path))
    assert {node: report.ok for node, report in verify_folder(folder).items()} == {"n1": True, "n2": True}
    heads = [
        head.node
        for entry in open_journal(folder, "n1", clearance="secret").entries(kind="witnessed")
        for head in witnessed_heads(entry.header.detail)
    ]
    assert heads == ["n2", "n2"]
    assert main(["verify", "--data", str(tmp_path)]) == 0
    assert "the journals of other nodes hold of it: n2" in capsys.readouterr().out

    (segment,) = folder.glob("n1-*.journal")
    lines = segment.read_bytes().splitlines(keepends=True)[:3]  # all of it that was made anew is in itself intact
    segment.write_bytes(b"".join(lines))
    (folder / "n1.head").write_bytes(encode_head(Head(2, lines[-1].split(b"\t")[0].decode())))
    reports = verify_folder(folder)
    assert reports["n2"].ok
    assert reports["n1"].missing_at_end > 0
    assert not verify_together(folder).ok
    assert main(["verify", "--data", str(tmp_path)]) == 1
    assert "n1: BROKEN" in capsys.readouterr().out
    for path in folder.glob("n1-*"):
        path.unlink()
    (folder / "n1.head").write_bytes(encode_head(Head(0, GENESIS.hex())))
    assert not verify_folder(folder)["n1"].ok
