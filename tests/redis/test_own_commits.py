"""Each commit of a node leaves its cursors once: delivered, or for the journal alone. So the journal holds all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.engine.ports.errors import Unavailable
from app.engine.redis.log import cursors as cursors_module
from tests.engine.events import CHANNEL, OTHER, event, numbers
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.nodes import OpenNode, opened_node
from tests.redis.simulated_log import SimulatedNode, Step, place, take

_NAMES = st.sampled_from([CHANNEL, OTHER])
_STEPS = st.one_of(
    st.tuples(st.just("commit"), st.lists(_NAMES, min_size=1, max_size=3)),
    st.tuples(st.just("answer")),
    st.tuples(st.just("commit_elsewhere"), _NAMES),
    st.tuples(st.sampled_from(["receive", "lose hint"])),
    st.tuples(st.sampled_from(["join", "ask_head", "settle", "leave", "renew", "trim"]), _NAMES),
    st.tuples(st.just("lose store"), st.booleans()),
    st.tuples(st.just("compare")),
    st.tuples(st.just("turns"), st.integers(1, 8)),
)

JOINED: list[Step] = [("join", CHANNEL), ("ask_head", CHANNEL), ("settle", CHANNEL)]


@pytest.fixture(autouse=True, scope="module")
def _no_time_for_hints() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cursors_module, "HINT_SECONDS", 0)
        yield


@given(st.lists(_STEPS, max_size=40))
@example([("join", CHANNEL), ("commit", [CHANNEL]), ("ask_head", CHANNEL), ("settle", CHANNEL), ("answer",)])
@example([*JOINED, ("commit", [CHANNEL]), ("compare",), ("turns", 8), ("leave", CHANNEL), ("answer",)])
@example([*JOINED, ("commit_elsewhere", CHANNEL), ("commit", [CHANNEL]), ("answer",), ("lose store", True)])
@example([*JOINED, ("commit", [CHANNEL]), ("lose store", False), ("answer",)])
@example([*JOINED, ("commit", [CHANNEL]), ("renew", CHANNEL), ("receive",), ("answer",)])
@example(
    [
        *JOINED,
        ("commit", [CHANNEL, CHANNEL]),
        ("commit_elsewhere", CHANNEL),
        ("trim", CHANNEL),
        ("receive",),
        ("turns", 8),
        ("answer",),
    ]
)
def test_each_commit_of_a_node_leaves_it_once(steps: list[Step]) -> None:
    async def run() -> SimulatedNode:
        node = SimulatedNode()
        for step in steps:
            await take(node, step)
        await node.calm()
        assert {name: node.cursors.places([name])[0] for name in node.cursors.joined} == {
            name: node.log.channel(name).head[:2] for name in node.cursors.joined
        }, "not all was delivered"
        node.cursors.close()
        return node

    node = asyncio.run(run())
    out = Counter(place(one) for one in [*node.delivered, *node.recorded])
    assert {one: out[one] for one in node.committed.values()} == dict.fromkeys(node.committed.values(), 1)
    assert sorted(node.acked) == sorted(node.committed)
    assert node.stale == []
    assert {place(one) for one in node.recorded} <= set(node.committed.values()), "another node's is its own matter"
    assert max(out.values(), default=1) == 1, "delivered twice"


@asynchronous
async def test_a_commit_that_a_join_comes_before_is_recorded_and_not_delivered(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async with opened_node(redis_server.url, tmp_path.name, "n1") as node:
        answers = _held_answers(node)
        committing = asyncio.ensure_future(node.publish(event(1)))
        await answers.came.wait()
        assert (await node.engine.broker.join(CHANNEL)).offset == 1
        await answers.let_go(committing)
        await eventually_async(lambda: (node.numbers(CHANNEL), numbers(node.recorded.on(CHANNEL))) == ([], [1]))
        await node.publish(event(2))
        assert (node.numbers(CHANNEL), numbers(node.recorded.on(CHANNEL))) == ([2], [1])


@asynchronous
async def test_a_commit_that_was_read_before_its_answer_came_is_delivered_once(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with (
        opened_node(url, prefix, "n1", joined=[CHANNEL]) as node,
        opened_node(url, prefix, "n2") as other,
    ):
        answers = _held_answers(node)
        committing = asyncio.ensure_future(node.publish(event(1)))
        await answers.came.wait()
        await other.publish(event(2))  # its hint shows a hole: what is missing is read
        await eventually_async(lambda: node.numbers(CHANNEL) == [1, 2])
        await node.engine.broker.leave(CHANNEL)
        await answers.let_go(committing)
        await node.publish(event(3))  # behind the answer
        assert (node.numbers(CHANNEL), node.recorded.batches) == ([1, 2, 3], [])


@asynchronous
async def test_a_commit_of_a_store_that_was_emptied_is_recorded_with_the_epoch_it_had(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as server:
        async with opened_node(server.url, "dossier", "n1", joined=[CHANNEL]) as node:
            (first,) = await node.publish(event(1))
            answers = _held_answers(node)
            committing = asyncio.ensure_future(node.publish(event(2)))
            await answers.came.wait()
            server.command("FLUSHALL")
            await eventually_async(lambda: node.lost == [CHANNEL])
            await answers.let_go(committing)
            await eventually_async(lambda: bool(node.recorded.batches))
            assert [(one.epoch, one.offset) for one in node.recorded.on(CHANNEL)] == [(first.epoch, 2)]


@asynchronous
async def test_after_a_commit_that_redis_refuses_no_answer_is_awaited(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """Commit numbers that were read are kept until then: they would grow without an end."""
    async with opened_node(redis_server.url, tmp_path.name, "n1") as node:
        lane = node.engine._parts.lane
        redis_server.command("SET", f"{lane._keys.log}events:{CHANNEL}:0", "no stream")
        with pytest.raises(Unavailable):
            await node.publish(event(1))
        await eventually_async(lambda: not lane._has_unanswered)


class _Held:
    def __init__(self) -> None:
        self.came, self.go_on = asyncio.Event(), asyncio.Event()

    async def let_go(self, committing: asyncio.Future[Any]) -> None:
        """Let the answers come; the deadline of the caller may be over by then."""
        self.go_on.set()
        await asyncio.gather(committing, return_exceptions=True)


def _held_answers(node: OpenNode) -> _Held:
    """Hold the answers of the node's commits back, from now on, until the test says so."""
    held, lane = _Held(), node.engine._parts.lane
    ask = lane._ask

    async def asked_and_held(jobs: Sequence[Any]) -> list[Any]:
        replies = await ask(jobs)
        held.came.set()
        await held.go_on.wait()
        return replies

    lane._ask = asked_and_held  # type: ignore[method-assign]
    return held
