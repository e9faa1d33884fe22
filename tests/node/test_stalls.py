"""Mass events do a bounded number of units a turn of the loop, and the longest turn is known."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from app.core.field_locks import WatchedEvent
from app.core.instant import Instant
from app.core.presence import Member, Profile
from app.engine.embedded.presence import LEAVES, EmbeddedPresence
from app.node.connections.connection import Connection
from app.node.connections.disconnect_queue import DisconnectQueue
from app.node.connections.recheck_queue import RecheckQueue
from app.node.sockets.flusher import Flusher
from app.node.sockets.outbox import Outbox
from app.node.sockets.turns import Turns
from app.telemetry.stalls import MeasuredLoop, Stalls, at_turn_end


class _Counted:
    """Something that is done, and the turn of the loop in which it was."""

    def __init__(self) -> None:
        self.turn = 0
        self.turns: list[int] = []

    def happens(self) -> None:
        self.turns.append(self.turn)

    async def until(self, count: int) -> int:
        """Let the loop turn until so much was done; the most that one turn did."""
        while len(self.turns) < count:
            self.turn += 1
            await asyncio.sleep(0)
        return max(self.turns.count(turn) for turn in set(self.turns))


def test_outboxes_are_flushed_so_many_a_turn() -> None:
    async def scene() -> None:
        counted = _Counted()
        flusher = Flusher(asyncio.get_running_loop())
        for _ in range(2_300):
            flusher.add(cast("Outbox", SimpleNamespace(hand_over=counted.happens)))
        assert await counted.until(2_300) == 500

    asyncio.run(scene())


def test_leaves_of_very_many_ghosts_are_announced_so_many_a_turn() -> None:
    async def scene() -> None:
        counted = _Counted()
        now = 0.0
        channels = {f"dossier:country:c{number}" for number in range(1_000)}
        presence = EmbeddedPresence(channels, 0.0, 10, lambda: now)

        def deliver(event: WatchedEvent) -> None:
            counted.happens()

        for channel in channels:
            await presence.enter(channel, Member("connection", "ali", Profile("Ali", "", None), False))
        presence.start(deliver)
        await presence.lost("connection")
        now = 1.0
        assert await counted.until(1_000) <= LEAVES
        presence.close()

    asyncio.run(scene())


class _Rechecked:
    """A connection as rechecks know it."""

    def __init__(self, counted: _Counted) -> None:
        self.closing = None
        self.session = SimpleNamespace(identity="somebody", recheck=self._recheck)
        self.looked_at = 0
        self._counted = counted

    def _recheck(self, at: Instant) -> Sequence[object]:
        self.looked_at += 1
        self._counted.happens()
        return ()

    def execute(self, effects: Sequence[object]) -> None:
        pass


def _rechecks(units: int) -> tuple[RecheckQueue, list[Any], _Counted]:
    counted = _Counted()
    turns = Turns(asyncio.get_running_loop(), units=units, clock=lambda: 0.0)
    return RecheckQueue(turns, lambda: Instant(0.0, 0.0)), [_Rechecked(counted) for _ in range(100)], counted


def test_rights_of_many_members_are_looked_at_so_many_a_turn_each_once() -> None:
    async def scene() -> None:
        rechecks, connections, counted = _rechecks(7)
        rechecks.begin("global", cast("list[Connection]", connections))
        assert await counted.until(100) <= 7
        await asyncio.sleep(0)
        assert {connection.looked_at for connection in connections} == {1}

    asyncio.run(scene())


def test_before_a_delivery_all_rights_were_looked_at() -> None:
    async def scene() -> None:
        rechecks, connections, _ = _rechecks(7)
        rechecks.begin("global", cast("list[Connection]", connections))
        rechecks.begin("dossier:country:SA", cast("list[Connection]", connections[:3]))
        rechecks.finish("global")
        assert all(connection.looked_at for connection in connections)
        for _ in range(20):
            await asyncio.sleep(0)
        assert sum(connection.looked_at for connection in connections) == 103

    asyncio.run(scene())


class _Failing(_Rechecked):
    """A connection whose rights cannot be looked at."""

    def _recheck(self, at: Instant) -> Sequence[object]:
        super()._recheck(at)
        raise ValueError("broken")


class _Ending:
    """A connection as ends know it."""

    def __init__(self, counted: _Counted, fails: bool) -> None:
        self.closing = None
        self.session = SimpleNamespace(revoked=lambda reason, at: None)
        self._counted = counted
        self._fails = fails

    def begin_end(self, decision: object) -> None:
        pass

    def finish_end(self) -> None:
        self._counted.happens()
        if self._fails:
            raise ValueError("broken")


def test_a_connection_that_fails_keeps_no_other_from_its_turn() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        told = list[object]()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        rechecks, connections, counted = _rechecks(7)
        turns = rechecks._turns
        while turns.admit():  # this turn has no room
            pass
        rechecks.begin("global", cast("list[Connection]", [_Failing(counted), *connections, _Failing(counted)]))
        assert await counted.until(102) <= 7
        rechecks.begin("global", cast("list[Connection]", connections))
        assert await counted.until(202) <= 7
        disconnects = DisconnectQueue(turns, lambda connection: None)
        failing = [_Ending(counted, fails=number % 2 == 0) for number in range(50)]
        while turns.admit():
            pass
        disconnects.disconnect(cast("list[Connection]", failing), "revoked", Instant(0.0, 0.0))
        assert await counted.until(252) <= 7
        assert len(told) == 2 + 25

    asyncio.run(scene())


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 9)), min_size=1, max_size=60))
def test_the_longest_of_the_last_minute_is_told(turns: list[tuple[float, float]]) -> None:
    stalls, now, told = Stalls(), 0.0, list[tuple[float, float]]()
    for gap, seconds in turns:
        now += gap
        stalls.observe(seconds, now)
        told.append((now, seconds))
    longest = stalls.longest(now)
    assert longest >= max((seconds for at, seconds in told if now - at <= 50), default=0.0)
    assert longest <= max(seconds for at, seconds in told if now - at <= 60)


def test_a_measured_loop_knows_its_longest_turn() -> None:
    now = 100.0

    def clock() -> float:
        return now

    async def scene() -> float:
        nonlocal now
        await asyncio.sleep(0)
        now += 3.0  # a turn that takes so long
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return loop.stalls.longest(now)

    loop = MeasuredLoop(clock)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(scene()) == 3.0


def test_what_a_turn_gathered_is_done_at_its_end_and_what_that_asks_for_in_the_next_one() -> None:
    done: list[str] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        call = at_turn_end(loop)

        def fails() -> None:
            done.append("fails")
            raise ValueError("nobody thought of this")

        def gathers() -> None:
            done.append("end")
            loop.call_soon(done.append, "next")  # nothing else wakes the loop: a wait would last for ever
            call(lambda: done.append("later"))

        loop.set_exception_handler(lambda _, context: done.append(str(context["exception"])))
        loop.call_soon(done.append, "turn")
        call(fails)
        call(gathers)
        while "next" not in done:
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)  # called from another thread

    with asyncio.Runner(loop_factory=MeasuredLoop) as runner:
        runner.run(scene())
    assert done == ["fails", "nobody thought of this", "end", "later", "turn", "next"]


def test_the_loop_looks_anew_how_long_it_may_wait_after_a_timer_that_the_end_of_a_turn_set() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MeasuredLoop)
        timers = [loop.call_later(1_000, lambda: None)]
        call, is_more_to_do = loop.call_at_turn_end, loop._end_turn
        assert not is_more_to_do()
        call(lambda: timers.append(loop.call_later(2_000, lambda: None)))
        assert not is_more_to_do(), "the wait ends before"
        call(lambda: timers.append(loop.call_later(10, lambda: None)))
        assert is_more_to_do(), "else the loop would sleep for 1,000 seconds"
        for timer in timers:
            timer.cancel()

    with asyncio.Runner(loop_factory=MeasuredLoop) as runner:
        runner.run(scene())


def test_other_threads_and_signals_wake_the_loop_however_many_call_at_once() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        heard: list[int] = []
        all_heard, signalled = asyncio.Event(), asyncio.Event()

        def receive(number: int) -> None:
            heard.append(number)
            if len(heard) == 40_000:
                all_heard.set()

        def call() -> None:
            for number in range(10_000):
                loop.call_soon_threadsafe(receive, number)

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(all_heard.wait(), 120)
        for thread in threads:
            thread.join()
        loop.add_signal_handler(signal.SIGUSR2, signalled.set)
        signal.raise_signal(signal.SIGUSR2)
        await asyncio.wait_for(signalled.wait(), 120)
        loop.remove_signal_handler(signal.SIGUSR2)

    with asyncio.Runner(loop_factory=MeasuredLoop) as runner:
        runner.run(scene())
