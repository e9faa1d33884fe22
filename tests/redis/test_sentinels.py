"""The master that sentinels name: most of them decide, at once, and one alone never does."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError

from app.engine.options import EngineOptions
from app.engine.ports.errors import EngineError
from app.engine.redis import startup_checks
from app.engine.redis.connection import connect
from app.engine.redis.sentinels.master_finder import MasterFinder
from app.engine.redis.sentinels.votes import Vote, agreed_master, told_vote
from tests.engine.events import CHANNEL, event, numbers
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually, eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.cluster import has_all
from tests.redis.nodes import OpenNode, opened_node
from tests.redis.sentinels import watched_office
from tests.redis.told_sentinel import ToldSentinel

PREFIX = "dossier"
OLD, NEW = ("old", 1), ("new", 2)


@pytest.mark.parametrize(
    ("votes", "asked", "master"),
    [
        ([], 3, None),
        ([Vote(OLD, 0, 3)], 3, None),
        ([Vote(OLD, 0, 3), Vote(OLD, 0, 3)], 3, OLD),
        ([Vote(OLD, 0, 3), Vote(NEW, 1, 3)], 3, None),
        ([Vote(OLD, 0, 3), Vote(OLD, 0, 3), Vote(NEW, 1, 3)], 3, None),
        ([Vote(OLD, 0, 3), Vote(NEW, 1, 3), Vote(NEW, 1, 3)], 3, NEW),
        ([Vote(OLD, 0, 5), Vote(NEW, 1, 5), Vote(NEW, 1, 5)], 5, None),
        ([Vote(NEW, 1, 3, alive=False), Vote(NEW, 1, 3, alive=False)], 3, None),
        ([Vote(NEW, 1, 3, alive=False), Vote(NEW, 1, 3)], 3, NEW),
        ([Vote(OLD, 0, 1)], 2, OLD),
        ([Vote(OLD, 0, 3)], 1, OLD),
        ([Vote(OLD, 0, 5), Vote(NEW, 1, 5)], 2, NEW),
    ],
)
def test_most_sentinels_decide(votes: list[Vote], asked: int, master: tuple[str, int] | None) -> None:
    assert agreed_master(votes, asked) == master


STALE, FRESH = Vote(OLD, 0, 5), Vote(NEW, 1, 5)


@pytest.mark.parametrize(
    ("votes", "asked", "waiting", "followed", "master"),
    [
        ([STALE], 2, 1, 0, None),  # the other may know of a newer one
        ([STALE], 2, 0, 0, OLD),
        ([STALE], 2, 0, 1, None),  # the other was lost meanwhile
        ([FRESH], 2, 0, 0, NEW),
        ([STALE, FRESH], 2, 0, 1, NEW),
        ([FRESH, FRESH], 3, 0, 0, NEW),  # the third was lost with the old master
        ([FRESH, FRESH], 3, 1, 0, None),
        ([STALE, STALE], 3, 1, 0, None),
        ([STALE, STALE, FRESH], 3, 0, 0, None),
        ([STALE, STALE], 3, 0, 1, None),
        ([FRESH, FRESH], 4, 0, 0, None),
        ([FRESH, FRESH, FRESH], 4, 0, 0, NEW),
        ([Vote(NEW, 1, 3)], 2, 0, 0, NEW),  # two of three are named, and one of them is lost
        ([Vote(NEW, 1, 3)], 2, 1, 0, None),
        ([Vote(OLD, 0, 3), Vote(OLD, 0, 3)], 3, 1, 1, OLD),  # all are named: the majority decides
    ],
)
def test_where_some_sentinels_are_named_all_are_heard_and_the_epoch_never_falls(
    votes: list[Vote], asked: int, waiting: int, followed: int, master: tuple[str, int] | None
) -> None:
    assert agreed_master(votes, asked, waiting, followed) == master


def _told(port: int, flags: str, epoch: int = 1) -> list[bytes]:
    fields = {"ip": "10.0.0.1", "port": port, "flags": flags, "config-epoch": epoch, "num-other-sentinels": 2}
    return [str(part).encode() for pair in fields.items() for part in pair]


@pytest.mark.parametrize(
    ("told", "alive"),
    [
        (_told(2, "master"), True),
        (_told(2, "master,s_down"), False),
        (_told(2, "s_down,master,o_down"), False),
        (_told(1, "master,s_down,o_down,failover_in_progress"), True),  # of the old master, while 2 is promoted
    ],
)
def test_flags_count_for_the_server_that_they_are_of(told: list[bytes], alive: bool) -> None:
    assert told_vote([b"10.0.0.1", b"2"], told) == Vote(("10.0.0.1", 2), 1, 3, alive)


@asynchronous
async def test_a_stale_sentinel_never_moves_a_node_back() -> None:
    async with _told_sentinels(2) as (finder, (stale, fresh)):
        stale.master, fresh.master, fresh.after = (OLD, 0, 5), (NEW, 1, 5), stale
        assert await finder.find() == NEW, "though the other answered first"
        assert await finder.find() == NEW
        fresh.master = None
        assert await finder.find() == NEW
        stale.master = (("later", 3), 2, 5)
        assert await finder.find() == ("later", 3)


@asynchronous
async def test_a_running_node_keeps_its_master_where_no_sentinel_answers() -> None:
    async with _told_sentinels(3) as (finder, sentinels):
        with pytest.raises(MasterNotFoundError):
            await finder.find()
        for one in sentinels:
            one.master = (OLD, 0, 3)
        assert await finder.find() == OLD
        for one in sentinels:
            one.master = None
        assert await finder.find() == OLD


@asynchronous
async def test_a_start_asks_again_where_no_master_was_named_in_time(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup_checks, "START_SECONDS", HANG_SECONDS)
    sentinel = ToldSentinel()
    url = f"redis+sentinel://127.0.0.1:{await sentinel.start()}/office"
    clients = connect(url)
    try:
        checking = asyncio.ensure_future(startup_checks.check_server(clients, url, EngineOptions(durability="memory")))
        await sentinel.has_answered(1)  # that it knows of none
        sentinel.master = (("127.0.0.1", redis_server.port), 0, 1)
        assert await checking == "memory"
    finally:
        await clients.close()
        await sentinel.close()


@asynchronous
@pytest.mark.parametrize("odd", [[], ["flags"], ["flags", "master"], ["config-epoch", "many"], "text", 7])
async def test_an_odd_reply_is_no_vote(odd: object) -> None:
    async with _told_sentinels(3) as (finder, sentinels):
        for one in sentinels:
            one.master = (OLD, 0, 3)
        sentinels[0].odd = odd
        assert await finder.find() == OLD


@given(st.lists(st.builds(Vote, st.sampled_from([OLD, NEW]), st.integers(0, 3), st.just(5), st.booleans()), max_size=5))
def test_who_is_followed_is_named_by_most_in_the_newest_epoch(votes: list[Vote]) -> None:
    address = agreed_master(votes, 5)
    newest = max((vote.epoch for vote in votes), default=0)
    if address is not None:
        assert sum(vote.address == address and vote.epoch == newest for vote in votes) >= 3


@asynchronous
async def test_a_node_that_is_left_with_the_old_master_does_not_wait_until_it_is_demoted(tmp_path: Path) -> None:
    with watched_office(tmp_path) as office:
        async with opened_node(office.url, PREFIX, "n1", joined=[CHANNEL]) as node:
            acked = [await node.publish(event(number)) for number in range(20)]
            await asyncio.to_thread(eventually, lambda: has_all(office.replica, office.master), office.replica.log)
            await asyncio.to_thread(office.fail_over)
            taken = await node.publish_until_taken(event("after"))  # by the new one: the old one has no replica
            async with opened_node(office.url, PREFIX, "n2", joined=[CHANNEL]) as other:
                assert numbers(await other.engine.broker.read(CHANNEL, 0, 99)) == [*range(20), "after"]
                await other.publish(event("of another"))
                await node.has(CHANNEL, 22)  # it hears what is said there
        assert (taken.epoch, taken.offset) == (acked[0][0].epoch, 21)
        assert node.lost == []
        assert b"master" in office.master.command("ROLE"), "nobody has demoted it"


@asynchronous
async def test_a_master_that_one_of_three_names_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched_office(tmp_path) as office:
        async with opened_node(office.url, PREFIX, "n1", joined=[CHANNEL]) as node:
            await node.publish(event(1))
            await asyncio.to_thread(eventually, lambda: has_all(office.replica, office.master), office.replica.log)
            for silent in office.sentinels[:2]:
                silent.signal(signal.SIGSTOP)
            await asyncio.to_thread(office.fail_over)
            told = office.sentinels[2]
            await asyncio.to_thread(eventually, lambda: told.names() == str(office.replica.port).encode(), told.log)
            await _asked_again(node)
            assert _followed(node) == office.master.port
            monkeypatch.setattr(startup_checks, "_ASK_AGAIN_SECONDS", HANG_SECONDS)  # the refusal is wanted at once
            with pytest.raises(EngineError, match="too few of the sentinels"):
                async with opened_node(office.url, PREFIX, "n2"):
                    pass
            for silent in office.sentinels[:2]:
                silent.signal(signal.SIGCONT)
            await node.publish_until_taken(event(2))
            await eventually_async(lambda: _followed(node) == office.replica.port)
            await node.has(CHANNEL, 2)
            assert node.lost == []


@asynchronous
async def test_a_node_keeps_its_master_while_most_sentinels_are_gone(tmp_path: Path) -> None:
    with watched_office(tmp_path) as office:
        async with opened_node(office.url, PREFIX, "n1", joined=[CHANNEL]) as node:
            for silent in office.sentinels[:2]:
                silent.kill()
            await _asked_again(node)
            for pool in (node.engine._clients.log, node.engine._clients.vital):
                await pool.connection_pool.disconnect()
            await node.publish_until_taken(event(1))
            await node.has(CHANNEL, 1)
            assert _followed(node) == office.master.port


@asynccontextmanager
async def _told_sentinels(count: int) -> AsyncIterator[tuple[MasterFinder, Sequence[ToldSentinel]]]:
    """Return a finder and the sentinels that it asks, which name nobody yet."""
    made = [ToldSentinel() for _ in range(count)]
    ports = [await one.start() for one in made]
    finder = MasterFinder("office", [Redis(port=port, protocol=2) for port in ports], HANG_SECONDS)
    try:
        yield finder, made
    finally:
        await finder.close()
        for one in made:
            await one.close()


async def _asked_again(node: OpenNode) -> None:
    """Return when a question to the sentinels that begins after the call was answered."""
    finder = node.engine._clients.masters
    assert finder is not None
    before = finder.rounds
    await eventually_async(lambda: finder.rounds >= before + 2)


def _followed(node: OpenNode) -> int:
    finder = node.engine._clients.masters
    assert finder is not None
    assert finder.address is not None
    return finder.address[1]
