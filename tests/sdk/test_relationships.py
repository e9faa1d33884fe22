"""Relationships through the SDK, against the real service; and their course, read back from its journal."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from dossier_realtime import Publisher, PublishError, RelationshipFact, Relationships
from dossier_realtime.archive import open_journal
from tests.harness.service import Service


def test_a_relationship_is_scored_explained_listed_and_read_back(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        now = int(time.time())
        async with Relationships(service.token("program", "write:relationship:*"), service.http) as relationships:
            await relationships.score("r1", 90, recommendations=[])
            row = await relationships.score("r1", 50, trigger="visit_cancelled")
            assert (row.status, row.trigger, row.basis) == ("at_risk", "visit_cancelled", "given")
            fact = RelationshipFact(id="e1", kind="engagement", at=now)
            for taken in (1, 0):
                assert (await relationships.add_facts("r1", [fact])).taken == taken
            why = await relationships.why("r1")
            assert [(one.points, one.fact) for one in why.moved[:1]] == [(50, fact)]
            assert why.unknown == ["commitments", "response_time"]
            await relationships.score("r2", 10)
            assert [one.relationship_id async for one in relationships.list()] == ["r2", "r1"]
            assert [one.relationship_id async for one in relationships.list(status="healthy")] == ["r1"]
            assert (await relationships.get("r1")).score == 100
            with pytest.raises(PublishError) as refused:
                await relationships.add_facts("r1", [RelationshipFact(id="e2", kind="response", at=now)])
            assert (refused.value.status, refused.value.path) == (400, "$.facts[0].hours")
        told = {
            "relationship_id": "r1",
            "previous_status": "healthy",
            "new_status": "monitor",
            "score_change": -30,
            "current_score": 70,
            "trigger": "told_by_others",
            "recommendations": [],
        }
        event = {"type": "relationship_health_change", "channel": "relationship:r1", "payload": told}
        async with Publisher(service.token("other", "write:relationship:*"), service.http) as publisher:
            await publisher.publish([event])

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))
        service.assert_log_clean()
    past = open_journal(tmp_path / "data" / "journal").health("r1")
    assert [(one.score, one.points, one.fact, one.trigger) for one in past.points] == [
        (90, 0, "", "score_given"),
        (50, -40, "", "visit_cancelled"),
        (100, 50, "e1", "computed_from_facts"),
        (70, -30, "", "told_by_others"),
    ]
    said = [(one.previous, one.new, one.score) for one in past.published]
    assert said == [("healthy", "at_risk", 50), ("at_risk", "healthy", 100), ("healthy", "monitor", 70)]
    assert [(one.previous, one.new, one.score) for one in past.changes] == said
    assert [one.new for one in past.under(hysteresis=5, monitor_from=50, at_risk_from=30).changes] == [
        "monitor",
        "healthy",
        "monitor",
    ]
