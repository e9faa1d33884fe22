"""Briefs that a process left open, at the next start."""

from __future__ import annotations

import time
from pathlib import Path

from app.core.briefs.job import BriefJob, Requester
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.in_process import running


@asynchronous
async def test_a_service_with_an_embedded_store_resumes_the_briefs_of_another_node_at_once(tmp_path: Path) -> None:
    """No other node can write them: it was renamed."""
    job = BriefJob(
        request_id="r1",
        requester=Requester("ali", "Ali", "editor", ["read:*"], "internal", 10**10),
        type="meeting",
        entity_type="country",
        entity_id="SA",
        language="en",
        generator="template",
        created_at=time.time(),
        estimated_time=1,
        node="before",
    )
    async with running(tmp_path, {"node.id": "before"}) as service:
        await service.node.services.brief_jobs.ledger.commit(None, job)
    async with running(tmp_path, {"node.id": "after"}) as service:
        jobs = service.node.services.brief_jobs

        async def is_written() -> bool:
            kept = await jobs.ledger.find("r1")
            assert kept is not None
            return (kept.job.state, kept.job.node) == ("complete", "after")

        await eventually_async(is_written)
        await eventually_async(lambda: jobs.runner.open == 0)
