"""A view of presence holds the hints that come while it is read, also where the answer was given before."""

from __future__ import annotations

import asyncio

import pytest

from app.engine.redis.live.present import views
from app.engine.redis.live.present.presence import RedisPresence
from app.engine.redis.live.present.stored import NumberedChange
from app.engine.redis.together import SharedWork
from tests.harness.eventually import eventually_async
from tests.harness.in_process import Gate
from tests.redis_nodes.nodes import Node, Nodes, member

OTHER = "dossier:country:QA"


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be found by the comparison of each second."""
    monkeypatch.setattr(views, "CHECKED", 0)


class _Heard:
    """Counts the changes of the channel that a node heard."""

    def __init__(self, node: Node) -> None:
        assert isinstance(node.engine.presence, RedisPresence)
        self.views = node.engine.presence._views
        self.count = 0
        take = self.views.heard

        def heard(change: NumberedChange, channel: str) -> None:
            self.count += channel == OTHER
            take(change, channel)

        self.views.heard = heard  # type: ignore[method-assign]

    async def more(self) -> None:
        before = self.count
        await eventually_async(lambda: self.count > before)

    async def has(self, *users: str) -> None:
        """Return when these are in the view."""

        def seen() -> set[str]:
            view = self.views.get(OTHER)
            return set() if view is None else set(view.users)

        await eventually_async(lambda: seen() == set(users), seen)


def test_a_change_that_is_heard_while_a_view_opens_is_in_it(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            await b.engine.broker.join(OTHER)  # so that the view is kept
            await a.engine.presence.enter(OTHER, member("c1", "u1"))
            heard = _Heard(b)
            gate = Gate(heard.views, "snapshot", after=True)
            opening = asyncio.create_task(heard.views.follow(OTHER))
            await gate.wait_reached()
            entering = asyncio.create_task(a.engine.presence.enter(OTHER, member("c2", "u2")))
            await heard.more()
            gate.open()
            await asyncio.gather(opening, entering)
            await heard.has("u1", "u2")

    asyncio.run(scenario())


def test_a_change_that_is_heard_while_a_snapshot_is_read_is_taken_after_it(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            await b.engine.broker.join(OTHER)  # so that the view is kept
            await a.engine.presence.enter(OTHER, member("c1", "u1"))
            heard = _Heard(b)
            view = await heard.views.follow(OTHER)
            view.epoch, view.number = "another", 0  # as of a store that was emptied: a snapshot is read
            gate = Gate(heard.views, "snapshot", after=True)
            heard.views.fill(OTHER)
            await gate.wait_reached()
            entering = asyncio.create_task(a.engine.presence.enter(OTHER, member("c2", "u2")))
            await heard.more()
            gate.open()
            await entering
            await heard.has("u1", "u2")

    asyncio.run(scenario())


def test_work_that_has_ended_is_begun_again_also_in_the_turn_in_which_it_ended() -> None:
    async def scenario() -> None:
        work, begun = SharedWork[str, None](), 0

        async def do() -> None:
            nonlocal begun
            begun += 1
            asyncio.get_running_loop().call_soon(again)

        def again() -> None:  # the work ended in this turn, and nothing that waits for its end has run
            if begun == 1:
                assert work.started("k", do) is not first

        first = work.started("k", do)
        assert work.started("k", do) is first
        await first
        await asyncio.sleep(0)
        await eventually_async(lambda: work.under_way("k") is None and not work.all())
        assert begun == 2

    asyncio.run(scenario())
