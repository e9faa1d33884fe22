"""Acts are durable before they are done, in a lane that no traffic fills; what finds no room is told by name."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from app.journal import writer
from app.journal.acts import Act, ActRecord
from app.journal.initiator import Initiator
from app.journal.lanes import ActNotRecorded
from app.journal.writer import Journal
from tests.harness.coroutine_tests import asynchronous
from tests.journal.folders import NODE, entries, report


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were synced, in order."""
    found: list[Path] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        real(descriptor)
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", noting)
    return found


@asynchronous
async def test_an_act_is_on_the_disk_when_it_may_be_done(tmp_path: Path, synced: list[Path]) -> None:
    journal = Journal(tmp_path, NODE, sync_seconds=3600.0)
    seq = await journal.record_act({"verb": "revoke_user", "subject": "u2"}, user="u1")
    assert any(path.suffix == ".journal" for path in synced)
    (act,) = (entry.header for entry in entries(tmp_path) if entry.header.kind == "act")
    assert (act.seq, act.user, act.detail["subject"]) == (seq, "u1", "u2")
    journal.close()


@asynchronous
async def test_acts_that_wait_together_share_one_fsync(tmp_path: Path, synced: list[Path]) -> None:
    journal = Journal(tmp_path, NODE, sync_seconds=3600.0)
    await journal.record_act({"verb": "publish"})
    before = len(synced)
    seqs = await asyncio.gather(*(journal.record_act({"verb": "publish", "n": n}) for n in range(500)))
    assert seqs == sorted(seqs)
    assert len(synced) - before < 100
    journal.close()


@asynchronous
async def test_a_flood_that_fills_its_lane_costs_no_act_and_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING_ENTRIES", 500)
    journal = Journal(tmp_path, NODE)
    acts = []
    for number in range(20):
        for _ in range(300):
            journal.record("refused", user=f"mal{number % 3}", frame=b"x" * 300)
        journal.record("fanout", channel="global", offset=number)
        acts.append(asyncio.create_task(journal.record_act({"verb": "publish", "n": number})))
        await asyncio.sleep(0)
    assert journal.healthy
    await asyncio.gather(*acts)
    journal.close()
    found = entries(tmp_path)
    assert [entry.header.detail["n"] for entry in found if entry.header.kind == "act"] == list(range(20))
    assert [entry.header.offset for entry in found if entry.header.kind == "fanout"] == list(range(20))
    assert report(tmp_path).ok
    gaps = [entry.header.detail for entry in found if entry.header.kind == "gap"]
    kept = sum(entry.header.kind == "refused" for entry in found)
    lost = sum(int(str(gap["lost"])) for gap in gaps)
    assert kept + lost == 6_000
    for gap in gaps:
        assert gap["kinds"] == [f"{gap['lost']} refused"]
        assert {row.split()[1] for row in gap["users"]} <= {"mal0", "mal1", "mal2"}  # type: ignore[union-attr]


@asynchronous
async def test_an_act_that_the_disk_refuses_must_not_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, NODE)
    real, broken = os.fsync, True

    def failing(descriptor: int) -> None:
        if broken:
            raise OSError(5, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(ActNotRecorded, match="free space"):
        await journal.record_act({"verb": "publish"})
    with pytest.raises(ActNotRecorded):
        await journal.record_act({"verb": "publish"})
    broken = False
    while not journal.healthy:  # noqa: ASYNC110  the writer's thread tells nobody
        await asyncio.sleep(0.01)
    assert await journal.record_act({"verb": "publish"})
    journal.close()


@asynchronous
async def test_after_closing_no_act_is_taken(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE)
    journal.close()
    with pytest.raises(ActNotRecorded):
        await journal.record_act({"verb": "publish"})


@asynchronous
async def test_a_cause_is_told_by_its_seq(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE)
    cause = journal.record("in", user="u1", type="notification")
    assert cause is not None
    journal.record("fanout", channel="global", by="u1", cause=cause)
    journal.close()
    _, frame, fanout, _ = (entry.header for entry in entries(tmp_path))
    assert (fanout.cause, fanout.by) == (frame.seq, "u1")


@asynchronous
async def test_an_act_that_is_refused_too_late_to_be_unwritten_has_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ACT_TIMEOUT_SECONDS", 0.01)
    turn, paused, go = Journal._turn, asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def pausing(journal: Journal, sync_seconds: float) -> bool:
        loop.call_soon_threadsafe(paused.set)
        go.wait()
        return turn(journal, sync_seconds)

    monkeypatch.setattr(Journal, "_turn", pausing)  # before its thread turns for the first time, and then rests
    journal = Journal(tmp_path, NODE)
    await paused.wait()
    acts, act = ActRecord(journal, lambda _: ""), Act("revoke_user", "user", "u2")
    with pytest.raises(ActNotRecorded) as refused:
        await acts.begin(Initiator("u1"), act)
    assert refused.value.entry is not None
    acts.end(refused.value.entry, Initiator("u1"), act, "failed", 503)
    go.set()
    journal.close()
    written, outcome = (entry.header for entry in entries(tmp_path) if entry.header.kind in ("act", "outcome"))
    assert (outcome.cause, outcome.detail["outcome"]) == (written.seq, "failed")


@asynchronous
async def test_an_act_is_not_taken_for_durable_because_the_disk_is_well_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE)
    waiting = asyncio.create_task(journal.record_act({"verb": "publish"}))
    await asyncio.sleep(0)
    journal._acts.fail("The journal cannot be written")  # the loop comes to it when `trouble` is gone
    with pytest.raises(ActNotRecorded):
        await waiting
    journal.close()


@asynchronous
async def test_who_waits_for_an_act_that_cannot_be_encoded_is_told_why(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE)
    with pytest.raises(ActNotRecorded, match="cannot be written"):
        await journal.record_act({"verb": object()})  # type: ignore[dict-item]
    assert journal.lost == 1
    assert journal.healthy
    journal.close()
