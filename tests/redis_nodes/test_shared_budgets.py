"""Rates and quotas over two nodes: one budget a user, drawn in parts."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.core.ratelimit import Limits, RateClass, RateLimiter
from app.engine.ports.limits import Spent
from app.engine.redis.engine import RedisEngine
from app.node.connections.shared_budgets import SharedBudgets
from app.services.quotas import QuotaExceeded, Quotas
from dossier_realtime.protocol.authorization import Identity
from dossier_realtime.protocol.classification import Clearance
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.measurements import Report
from tests.harness.redis_server import RedisServer
from tests.redis_nodes.nodes import Node, Nodes, now


async def _spend(node: Node, rate_class: RateClass, cost: int = 1, role: str = "editor") -> bool:
    rates, steady = node.engine.rates, now().steady
    if not rates.covered("u1", role, rate_class, steady, cost):
        await rates.cover("u1", role, rate_class, cost)
    assert rates.covered("u1", role, rate_class, steady, cost) or cost > 1
    return rates.limiter.spend("u1", role, rate_class, steady, cost).allowed


@pytest.mark.parametrize(("rate_class", "limit"), [("general", 100), ("edit", 600), ("ping", 60)])
def test_what_is_spent_over_two_nodes_is_the_limit_and_2_percent_at_most(
    nodes: Nodes, rate_class: RateClass, limit: int, report: Report
) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as both:
            allowed = 0
            for number in range(limit):
                outcomes = await asyncio.gather(*(_spend(node, rate_class) for node in both))
                allowed += sum(outcomes)
                assert all(outcomes) or number > limit // 2 - 3  # nobody waits who is within the limit
            report(f"{allowed} of {limit}")
            assert limit <= allowed <= limit * 1.02

    asyncio.run(scenario())


def test_who_spent_little_on_one_node_has_the_rest_on_another(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            assert await _spend(a, "general")
            allowed = sum([await _spend(b, "general") for _ in range(120)])
            assert 99 <= allowed <= 101

    asyncio.run(scenario())


@pytest.mark.parametrize("first", [1, 50, 100, 150])
def test_by_a_lower_limit_of_another_role_counts_what_was_spent_and_not_what_was_given_out(
    nodes: Nodes, first: int
) -> None:
    """A program and a person of one name: a part of what the program may send is more than the person may in all."""

    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            for node in (a, b):
                node.engine.rates.limiter.roles = {"service": Limits(general=1_000_000)}
            assert all([await _spend(a, "general", role="service") for _ in range(first)])
            if first > 1:  # known to others when it asks for more
                assert await _spend(a, "general", 19_999, role="service")
            allowed = sum([await _spend(b, "general") for _ in range(150)])
            known = 0 if first == 1 else first
            assert max(0, 99 - known) <= allowed <= max(0, 102 - known)
            assert await _spend(a, "general", role="service"), "by its own limit"

    asyncio.run(scenario())


@pytest.mark.parametrize("is_raised", [False, True])
def test_a_higher_limit_is_shared_too_where_a_lower_one_was_exhausted(nodes: Nodes, is_raised: bool) -> None:
    """Else each node that knew the lower limit to be given out judges by the whole of the higher one alone."""

    async def scenario() -> None:
        async with nodes.opened("a", "b") as both:
            for node in both:
                node.engine.rates.limiter.roles = {"service": Limits(general=1_000)}
            assert 100 <= await _spend_all(both, "editor") <= 102
            if is_raised:
                for node in both:
                    node.engine.rates.limiter.raise_limit("u1", 600.0, now().steady)
            more = await _spend_all(both, "editor" if is_raised else "service")
            assert 890 <= more <= 1_020 - 100

    asyncio.run(scenario())


@pytest.mark.parametrize("names", ["ab", "abc", "abcde"])
def test_a_lower_limit_is_not_spent_by_what_nodes_were_only_given(nodes: Nodes, names: str, report: Report) -> None:
    async def scenario() -> None:
        async with nodes.opened(*names) as all_:
            for node in all_:
                node.engine.rates.limiter.roles = {"service": Limits(general=6_000)}
                assert await _spend(node, "general", role="service")
            allowed = len(all_) + await _spend_all(all_[::-1], "editor")
            report(f"{allowed} of 100 over {len(all_)} nodes")
            assert 100 <= allowed <= 102 + 2 * (len(all_) - 2)
            assert await _spend(all_[0], "general", role="service"), "by its own limit"

    asyncio.run(scenario())


def test_roles_in_turn_take_no_more_of_the_budget_than_they_spend_and_a_part(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            for node in (a, b):
                node.engine.rates.limiter.roles = {"service": Limits(general=200)}
            for _ in range(40):
                assert await _spend(a, "general", role="service")
                assert await _spend(a, "general")
            assert 110 <= sum([await _spend(b, "general", role="service") for _ in range(200)]) <= 124

    asyncio.run(scenario())


async def _spend_all(nodes: Sequence[Node], role: str) -> int:
    """Spend on each node in turn until all refuse; what was allowed."""
    allowed = 0
    while more := sum([await _spend(node, "general", role=role) for node in nodes]):
        allowed += more
    return allowed


def test_connections_of_two_roles_spend_at_once_on_one_node(nodes: Nodes) -> None:
    """Keep what one role is given apart from what the other waits for, else both would wait for ever."""

    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, _):
            a.engine.rates.limiter.roles = {"service": Limits(general=200, edit=1_200, cursor=2_400, ping=120)}
            budgets = SharedBudgets(a.engine.rates, now)
            allowed = Counter[str]()

            async def spend(role: str) -> None:
                for _ in range(20):
                    await budgets.cover(Identity("u1", "U", role, None, (), Clearance.INTERNAL, 10**10))
                    allowed[role] += a.engine.rates.limiter.spend("u1", role, "general", now().steady).allowed

            await asyncio.gather(*(spend(role) for role in ("editor", "service") * 2))
            assert allowed == {"editor": 40, "service": 40}

    asyncio.run(scenario())


def test_many_connections_of_one_node_spend_at_once(nodes: Nodes) -> None:
    """One that asks in the turn of the loop in which an answer came finds it spent by others, and asks again."""

    async def scenario() -> None:
        async with nodes.opened("a", "b") as both:

            async def spend(node: Node) -> int:
                return sum([await _spend_when_covered(node) for _ in range(20)])

            allowed = sum(await asyncio.gather(*(spend(node) for node in both for _ in range(10))))
            assert 100 <= allowed <= 102

    asyncio.run(scenario())


async def _spend_when_covered(node: Node) -> bool:
    rates = node.engine.rates
    while not rates.covered("u1", "editor", "general", now().steady):
        await rates.cover("u1", "editor", "general")
    return rates.limiter.spend("u1", "editor", "general", now().steady).allowed


def test_a_batch_is_covered_as_a_whole(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            assert await _spend(a, "general", 60)
            assert not await _spend(b, "general", 60)
            assert await _spend(b, "general", 40)

    asyncio.run(scenario())


def test_what_one_node_spent_of_a_quota_counts_on_the_other_and_after_a_restart(nodes: Nodes) -> None:
    async def scenario() -> None:
        at = now().wall
        async with nodes.opened("a", "b") as (a, b):
            heard: list[Spent] = []
            b.engine.quotas.start(heard.extend)
            a.engine.quotas.put([Spent("u1", "channels", at, 3)])

            async def is_stored() -> bool:
                later = await nodes.open("c")
                found = list(later.engine.quotas.found)
                await later.engine.close()
                return found == [Spent("u1", "channels", at, 3)]

            await eventually_async(is_stored)
            b.engine.quotas.put([Spent("u1", "channels", at + 1, 2)])
            await eventually_async(lambda: heard == [Spent("u1", "channels", at, 3)], heard)
            b.engine.quotas.put([Spent("u1", "channels", at, 6)])  # the 3 of before, and one more of its own
        async with nodes.opened("a") as (a,):
            assert list(a.engine.quotas.found) == [Spent("u1", "channels", at, 6)]

    asyncio.run(scenario())


async def _stored(nodes: Nodes) -> list[Spent]:
    """Return what a node finds that is started now."""
    later = await nodes.open("later")
    found = list(later.engine.quotas.found)
    await later.engine.close()
    return found


def test_what_is_put_while_others_are_heard_of_is_added_once(nodes: Nodes) -> None:
    """Else the amounts of two nodes go up and down against each other, further each time."""

    async def scenario() -> None:
        at = now().wall
        async with nodes.opened("a", "b") as (a, b):
            a.engine.quotas.put([Spent("u1", "channels", at, 30)])
            await a.engine.quotas.settle()
            heard: list[Spent] = []
            b.engine.quotas.start(heard.extend)
            b.engine.quotas.put([Spent("u1", "channels", at, 10)])
            settling = asyncio.create_task(b.engine.quotas.settle())
            await asyncio.sleep(0)
            assert not settling.done()
            b.engine.quotas.put([Spent("u1", "channels", at, 12)])  # the 30 are not heard of yet
            await settling
            await b.engine.quotas.settle()
            assert sum(one.amount for one in heard) == 30
            assert [one.amount for one in await _stored(nodes)] == [42]

    asyncio.run(scenario())


def test_who_settles_does_not_wait_for_what_others_put_meanwhile(nodes: Nodes) -> None:
    async def scenario() -> None:
        at = now().wall
        async with nodes.opened("a") as (a,):
            quotas = a.engine.quotas
            quotas.put([Spent(f"user{number}", "channels", at, 1) for number in range(450)])
            settling, amount = asyncio.create_task(quotas.settle()), 1
            async with asyncio.timeout(HANG_SECONDS):
                while not settling.done():  # so there is always something to store
                    amount += 1
                    quotas.put([Spent("steady", "channels", at, amount)])
                    await asyncio.sleep(0)
            await settling
            stored = {one.user_id for one in await _stored(nodes)}
            assert {f"user{number}" for number in range(450)} <= stored

    asyncio.run(scenario())


@pytest.mark.parametrize("cost", [1, 7, 300])
def test_a_quota_over_two_nodes_is_the_limit_and_2_percent_at_most(nodes: Nodes, cost: int, report: Report) -> None:
    limit = 1_000

    async def scenario() -> None:
        async with nodes.opened("a", "b") as both:
            limited = RateLimiter(limits=Limits(channels=limit), window=86_400.0)
            quotas = [Quotas(replace(limited, _windows={}), now, node.engine.quotas) for node in both]
            allowed, refused = 0, 0

            async def spend(one: Quotas) -> int:
                try:
                    await one.charge("u1", "editor", channels=cost, stored=0)
                except QuotaExceeded:
                    return 0
                return cost

            while refused < 3:  # at once on both, over five connections each
                taken = sum(await asyncio.gather(*(spend(one) for one in quotas for _ in range(5))))
                allowed, refused = allowed + taken, refused + (not taken)
            report(f"{allowed} of {limit}, {cost} at a time")
            assert limit - 10 * cost < allowed <= limit * 1.02
            for one, node in zip(quotas, both, strict=True):
                one.keep()
                await node.engine.quotas.settle()
            assert [one.amount for one in await _stored(nodes)] == [allowed]

    asyncio.run(scenario())


def test_days_that_are_over_are_forgotten_at_the_start_and_in_upkeep(nodes: Nodes, shared_server: RedisServer) -> None:
    name, at = f"{{{nodes.prefix}:live}}:quotas", time.time()

    def put(user: str, since: float) -> None:
        shared_server.command("HSET", name, f"{user}\0channels", f'["{since!r}",1]')

    def kept() -> bytes:
        return shared_server.command("HKEYS", name)

    async def scenario() -> None:
        for number in range(450):
            put(f"old{number}", at - 90_000)
        put("new", at)
        async with nodes.opened("a") as (a,):
            assert [one.user_id for one in a.engine.quotas.found] == ["new"]
            assert b"old" not in kept()
            for number in range(450):
                put(f"old{number}", at - 90_000)
            assert isinstance(a.engine, RedisEngine)
            a.engine.upkeep()
            await eventually_async(lambda: b"old" not in kept(), kept)
            assert b"new" in kept()

    asyncio.run(scenario())
