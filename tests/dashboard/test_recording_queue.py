"""The queue for recordings: bounded, fair to persons, and everybody in it knows the place."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.playback.recording_queue import RecordingQueue, RecordingQueueFullError


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5), st.booleans()), max_size=30), st.integers(1, 3))
def test_never_more_at_once_than_may_be_and_never_two_of_one(asked: list[tuple[int, int, bool]], at_once: int) -> None:
    """Each asks, works for some turns of the loop, and may be cancelled on the way."""

    async def play() -> None:
        queue = RecordingQueue(at_once, waiting=10, per_user=2)
        busy: list[int] = []
        places: list[list[int]] = [[] for _ in asked]
        refused = done = 0

        async def one(number: int, person: int, turns: int) -> None:
            nonlocal refused, done

            async def work() -> None:
                assert person not in busy
                busy.append(person)
                assert len(busy) <= at_once
                try:
                    for _ in range(turns):
                        await asyncio.sleep(0)
                finally:
                    busy.remove(person)

            try:
                await queue.run(str(person), work, places[number].append)
                done += 1
            except RecordingQueueFullError:
                refused += 1

        tasks = []
        for number, (person, turns, cancelled) in enumerate(asked):
            tasks.append(asyncio.create_task(one(number, person, turns)))
            await asyncio.sleep(0)
            if cancelled:
                tasks[number // 2].cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [end for end in ends if isinstance(end, Exception)] == []
        assert done + refused + sum(task.cancelled() for task in tasks) == len(asked)
        assert queue.waiting == 0
        assert busy == []
        for told in places:
            assert told == sorted(set(told), reverse=True), "a place only ever comes nearer"
        assert await queue.run("later", _seven, lambda place: None) == 7  # no place was lost

    asyncio.run(play())


async def _seven() -> int:
    return 7


def test_the_queue_is_full_for_one_and_for_all() -> None:
    async def play() -> None:
        queue = RecordingQueue(at_once=1, waiting=3, per_user=2)
        go = asyncio.Event()

        async def work() -> None:
            await go.wait()

        tasks = [asyncio.create_task(queue.run("omar", work, lambda place: None)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RecordingQueueFullError, match="own"):
            await queue.run("omar", work, lambda place: None)
        tasks.append(asyncio.create_task(queue.run("nora", work, lambda place: None)))
        await asyncio.sleep(0)
        with pytest.raises(RecordingQueueFullError, match="all"):
            await queue.run("sami", work, lambda place: None)
        go.set()
        await asyncio.gather(*tasks)

    asyncio.run(play())
