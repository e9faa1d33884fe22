"""P1: an acknowledged publish is never lost on the embedded engine, whatever ends the process.

Power cuts are in test_p01_power_cuts.py, on a disk that forgets. Where nothing may be mounted, this remains, apart from
kill -9 rounds: the connection that the service commits on syncs at each commit (`synchronous=FULL`; with NORMAL a WAL
loses its end in a power cut), and the file on disk is in WAL mode.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from app.engine.embedded.storage.schema import FILE, open_database
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import CROWD, Publisher, Subscriber, run, settled, until

FULL, WAL = 2, b"\x02\x02"


def test_p01_no_acknowledged_publish_is_lost_by_kill_9(tmp_path: Path, report: Report, sized: Sized) -> None:
    kills, publishes = sized(5, 50), sized(4_000, 100_000)
    with Service(tmp_path / "data", CROWD) as service:
        ledger, done, resent = run(_publish_and_kill(service, kills, publishes))
        service.assert_log_clean()
    assert done == kills
    assert (ledger.acks, len(ledger.publications)) == (publishes, publishes)
    report(f"{done} kills, {ledger.acks} acks, 64 in flight, {resent} sent again: 0 lost, 0 twice, no gap")


async def _publish_and_kill(service: Service, kills: int, publishes: int) -> tuple[Ledger, int, int]:
    ledger, done = Ledger(), 0
    reader = Subscriber(service, ledger, "reader", service.token("reader", "read:dossier:*"))
    publisher = Publisher(service, ledger, "p", service.token("publisher", "write:dossier:*"), window=64)
    await reader.join()
    beginning = reader.account.since
    work = asyncio.create_task(publisher.publish(publishes))

    def acked_or_over(share: int) -> bool:
        return ledger.acks >= share or work.done()

    for number in range(1, kills + 1):
        await until(partial(acked_or_over, number * publishes // (kills + 1)), step=0.001)
        done += not work.done()
        await asyncio.to_thread(service.restart, hard=True)
        reader.account.left()
        await reader.rejoin()
    await work
    afterwards = Subscriber(service, ledger, "afterwards", service.token("reader", "read:dossier:*"))
    await afterwards.join(since=beginning)
    await settled(ledger, [reader, afterwards])
    ledger.check()
    assert all(reader.recoveries + afterwards.recoveries)
    for one in (reader, afterwards):
        assert sum(1 for _ in one.account.deliveries) == publishes
    return ledger, done, publisher.resent


def test_p01_every_commit_is_synced_to_the_disk(tmp_path: Path, report: Report) -> None:
    connection, _ = open_database(tmp_path)
    try:
        (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    finally:
        connection.close()
    assert (synchronous, mode) == (FULL, "wal")
    with Service(tmp_path / "data"):
        versions = (tmp_path / "data" / FILE).read_bytes()[18:20]  # SQLite's file format: 2, 2 in WAL mode
        assert versions == WAL
    report("the event store commits with synchronous=FULL in WAL mode")
