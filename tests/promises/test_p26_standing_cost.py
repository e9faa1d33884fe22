"""The cost of a service on which very much stands and nothing is due: its start, and its idle share of a core.

Both are printed beside those of the same service on an empty folder, which has the costs of any other.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from app.configuration.config import load
from app.configuration.office_calendar import alert_policy
from app.core.domain.commitments import commitment as commitments
from app.core.domain.projections import relationships
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.records import RecordChange
from app.services.commitments.ledger import CommitmentLedger
from dossier_realtime.protocol.http.commitments import CommitmentBody
from dossier_realtime.protocol.http.relationships import KeptFact
from dossier_realtime.recording.relationships.course import Relationship, after_facts
from dossier_realtime.recording.relationships.scoring import HealthPolicy
from tests.engine.conftest import Clock
from tests.harness import tokens
from tests.harness.service import Service
from tests.promises.conftest import Report, Sized
from tests.web.commitment_office import BODY
from tests.web.test_actions import call

_BATCH, _DAY = 1_000, 86_400
_TICKS = os.sysconf("SC_CLK_TCK")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _idle_share(service: Service, seconds: float) -> float:
    """Return the percentage of a core that the service takes while nobody asks it for anything."""
    before, began = _cpu_seconds(service.pid), time.perf_counter()
    time.sleep(seconds)
    return 100 * (_cpu_seconds(service.pid) - before) / (time.perf_counter() - began)


def _commitments(count: int, now: float) -> Iterator[RecordChange]:
    policy = alert_policy(load(None, {}, keys=False).commitments)
    ledger = CommitmentLedger(None, policy)  # type: ignore[arg-type]  # it makes changes only
    for number in range(count):
        due = datetime.fromtimestamp(now, UTC).date() + timedelta(days=200 + number % 1_000)
        said = msgspec.convert(BODY | {"due_date": str(due), "mou_id": f"m{number % 50}"}, CommitmentBody)
        yield ledger.change(commitments.registered(None, f"c{number}", said, "omar", now), 0, now)


def _relationships(count: int, now: float) -> Iterator[RecordChange]:
    policy = HealthPolicy()
    for number in range(count):
        kept = [KeptFact(f"e{number}-{one}", "engagement", int(now - one * _DAY)) for one in range(5)]
        after = after_facts(Relationship(relationship_id=f"r{number}"), kept, now, policy).after
        told = relationships.folded(after, now, policy)
        yield RecordChange(relationships.KIND, f"r{number}", 0, told.body, told.labels, told.order, due=told.due)


async def _fill(data: Path, changes: list[RecordChange]) -> None:
    engine = await open_engine("embedded", data, limits=EngineLimits(), rates=RateLimiter(), clock=Clock())
    for start in range(0, len(changes), _BATCH):
        await engine.broker.publish([], changes=changes[start : start + _BATCH])
    await engine.close()


def test_p26_what_stands_costs_nothing_at_the_start_and_while_nothing_is_due(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    many, few, seconds = sized(5_000, 100_000), sized(500, 10_000), sized(2, 30)
    figures = []
    with Service(tmp_path / "data") as service:
        service.stop()  # it has its journal and its store now
        for standing in (0, many):
            if standing:
                now = time.time()
                asyncio.run(_fill(service.data, [*_commitments(many, now), *_relationships(few, now)]))
            began = time.perf_counter()
            service.start()
            wall, cpu = time.perf_counter() - began, _cpu_seconds(service.pid)
            figures.append(f"start {wall:.2f} s ({cpu:.2f} s of a core), idle {_idle_share(service, seconds):.2f} %")
            if standing:
                reader = tokens.token("omar", "read:*", clearance="secret")
                status, page = call(service, reader, "GET", "/v1/commitments?limit=1")
                assert (status, [row["alert_level"] for row in page["commitments"]]) == (200, [0])
                status, page = call(service, reader, "GET", "/v1/relationships?limit=1")
                assert (status, [row["score"] for row in page["relationships"]]) == (200, [100])
            service.stop()
        service.assert_log_clean()
    report(f"nothing stands: {figures[0]}; {many:,} open commitments and {few:,} relationships: {figures[1]} of a core")
