"""Work of one turn of the loop: bounded in units and in time, in the order of asking."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import wraps
from itertools import pairwise
from typing import Any

from app.node.sockets.turns import Lane, Turns


def in_a_loop(scene: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(scene)
    def run() -> None:
        asyncio.run(scene())

    return run


def _still() -> float:
    return 0.0


async def _turns_of(turns: Turns, asked: int) -> list[int]:
    """In which turn of the loop each of so many units was done, all asked for at once."""
    turn, done = 0, list[int]()

    def step() -> bool:
        done.append(turn)
        return False

    for _ in range(asked):
        if turns.admit():
            step()
        else:
            turns.later(step)
    while len(done) < asked:
        turn += 1
        await asyncio.sleep(0)  # one turn
    return done


@in_a_loop
async def test_a_turn_does_so_many_units_and_leaves_the_rest_to_later_ones() -> None:
    turns = Turns(asyncio.get_running_loop(), units=10, clock=_still)
    done = Counter(await _turns_of(turns, 95))
    assert max(done.values()) == 10
    assert turns.most == 10
    assert turns.deferred >= 85
    assert turns.waiting == 0


@in_a_loop
async def test_a_turn_whose_time_is_over_does_no_more() -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.002
        return now

    turns = Turns(asyncio.get_running_loop(), units=1_000, seconds=0.005, clock=clock)
    assert max(Counter(await _turns_of(turns, 30)).values()) <= 4


@in_a_loop
async def test_who_has_more_to_do_queues_behind_the_others() -> None:
    turns, order = Turns(asyncio.get_running_loop(), units=3, clock=_still), list[str]()

    def worker(name: str, left: int) -> Callable[[], bool]:
        def step() -> bool:
            nonlocal left
            order.append(name)
            left -= 1
            return left > 0

        return step

    turns.later(worker("flood", 50))
    for number in range(5):
        turns.later(worker(f"quiet-{number}", 1))
    while turns.waiting:  # noqa: ASYNC110  it is turns of the loop that are counted
        await asyncio.sleep(0)
    assert set(order[:6]) == {"flood", *(f"quiet-{number}" for number in range(5))}


@in_a_loop
async def test_a_step_that_fails_takes_nothing_from_the_others() -> None:
    loop = asyncio.get_running_loop()
    told, done = list[object](), list[int]()
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    turns = Turns(loop, units=2, clock=_still)

    def broken() -> bool:
        raise ValueError("broken")

    def good() -> bool:
        done.append(1)
        return False

    turns.later(broken)
    turns.later(good)
    while turns.waiting:  # noqa: ASYNC110  it is turns of the loop that are counted
        await asyncio.sleep(0)
    assert done == [1]
    assert [type(one) for one in told] == [ValueError]


@in_a_loop
async def test_waiting_for_room_comes_in_turn() -> None:
    turns = Turns(asyncio.get_running_loop(), units=4, clock=_still)
    await asyncio.gather(*(turns.wait() for _ in range(50)))
    assert turns.most == 4


@in_a_loop
async def test_what_takes_longer_leaves_room_for_less() -> None:
    turns, turn, done = Turns(asyncio.get_running_loop(), units=16, clock=_still), 0, list[int]()

    async def join() -> None:
        await turns.wait(8)
        done.append(turn)

    joining = [asyncio.create_task(join()) for _ in range(40)]
    while len(done) < 40:
        turn += 1
        await asyncio.sleep(0)
    await asyncio.gather(*joining)
    assert max(Counter(done).values()) <= 2


def _endless(done: list[Lane], lane: Lane) -> Callable[[], bool]:
    def step() -> bool:
        done.append(lane)
        return True

    return step


@in_a_loop
async def test_a_session_waits_for_one_unit_of_the_others_however_many_they_are() -> None:
    now, loop = 0.0, asyncio.get_running_loop()

    def clock() -> float:
        nonlocal now
        now += 0.01  # each unit takes longer than any share
        return now

    turns, done = Turns(loop, clock=clock), list[Lane]()
    for lane in (Lane.BULK, Lane.NEWCOMERS, Lane.REFUSED):
        for _ in range(100):
            turns.later(_endless(done, lane), lane)
    for _ in range(200):
        before = len(done)
        assert turns.admit()  # nothing of the others keeps a session from its turn
        await asyncio.sleep(0)
        assert len(done) - before <= 1
    assert set(done) == {Lane.BULK, Lane.NEWCOMERS, Lane.REFUSED}


@in_a_loop
async def test_between_two_units_of_the_others_the_sockets_are_looked_at() -> None:
    turns, turn, done = Turns(asyncio.get_running_loop(), clock=_still), 0, list[int]()

    def step() -> bool:
        done.append(turn)
        return True

    for _ in range(10):
        turns.later(step, Lane.REFUSED)
    for _ in range(100):
        turn += 1
        await asyncio.sleep(0)
    assert done
    assert all(later - earlier >= 2 for earlier, later in pairwise(done))


@in_a_loop
async def test_what_the_sessions_are_sent_leaves_before_the_others_work() -> None:
    turns, order = Turns(asyncio.get_running_loop(), clock=_still), list[str]()
    turns.before_others = lambda: order.append("sent")

    def step() -> bool:
        order.append("work")
        return len(order) < 20

    turns.later(step, Lane.NEWCOMERS)
    while turns.waiting:  # noqa: ASYNC110  it is turns of the loop that are counted
        await asyncio.sleep(0)
    assert order == ["sent", "work"] * 10


@in_a_loop
async def test_nobody_starves_beside_sessions_that_have_work_without_end() -> None:
    turns, done = Turns(asyncio.get_running_loop(), clock=_still), list[Lane]()
    for lane in Lane:
        for _ in range(100):
            turns.later(_endless(done, lane), lane)
    for _ in range(400):
        await asyncio.sleep(0)
    counted = Counter(done)
    assert counted[Lane.BULK] > counted[Lane.NEWCOMERS] > counted[Lane.REFUSED] > 0
    assert counted[Lane.NEWCOMERS] >= 5 * counted[Lane.REFUSED]


@in_a_loop
async def test_whoever_waits_until_all_is_read_waits_for_every_lane_but_that_of_the_refused() -> None:
    turns, done = Turns(asyncio.get_running_loop(), clock=_still), list[Lane]()

    def once(lane: Lane) -> Callable[[], bool]:
        def step() -> bool:
            done.append(lane)
            return False

        return step

    for lane in Lane:
        for _ in range(10):
            turns.later(once(lane), lane)
    for _ in range(500):
        turns.later(once(Lane.REFUSED), Lane.REFUSED)
    await turns.after_reading()
    counted = Counter(done)
    assert [counted[lane] for lane in Lane if lane is not Lane.REFUSED] == [10] * (len(Lane) - 1)
    assert counted[Lane.REFUSED] < 100


@in_a_loop
async def test_room_of_another_lane_is_there_again_in_a_later_turn() -> None:
    turns = Turns(asyncio.get_running_loop(), clock=_still)
    for _ in range(20):
        await turns.wait(lane=Lane.REFUSED)
    assert turns.waiting == 0
