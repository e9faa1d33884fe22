"""The line of sends: bounded, in order, each on the wire until it is answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.client.errors import QueueFull
from dossier_realtime.client.state.send_queue import PendingSend, SendQueue


def send(ref: int, deadline: float = 100) -> PendingSend:
    return PendingSend(str(ref), b"%d" % ref, f"key-{ref}", deadline, patient=True)


def queue_of(count: int, *, window: int = 64) -> SendQueue:
    queue = SendQueue(1_000, window)
    for ref in range(count):
        queue.add(send(ref, deadline=100 + ref))
    return queue


def test_the_send_past_the_capacity_is_refused_and_nothing_else_is() -> None:
    queue = queue_of(1_000)
    with pytest.raises(QueueFull, match="await earlier"):
        queue.add(send(1_000))
    assert len(queue) == 1_000
    next(queue.take(0))
    queue.acked("0")
    queue.add(send(1_000))


def test_no_more_than_a_window_is_on_the_wire() -> None:
    queue = queue_of(10, window=4)
    assert list(queue.take(0)) == [b"0", b"1", b"2", b"3"]
    assert list(queue.take(0)) == []
    assert queue.acked("2")
    assert list(queue.take(0)) == [b"4"]


def test_after_a_disconnect_what_has_no_ack_goes_again_in_its_order() -> None:
    queue = queue_of(6, window=4)
    list(queue.take(0))
    queue.acked("1")
    queue.disconnected()
    assert list(queue.take(0)) == [b"0", b"2", b"3", b"4"]


def test_an_ack_that_nobody_waits_for_is_no_ack() -> None:
    queue = queue_of(2)
    assert not queue.acked("0")  # not yet on the wire
    list(queue.take(0))
    assert queue.acked("0")
    assert not queue.acked("0")


def test_what_was_asked_to_wait_keeps_its_place_and_goes_alone_first() -> None:
    queue = queue_of(6, window=4)
    list(queue.take(0))
    queue.pause(60)
    for ref in ("1", "0", "3", "2"):
        sent_refs = queue.in_flight(ref)
        assert sent_refs is not None
        queue.again(sent_refs)
    assert list(queue.take(59)) == []
    assert queue.deadline(59) == 60
    assert list(queue.take(60)) == [b"0"]
    queue.acked("0")
    assert list(queue.take(60)) == [b"1", b"2", b"3", b"4"]


def test_a_send_that_waited_too_long_is_taken_out() -> None:
    queue = queue_of(3, window=1)
    list(queue.take(0))
    assert queue.deadline(0) == 100
    assert [late.ref for late in queue.expired(101)] == ["0", "1"]
    assert len(queue) == 1


STEPS = st.lists(st.sampled_from(["add", "take", "ack", "wait", "disconnect"]), max_size=80)


@given(STEPS)
def test_every_send_is_acked_once_and_first_goes_out_in_order(steps: list[str]) -> None:
    queue, added, acked, first_seen = SendQueue(1_000, 3), 0, [], []
    sent_refs: list[str] = []

    def take() -> None:
        for frame in queue.take(0):
            sent_refs.append(frame.decode())
            if frame.decode() not in first_seen:
                first_seen.append(frame.decode())

    for step in steps:
        match step:
            case "add":
                queue.add(send(added))
                added += 1
            case "take":
                take()
            case "ack" if sent_refs:
                ref = sent_refs.pop()
                assert queue.acked(ref)
                acked.append(ref)
            case "wait" if sent_refs:
                paused = queue.in_flight(sent_refs.pop())
                assert paused is not None
                queue.again(paused)
            case "disconnect":
                queue.disconnected()
                sent_refs.clear()
            case _:
                pass  # nothing is on the wire
    while len(queue):
        take()
        ref = sent_refs.pop()
        assert queue.acked(ref)
        acked.append(ref)
    assert sorted(acked, key=int) == [str(ref) for ref in range(added)]
    assert first_seen == sorted(first_seen, key=int)
