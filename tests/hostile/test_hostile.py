"""P23: bad input gets its exact answer, and nobody else notices. The table is in the files beside this one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from dossier_realtime.recording.entry import Header
from tests.harness.eventually import eventually
from tests.hostile import authentication, calls, framing, handshake, malformed, preflights, rates, sending, subscribing
from tests.hostile.rows import Row
from tests.hostile.target import CHANNEL, SECRET, SERVICES, Target

ROWS: list[Row] = [
    row
    for table in (handshake, authentication, framing, malformed, subscribing, sending, calls, preflights, rates)
    for row in table.ROWS
]
QUICK = sorted((row for row in ROWS if not row.slow), key=lambda row: list(SERVICES).index(row.service))
SLOW = [row for row in ROWS if row.slow]


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """One event loop for all rows: connections that watch outlive a row."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def bench_of(loop: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Target]]:
    """The bench of a service, which is started when it is first asked for."""
    folder, benches = tmp_path_factory.mktemp("hostile"), dict[str, Target]()

    def bench_of(name: str) -> Target:
        if name not in benches:
            benches[name] = Target(name, folder)
            loop.run(benches[name].start())
        return benches[name]

    async def stop() -> None:
        await asyncio.gather(*(target.stop() for target in benches.values()))

    yield bench_of
    loop.run(stop())


async def _row(target: Target, row: Row) -> None:
    outcome = await row.attack(target)
    assert outcome in row.expected.split(" | ")
    await target.check()


def test_every_row_has_an_id_of_its_own() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", QUICK, ids=str)
def test_bad_input_gets_its_exact_answer(row: Row, bench_of: Callable[[str], Target], loop: asyncio.Runner) -> None:
    loop.run(_row(bench_of(row.service), row))


def test_every_refusal_is_in_the_journal_with_the_rule_that_refused(
    bench_of: Callable[[str], Target], loop: asyncio.Runner
) -> None:
    target = bench_of("open")

    async def refused() -> tuple[str, set[str]]:
        client = await target.client("read:*")
        name = client.login["user_id"]
        await client.ask({"type": "subscribe", "channel": SECRET})
        await client.ask({"type": "channel_settings", "channel": CHANNEL, "payload": {"frozen": True}})
        await client.ask({"type": "nonsense"})
        await client.close()
        return name, {"clearance", "grant.admin", "format"}

    user, rules = loop.run(refused())

    def until_it_left() -> list[Header]:
        found = [entry.header for entry in target.service.journal() if entry.header.user == user]
        return found if any(entry.kind == "close" for entry in found) else []

    mine = eventually(until_it_left)
    assert {entry.rule for entry in mine if entry.kind == "refused"} == rules
    assert {entry.channel for entry in mine if entry.rule == "clearance"} == {SECRET}


def test_what_waits_for_a_time_out_ends_too(bench_of: Callable[[str], Target], loop: asyncio.Runner) -> None:
    """All of them wait at once."""
    benches = {row.service: bench_of(row.service) for row in SLOW}

    async def together() -> dict[str, str]:
        outcomes = await asyncio.gather(*(row.attack(benches[row.service]) for row in SLOW))
        for target in benches.values():
            await target.check()
        return {
            str(row): told for row, told in zip(SLOW, outcomes, strict=True) if told not in row.expected.split(" | ")
        }

    assert loop.run(together()) == {}
