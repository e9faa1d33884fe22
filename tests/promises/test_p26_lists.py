"""The lists and the dry run of very many commitments: the loop turns while a page is made; the times are printed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.core.domain.commitments import commitment as core
from app.services.commitments import lists
from app.services.commitments.ledger import CommitmentLedger
from dossier_realtime.protocol.http.commitments import CommitmentBody
from tests.promises.conftest import Report, Sized
from tests.web.commitment_office import BODY, MORNING, Office, office

_BATCH, _READ = 1_000, 200
_DAYS = 1_000  # over which the deadlines are spread


async def _fill(place: Office, records: int) -> None:
    services = place.service.node.services
    ledger = CommitmentLedger(place.service.engine.records, services.alerts.policy)
    for start in range(0, records, _BATCH):
        changes = []
        for number in range(start, min(start + _BATCH, records)):
            due = str(date(2027, 6, 1) + timedelta(days=number % _DAYS))
            said = msgspec.convert(BODY | {"due_date": due, "mou_id": f"m{number % 50}"}, CommitmentBody)
            made = core.registered(None, f"c{number}", said, "omar", MORNING)
            changes.append(ledger.change(made, 0, MORNING))
        await place.service.engine.broker.publish([], changes=changes)


async def _timed(place: Office, work: Awaitable[Any]) -> tuple[Any, float, int, float]:
    """Return the outcome, its seconds, the turns that the loop made meanwhile, and the longest of them."""
    task, began = asyncio.ensure_future(work), time.perf_counter()
    turns, longest, last = 0, 0.0, began
    while not task.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        turns, longest, last = turns + 1, max(longest, now - last), now
    return await task, time.perf_counter() - began, turns, longest


def test_p26_lists_of_very_many_commitments_leave_the_loop_turning(
    tmp_path: Path, report: Report, sized: Sized, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = sized(6_000, 100_000)
    if records < lists.MAX_PLANNED:
        monkeypatch.setattr(lists, "MAX_LISTED", 2_000)

    async def scene() -> None:
        async with office(tmp_path / "data") as place:
            await _fill(place, records)
            nobody = place.token("nora", "read:dossier:country:*")
            year = "commitments/dry-run?from=2027-01-01&to=2032-01-01"
            said = []
            for name, path, token in (
                ("a page of 1,000", "commitments", ""),
                ("a page for who sees none", "commitments", nobody),
                ("1,000 planned alerts", year, ""),
                ("planned for who sees none", f"{year}&mou=m1", nobody),
            ):
                answer, seconds, turns, longest = await _timed(place, place.call("GET", path, token))
                assert answer.status_code == 200, answer.text
                looked_at = min(records // 50 if "mou=" in path else records, 1_000)
                assert turns > looked_at // _READ, (name, turns)
                said.append(f"{name}: {seconds:.2f} s, {turns:,} turns, the longest {1000 * longest:.0f} ms")
            report(f"{records:,} commitments. " + "; ".join(said))
            page = (await place.call("GET", "commitments", nobody)).json()
            assert page["commitments"] == []
            assert page["next"].startswith("~")

    asyncio.run(scene())
