"""The journal's writer at rest: nothing wakes it until an entry comes, and no entry is left lying."""

from __future__ import annotations

import asyncio
import linecache
import sys
import threading
from collections import deque
from pathlib import Path

import pytest

from app.journal import writer
from app.journal.signatures import checkpoints
from app.journal.signatures.checkpoints import Checkpointer, CheckpointSchedule
from app.journal.signatures.signing import KeyPlace, named_key, open_signer
from app.journal.waking.queue_sleep import QueueSleep
from app.journal.writer import Journal
from tests.harness.eventually import HANG_SECONDS
from tests.journal.folders import NODE, entries, until


def test_a_writer_with_nothing_to_do_sleeps_until_an_entry_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []
    turn = Journal._turn

    def counted(journal: Journal, sync_seconds: float) -> bool:
        turns.append(journal.waiting)
        return turn(journal, sync_seconds)

    monkeypatch.setattr(Journal, "_turn", counted)
    monkeypatch.setattr(writer, "WAKE_SECONDS", 0.001)
    journal = Journal(tmp_path, NODE, sync_seconds=0.001)
    for number in range(20):
        until(lambda: journal._sleep.is_deep and journal.durable_seq == journal._seq and not journal.waiting)
        before = len(turns)
        journal.record("fanout", channel="global", commit=number + 1, frame="{}")
        until(lambda: journal.durable_seq == number + 2)  # noqa: B023  called in this round
        assert turns[before] == 1, "the first turn after the rest was for the entry"
    assert journal.close() == 0
    assert len(entries(tmp_path)) == 22


def test_what_is_added_while_the_thread_goes_to_sleep_is_never_left_lying() -> None:
    queue: deque[int] = deque()
    sleep, done = QueueSleep(queue), list[int]()

    def work() -> None:
        while len(done) < 20_000:
            sleep.rest(0.0, None)
            while queue:
                done.append(queue.popleft())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    for number in range(20_000):
        queue.append(number)
        if sleep.is_deep:
            sleep.wake()
        if number % 7 == 0:  # so that it goes to sleep again and again
            until(lambda: not queue)
    thread.join(60)
    assert done == list(range(20_000))


def test_who_is_in_a_hurry_ends_the_pause_and_also_a_sleep_without_an_entry() -> None:
    queue = deque([1])
    sleep, ended = QueueSleep(queue), list[str]()

    def work() -> None:
        sleep.rest(3600.0, None)
        ended.append("pause")
        queue.clear()
        sleep.rest(3600.0, None)
        ended.append("sleep")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    until(lambda: _is_waiting(thread))
    assert not sleep.is_deep, "there is an entry: it is in the pause"
    sleep.hurry()
    until(lambda: ended == ["pause"] and sleep.is_deep and _is_waiting(thread))
    sleep.hurry()
    thread.join(HANG_SECONDS)
    assert ended == ["pause", "sleep"]


def test_who_is_in_a_hurry_before_the_rest_begins_lets_it_end_at_once() -> None:
    for queue in (deque([1]), deque[int]()):
        sleep = QueueSleep(queue)
        sleep.hurry()
        sleep.rest(3600.0, None)


def _is_waiting(thread: threading.Thread) -> bool:
    """Return whether the thread is at the line on which it waits for the bell."""
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None or frame.f_code is not QueueSleep.rest.__code__:
        return False
    return "acquire" in linecache.getline(frame.f_code.co_filename, frame.f_lineno)


def test_a_look_at_which_no_checkpoint_is_due_reads_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "journal"
    signer = open_signer(tmp_path, KeyPlace(), named_key(folder, NODE))
    journal = Journal(folder, NODE, about={"key": signer.fingerprint}, sync_seconds=0.01)
    made = list[object]()
    schedule = CheckpointSchedule(3600.0, 10)
    checkpointer = Checkpointer(folder, NODE, signer, [], made.append, schedule, lambda: journal.durable_seq)

    def read(*_: object) -> None:
        raise AssertionError("the head was read")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "read_head", read)
        asyncio.run(checkpointer.look())
    for number in range(10):
        journal.record("fanout", channel="global", commit=number + 1, frame="{}")
    until(lambda: journal.durable_seq == 11)
    asyncio.run(checkpointer.look())
    assert len(made) == 1
    journal.close()
    checkpointer.close()
