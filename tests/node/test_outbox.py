"""The outbox over a real socket pair: order, joining, bounds, what gives way, what is left unsent."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from app.node.sockets.flusher import Flusher
from app.node.sockets.frames import close_frame, text_frame
from app.node.sockets.long_frames import LongFrame
from app.node.sockets.outbox import Outbox, OutboxLimits
from app.node.sockets.queued_frames import ConflatableFrame, TimedFrame
from tests.harness.eventually import HANG_SECONDS, eventually_async


class Owner:
    def __init__(self) -> None:
        self.slow = self.lost = self.replaced = 0

    def too_slow(self) -> None:
        self.slow += 1

    def wire_lost(self) -> None:
        self.lost += 1

    def replaced_frames(self, places: Sequence[int]) -> None:
        self.replaced += len(places)


class Pair:
    """An outbox, and the other end of its wire."""

    def __init__(self, limits: OutboxLimits) -> None:
        mine, self.theirs = socket.socketpair()
        mine.setblocking(False)
        self.theirs.setblocking(False)
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.mine = mine
        self.owner = Owner()
        loop = asyncio.get_running_loop()
        self.delivered: list[tuple[float, int]] = []
        self.limits, self.flusher = (
            limits,
            Flusher(loop, lambda seconds, _, count: self.delivered.append((seconds, count))),
        )
        self.outbox = Outbox(mine, loop, self.flusher, limits, self.owner)

    async def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = await asyncio.get_running_loop().sock_recv(self.theirs, size - len(data))
            assert part, "the wire ended early"
            data += part
        return data

    def close(self) -> None:
        self.outbox.abandon()
        self.mine.close()
        self.theirs.close()


def on_a_wire(
    **limits: int,
) -> Callable[[Callable[[Pair], Coroutine[Any, Any, None]]], Callable[[], None]]:
    def decorate(test: Callable[[Pair], Coroutine[Any, Any, None]]) -> Callable[[], None]:
        def run() -> None:
            async def within() -> None:
                pair = Pair(OutboxLimits(**limits))
                try:
                    await asyncio.wait_for(test(pair), HANG_SECONDS)
                finally:
                    pair.close()

            asyncio.run(within())

        run.__name__ = test.__name__
        return run

    return decorate


BIG = text_frame(b"x" * 1000)


@on_a_wire()
async def test_frames_leave_in_order_joined_at_the_end_of_the_tick(pair: Pair) -> None:
    frames = [text_frame(b"%d" % n) for n in range(50)]
    for frame in frames:
        pair.outbox.push(frame)
    with pytest.raises(BlockingIOError):
        pair.theirs.recv(1)
    await asyncio.sleep(0)
    assert pair.theirs.recv(1 << 16) == b"".join(frames)
    assert pair.outbox.waiting == 0


@on_a_wire()
async def test_a_reader_that_pauses_gets_everything_when_it_reads_again(pair: Pair) -> None:
    frames = [text_frame(b"%d" % n + b"y" * 500) for n in range(400)]
    for frame in frames:
        pair.outbox.push(frame)
        if len(frame) % 7 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert pair.outbox.waiting > 0
    assert await pair.read(sum(map(len, frames))) == b"".join(frames)
    assert (pair.outbox.waiting, pair.owner.slow) == (0, 0)


@on_a_wire(max_bytes=100_000, max_messages=1000)
async def test_past_its_bytes_the_owner_is_told_and_memory_stays_bounded(pair: Pair) -> None:
    pushed = 0
    while not pair.owner.slow:
        await asyncio.sleep(0)
        pair.outbox.push(BIG)
        pushed += 1
        assert pair.outbox.waiting <= 100_000 + len(BIG)
    assert pushed < 400


@on_a_wire(max_bytes=1 << 20, max_messages=100)
async def test_past_its_messages_the_owner_is_told(pair: Pair) -> None:
    while not pair.owner.slow:
        await asyncio.sleep(0)
        pair.outbox.push(BIG)
        assert pair.outbox.waiting_messages <= 101


class Sudden(Owner):
    """An owner who takes it badly to be told of anything while it is pushing."""

    pushing = False

    def too_slow(self) -> None:
        assert not self.pushing
        super().too_slow()

    def wire_lost(self) -> None:
        assert not self.pushing
        super().wire_lost()


@pytest.mark.parametrize("is_gone", [False, True], ids=["slow", "gone"])
def test_the_owner_is_never_told_inside_a_push(is_gone: bool) -> None:
    @on_a_wire(max_bytes=10_000, max_messages=1000)
    async def test(pair: Pair) -> None:
        owner = Sudden()
        pair.outbox = Outbox(pair.mine, asyncio.get_running_loop(), pair.flusher, pair.limits, owner)
        if is_gone:
            pair.theirs.close()
        owner.pushing = True
        for _ in range(100):
            pair.outbox.push(BIG)
        owner.pushing = False
        await asyncio.sleep(0)
        assert (owner.slow, owner.lost) == ((0, 1) if is_gone else (1, 0))
        sent = 0
        if not is_gone:
            while True:
                try:
                    sent += len(pair.theirs.recv(1 << 16))
                except BlockingIOError:
                    break
            pair.outbox.abandon()
        assert pair.outbox.dropped == 100 - sent // len(BIG)  # those too that were pushed when it was over

    test()


LONG = text_frame(b"z" * 500_000)


@on_a_wire(max_bytes=100_000, max_messages=100)
async def test_a_frame_longer_than_the_bound_is_sent_and_counts_for_nothing(pair: Pair) -> None:
    around = [BIG] * 40
    frames = [*around, LONG, *around]
    for frame in frames:
        pair.outbox.push(frame)
    held = [pair.outbox.holds_long]
    assert await pair.read(sum(map(len, frames))) == b"".join(frames)
    assert [*held, pair.outbox.holds_long] == [True, False]
    assert (pair.outbox.waiting, pair.owner.slow, pair.outbox.dropped) == (0, 0, 0)


@on_a_wire(max_bytes=100_000, max_messages=100)
async def test_a_second_long_frame_counts_while_the_first_waits(pair: Pair) -> None:
    pair.outbox.push(LONG)
    pair.outbox.push(LONG)
    await asyncio.sleep(0)
    assert pair.owner.slow == 1
    assert pair.outbox.waiting <= len(LONG)


@on_a_wire(max_bytes=100_000, max_messages=100)
async def test_behind_a_long_frame_the_bound_holds(pair: Pair) -> None:
    pair.outbox.push(LONG)
    while not pair.owner.slow:
        await asyncio.sleep(0)
        pair.outbox.push(BIG)
        assert pair.outbox.waiting <= len(LONG) + 100_000 + len(BIG)
    last = close_frame(4000, "slow")
    pair.outbox.finish(last)
    assert await pair.read(len(LONG) + len(last)) == LONG + last  # what is under way ends first


@on_a_wire(max_bytes=100_000, max_messages=100)
async def test_queues_share_the_parts_of_a_long_frame(pair: Pair) -> None:
    shared = b"s" * 400_000
    frame = LongFrame((LONG[:10], shared, b"}"))
    before = sys.getrefcount(shared)
    pair.outbox.push(frame)
    await asyncio.sleep(0)
    assert pair.outbox.waiting > 100_000
    assert sys.getrefcount(shared) > before  # a view of it waits, no copy
    assert await pair.read(len(frame)) == b"".join(frame.parts)
    assert 0 < pair.outbox.taken_late < pair.outbox.taken == len(frame)


@on_a_wire(max_bytes=1 << 20, max_messages=1000)
async def test_a_burst_in_one_tick_is_no_slow_reader(pair: Pair) -> None:
    reading = asyncio.create_task(pair.read(3_000 * len(text_frame(b"a"))))
    for _ in range(3_000):
        pair.outbox.push(text_frame(b"a"))
        if pair.outbox.waiting_messages > 900:
            await asyncio.sleep(0)
    assert await reading == text_frame(b"a") * 3_000
    assert pair.owner.slow == 0


@on_a_wire(max_bytes=1 << 20, max_messages=100)
async def test_replaced_frames_give_way_before_anything_is_dropped(pair: Pair) -> None:
    while pair.outbox.waiting_messages < 50:
        pair.outbox.push(BIG)
        await asyncio.sleep(0)
    for n in range(1000):
        pair.outbox.push(ConflatableFrame.of(text_frame(b"cursor %04d" % n), "cursor", "ali"))
    assert pair.owner.slow == 0
    assert pair.owner.replaced >= 900
    waiting = pair.outbox.waiting
    sent = bytearray()
    while pair.outbox.waiting:
        sent += await pair.read(1)
    while True:
        try:
            sent += pair.theirs.recv(1 << 16)
        except BlockingIOError:
            break
    assert waiting <= len(sent)
    assert sent.count(b"cursor") <= 101
    assert sent.endswith(text_frame(b"cursor 0999"))


@on_a_wire(max_bytes=1 << 20, max_messages=100)
async def test_the_last_frame_goes_out_behind_the_one_under_way_alone(pair: Pair) -> None:
    while pair.outbox.waiting_messages < 90:
        pair.outbox.push(BIG)
        await asyncio.sleep(0)
    last = close_frame(4000, "slow")
    pair.outbox.finish(last)
    received = bytearray()
    while not received.endswith(last):
        received += await pair.read(1)
    whole, rest = divmod(len(received) - len(last), len(BIG))
    assert rest == 0
    assert bytes(received) == BIG * whole + last
    assert pair.outbox.dropped >= 80


@on_a_wire()
async def test_what_never_left_is_counted_in_messages(pair: Pair) -> None:
    for _ in range(100):
        pair.outbox.push(BIG)
    await asyncio.sleep(0)
    pair.outbox.abandon()
    received = 0
    while True:
        try:
            received += len(pair.theirs.recv(1 << 16))
        except BlockingIOError:
            break
    assert pair.outbox.dropped == 100 - received // len(BIG)


@on_a_wire()
async def test_a_peer_that_is_gone_is_told_once_and_nothing_is_kept(pair: Pair) -> None:
    pair.theirs.close()
    pair.outbox.push(BIG)
    await asyncio.sleep(0)
    pair.outbox.push(BIG)
    await asyncio.sleep(0)
    assert (pair.owner.lost, pair.outbox.waiting) == (1, 0)


@on_a_wire()
async def test_a_published_frame_is_timed_until_the_kernel_has_it(pair: Pair) -> None:
    """A reader that does not read makes its deliveries late: they are told when they left, and no sooner."""
    loop = asyncio.get_running_loop()
    while not pair.outbox.waiting:  # fill the wire
        pair.outbox.push(BIG)
        await asyncio.sleep(0)
    assert pair.delivered == []
    accepted = loop.time()
    for _ in range(3):
        pair.outbox.push(TimedFrame.at(accepted, text_frame(b"published")))
    pair.outbox.push(text_frame(b"an answer"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert pair.delivered == []
    began = loop.time()
    sent = bytearray()
    while not sent.endswith(text_frame(b"an answer")):
        sent += await pair.read(1)
    await eventually_async(lambda: sum(count for _, count in pair.delivered) == 3, "the deliveries are told")
    assert all(began - accepted <= seconds <= loop.time() - accepted for seconds, _ in pair.delivered)


def test_people_who_write_together_are_told_once_for_each_time_of_acceptance() -> None:
    """Each outbox gets other frames: an answer instead of its own edit, and the edits of all others."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        told: list[tuple[float, int]] = []
        flusher = Flusher(loop, lambda seconds, now, count: told.append((round(now - seconds, 6), count)))
        pairs = [socket.socketpair() for _ in range(10)]
        outboxes = [Outbox(mine, loop, flusher, OutboxLimits(), Owner()) for mine, _ in pairs]
        accepted = round(loop.time(), 6)
        edits = [TimedFrame.at(accepted + number % 2, text_frame(b"%d" % number)) for number in range(10)]
        for author, outbox in enumerate(outboxes):
            for number, frame in enumerate(edits):
                outbox.push(text_frame(b"an answer") if number == author else frame)
        await eventually_async(lambda: sum(count for _, count in told) == 90, "all deliveries are told")
        assert sorted(told) == [(accepted, 45), (round(accepted + 1, 6), 45)]
        for outbox, wires in zip(outboxes, pairs, strict=True):
            outbox.abandon()
            for wire in wires:
                wire.close()

    asyncio.run(scene())


def test_a_frame_to_many_is_told_with_few_looks_at_the_clock() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        told: list[tuple[float, int]] = []
        flusher = Flusher(loop, lambda _, now, count: told.append((now, count)))
        pairs = [socket.socketpair() for _ in range(120)]
        outboxes = [Outbox(mine, loop, flusher, OutboxLimits(), Owner()) for mine, _ in pairs]
        frames = [TimedFrame.at(loop.time(), text_frame(b"%d" % number)) for number in range(2)]
        for frame in frames:
            for outbox in outboxes:
                outbox.push(frame)
        await eventually_async(lambda: sum(count for _, count in told) == 240, "all deliveries are told")
        assert len(told) == 6  # three looks at the clock, two times of acceptance at each
        for outbox, wires in zip(outboxes, pairs, strict=True):
            outbox.abandon()
            for wire in wires:
                wire.close()

    asyncio.run(scene())
