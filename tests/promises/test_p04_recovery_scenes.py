"""P4: recovery where others fail: quiet channels, before the first message, twice running, at once, amid traffic.

Each scene plays a hundred times at once, on a hundred channels; in each, every event arrives exactly once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report
from tests.promises.load_clients import (
    CROWD,
    Publisher,
    Subscriber,
    run,
    settled,
)

TIMES = 100


class Stage:
    """One reader and one publisher of one channel."""

    def __init__(self, service: Service, ledger: Ledger, number: int) -> None:
        channel, name = f"dossier:scene:{number}", f"scene-{number}"
        reader, publisher = service.token("reader", "read:dossier:*"), service.token("publisher", "write:dossier:*")
        self.reader = Subscriber(service, ledger, name, reader, channel)
        self._ledger = ledger
        self._publisher = Publisher(service, ledger, name, publisher, channel, window=4)

    async def publish(self, count: int) -> None:
        """So many events more, acknowledged."""
        await self._publisher.publish(count)

    async def caught_up(self) -> None:
        """The reader has everything."""
        await settled(self._ledger, [self.reader])


async def quiet_channel(stage: Stage) -> None:
    """Nothing happens while the reader is away; then something does."""
    await stage.publish(1)
    await stage.reader.join()
    stage.reader.drop()
    await stage.reader.join()
    await stage.publish(2)


async def before_the_first_message(stage: Stage) -> None:
    """The channel has never carried anything when the reader leaves it."""
    await stage.reader.join()
    stage.reader.drop()
    await stage.publish(2)
    await stage.reader.join()


async def twice_running(stage: Stage) -> None:
    """The reader leaves again as soon as it is back, before anything new came."""
    await stage.reader.join()
    await stage.publish(2)
    await stage.caught_up()
    for _ in range(2):
        stage.reader.drop()
        await stage.publish(2)
        await stage.reader.join()
    stage.reader.drop()
    await stage.reader.join()
    await stage.publish(1)


async def immediate_reconnect(stage: Stage) -> None:
    """The reader is back on a new connection, under its old session, before the old one is known to be dead."""
    await stage.reader.join()
    await stage.publish(2)
    await stage.caught_up()
    old = stage.reader.peer
    assert old is not None
    old.pause()
    await stage.publish(2)
    old.on_message = None  # whatever it still gets, the reader has let go of it
    stage.reader.account.left()
    await stage.reader.join(resume=True)
    assert stage.reader.peer is not None
    assert stage.reader.peer.login["session_id"] == old.login["session_id"]
    old.resume()
    assert await asyncio.wait_for(old.closed, HANG_SECONDS) == 4504
    await stage.publish(1)


async def amid_traffic(stage: Stage) -> None:
    """Events go on while the reader leaves and returns, and returns."""
    await stage.reader.join()
    traffic = asyncio.create_task(stage.publish(30))
    for _ in range(3):
        await asyncio.sleep(0.05)
        stage.reader.drop()
        await stage.reader.join()
    await traffic


async def over_a_restart(stage: Stage) -> None:
    """The channel is quiet when the service is killed; the reader returns to the new process."""
    await stage.publish(2)
    await stage.reader.join()
    await stage.publish(1)
    await stage.caught_up()


async def _after_the_restart(stage: Stage) -> None:
    stage.reader.account.left()
    await stage.reader.rejoin()
    await stage.publish(1)


@pytest.mark.parametrize(
    "scene",
    [
        quiet_channel,
        before_the_first_message,
        twice_running,
        immediate_reconnect,
        amid_traffic,
        over_a_restart,
    ],
)
def test_p04_recovery_of(scene: Callable[[Stage], Awaitable[None]], tmp_path: Path, report: Report) -> None:
    with Service(tmp_path / "data", CROWD) as service:
        ledger = run(_play(service, scene))
        service.assert_log_clean()
    report(f"{TIMES} times, {ledger.acks} events, {ledger.deliveries} deliveries: all recovered, each once")


async def _play(service: Service, scene: Callable[[Stage], Awaitable[None]]) -> Ledger:
    ledger = Ledger()
    stages = [Stage(service, ledger, number) for number in range(TIMES)]
    await asyncio.gather(*(scene(stage) for stage in stages))
    if scene is over_a_restart:
        await asyncio.to_thread(service.restart, hard=True)
        await asyncio.gather(*(_after_the_restart(stage) for stage in stages))
    readers = [stage.reader for stage in stages]
    await settled(ledger, readers)
    ledger.check()
    assert all(reader.recoveries and all(reader.recoveries) for reader in readers)
    assert ledger.acks == len(ledger.publications) >= TIMES
    return ledger
