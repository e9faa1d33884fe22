"""A brief tells what the service keeps of its entity: tasks and the score of the relationship, within rights."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from tests.harness import tokens
from tests.harness.service import Service
from tests.web.fresh import fresh
from tests.web.test_actions import call, enter
from tests.web.test_briefs import asking, publish, until_end


def _task(entity: str, task: str, before: str, after: str, **more: Any) -> dict[str, Any]:
    payload = {"task_id": task, "previous_status": before, "new_status": after}
    return {"type": "task_update", "channel": f"workspace:{entity}", "payload": payload | more}


def _sources(service: Service, entity: str, user: str, section: str, *permissions: str) -> list[dict[str, Any]]:
    """Ask for a brief and return its sources of a section."""

    async def scenario() -> str:
        async with await enter(service, user, *permissions) as client:
            answer = await client.ask(asking(entity, generator="template"))
            return str((await until_end(client, answer["request_id"]))[-1]["payload"]["brief_id"])

    brief = asyncio.run(scenario())
    status, answer = call(service, tokens.token(user, *permissions), "GET", f"/v1/briefs/{brief}")
    assert status == 200, answer
    return [row for row in answer["sources"] if row["section"] == section]


def test_the_tasks_of_the_workspace_are_facts_with_the_titles_that_the_reader_was_told(service: Service) -> None:
    entity, user, title = fresh("SA"), fresh("ali"), {"en": "Call the ministry", "ar": "الاتصال بالوزارة"}
    mine, other = fresh("task"), fresh("task")
    assigned = {"task_id": mine, "title": title, "due_date": "2057-03-01", "priority": "high"}
    publish(
        service,
        _task(entity, mine, "pending", "in_progress", assigned_to=user),
        _task(entity, other, "pending", "cancelled"),
        {"type": "task_assigned", "channel": f"user:{user}", "payload": assigned},
    )
    texts = [(row["text"], row["channels"]) for row in _sources(service, entity, user, "tasks", "read:*")]
    (own,) = [(text, sources) for text, sources in texts if "Call the ministry" in text["en"]]
    assert "in_progress" in own[0]["en"]
    assert "due 2057-03-01" in own[0]["en"]
    assert "الاتصال بالوزارة" in own[0]["ar"]
    assert own[1] == [f"workspace:{entity}", f"user:{user}"]
    assert any(f"Task {other} is cancelled" in text["en"] and "ملغاة" in text["ar"] for text, _ in texts)
    # A reader of the entity alone is told of neither.
    assert _sources(service, entity, fresh("bea"), "tasks", "read:dossier:*") == []


def test_the_score_and_what_moved_it_are_facts_within_the_rights_of_the_reader(service: Service) -> None:
    entity, program = fresh("SA"), tokens.token("program", "write:*", "read:*", clearance="secret")
    now = int(time.time())
    path = f"/v1/relationships/{entity}/facts"
    facts = [
        {"id": "seen", "kind": "engagement", "at": now - 50},
        {"id": "hidden", "kind": "commitment_missed", "at": now - 40, "source": f"workspace:{entity}"},
    ]
    answers = [call(service, program, "POST", path, {"facts": [fact]}) for fact in facts]
    assert [status for status, _ in answers] == [200, 200], answers
    score = answers[-1][1]["relationship"]["score"]
    for permissions, shown in ((("read:*",), True), (("read:dossier:*", "read:relationship:*"), False)):
        rows = _sources(service, entity, fresh("ali"), "health", *permissions)
        english = json.dumps([row["text"]["en"] for row in rows])
        assert f"Score {score}: " in english
        assert any("الدرجة" in row["text"]["ar"] for row in rows)
        from_workspace = [row for row in rows if f"workspace:{entity}" in row["channels"]]
        assert bool(from_workspace) is shown, rows
    assert _sources(service, entity, fresh("bea"), "health", "read:dossier:*") == []
