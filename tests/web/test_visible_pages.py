"""Lists of which a reader sees one row behind thousands that are hidden: bounded work a page, and all is found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.core.briefs.job import BriefJob, Requester
from app.core.domain.projections import relationships
from app.core.domain.projections.tasks import KIND as TASK
from app.core.domain.projections.tasks import Tasks
from app.engine.ports.records import ListPlace, Record, RecordChange
from app.lifecycle import Service
from app.services.domain.visible_pages import MAX_LOOKED_AT
from dossier_realtime.protocol.events import TaskUpdate, TaskUpdatePayload
from dossier_realtime.recording.relationships.course import Relationship
from dossier_realtime.recording.relationships.scoring import HealthPolicy
from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS
from tests.harness.in_process import running

HIDDEN, SEEN = MAX_LOOKED_AT + 300, "z-seen"  # it comes last


def task(service: Service, name: str) -> RecordChange:
    channel = "workspace:open" if name == SEEN else f"workspace:{name}"
    payload = TaskUpdatePayload(
        task_id=name, previous_status="pending", new_status="pending", assigned_to="ali", updated_by="b", timestamp=1
    )
    folded = Tasks().fold(None, channel, TaskUpdate(channel=channel, payload=payload), 1.0)
    assert folded is not None
    return RecordChange(TASK, f"{channel}/{name}", 0, folded.body, folded.labels, folded.order)


def relationship(service: Service, name: str) -> RecordChange:
    score = 90 if name == SEEN else 10
    known = Relationship(relationship_id=name, score=score, status="critical")
    folded = relationships.folded(known, 0.0, HealthPolicy())
    return RecordChange(relationships.KIND, name, 0, folded.body, folded.labels, folded.order)


def brief(service: Service, name: str) -> RecordChange:
    entity = "open" if name == SEEN else name
    job = BriefJob(
        request_id=name,
        requester=Requester("ali", "Ali", "editor", [], "internal", 10**10),
        type="workspace",
        entity_type="workspace",
        entity_id=entity,
        language="en",
        generator="elsewhere",
        created_at=1.0 if name == SEEN else 2.0,
        estimated_time=1,
        state="failed",
        ended_at=2.0**33,
    )
    return service.node.services.brief_jobs.ledger.change(job, 0)


MADE: dict[str, Callable[[Service, str], RecordChange]] = {
    "tasks?assignee=ali&": task,
    "relationships?": relationship,
    "briefs?": brief,
}


class CountedLists:
    """Counts the records that lists were read of, and notes the label of each call."""

    def __init__(self, service: Service) -> None:
        self._listed = service.engine.records.listed
        self.read = 0
        self.labels: list[str] = []
        service.engine.records.listed = self  # type: ignore[method-assign,assignment]  # it stands in between

    async def __call__(self, kind: str, label: str, after: ListPlace | None, limit: int) -> Sequence[Record]:
        self.labels.append(label)
        found = await self._listed(kind, label, after, limit)
        self.read += len(found)
        return found


@asynchronous
async def test_the_tasks_of_a_hidden_workspace_are_as_those_of_an_absent_one(tmp_path: Path) -> None:
    """However many they are: neither `next` nor the records that are read tell of them."""
    async with running(tmp_path) as service:
        folded = task(service, "secret")
        changes = [replace(folded, key=f"workspace:secret/{number}") for number in range(HIDDEN)]
        for start in range(0, len(changes), 1_000):
            await service.engine.broker.publish([], changes=changes[start : start + 1_000])
        headers = {"Authorization": f"Bearer {tokens.token('ali', 'read:workspace:open')}"}
        address, counted = f"http://127.0.0.1:{service.port}/v1/", CountedLists(service)
        async with httpx.AsyncClient(base_url=address, timeout=HANG_SECONDS, headers=headers) as http:
            for name in ("secret", "absent"):
                answer = await http.get("tasks", params={"channel": f"workspace:{name}", "limit": 10})
                assert (answer.status_code, answer.json()) == (200, {"tasks": []})
        assert counted.labels == ["channel:workspace:secret", "channel:workspace:absent"]


@pytest.mark.parametrize("path", list(MADE))
@asynchronous
async def test_a_page_looks_at_a_bounded_number_of_rows_and_says_that_there_are_more(tmp_path: Path, path: str) -> None:
    async with running(tmp_path) as service:
        names = [*(f"hidden-{number}" for number in range(HIDDEN)), SEEN]
        changes = [MADE[path](service, name) for name in names]
        for start in range(0, len(changes), 1_000):
            await service.engine.broker.publish([], changes=changes[start : start + 1_000])
        counted = CountedLists(service)
        token = tokens.token("ali", "read:workspace:open", f"read:relationship:{SEEN}", "read:user:ali")
        rows, after, pages = 0, "", 0
        address = f"http://127.0.0.1:{service.port}/v1/"
        async with httpx.AsyncClient(base_url=address, timeout=HANG_SECONDS) as http:
            while True:
                before = counted.read
                query = f"{path}limit=10" + (f"&after={after}" if after else "")
                answer = await http.get(query, headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == 200, answer.text
                assert counted.read - before <= MAX_LOOKED_AT
                assert "hidden" not in answer.text
                page = answer.json()
                rows += len(next(value for value in page.values() if isinstance(value, list)))
                pages += 1
                after = page.get("next", "")
                if not after:
                    break
        assert (rows, pages) == (1, 2)
        await asyncio.sleep(0)
