"""Briefs on request, over real sockets: asked for, followed, read, cancelled, resumed, within the rights of users."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.harness import tokens
from tests.harness.eventually import eventually, eventually_async
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.web.fresh import fresh
from tests.web.test_actions import call, enter

STAGES = ["analyzing", "generating", "reviewing", "finalizing"]


def asking(entity: str = "SA", **more: Any) -> Message:
    payload = {"type": "meeting", "entity_type": "country", "entity_id": entity, "language": "en"}
    return {"type": "brief_request", "payload": payload | more}


def update(entity: str, fields: list[str], channel: str = "") -> Message:
    return {
        "type": "dossier_update",
        "channel": channel or f"dossier:country:{entity}",
        "payload": {"entity_type": "country", "entity_id": entity, "operation": "update", "fields_changed": fields},
    }


def publish(service: Service, *events: Message) -> None:
    token = tokens.token("writer", "write:*", name="Sara Ali", clearance="secret")
    status, answer = call(service, token, "POST", "/v1/publish", {"events": list(events)})
    assert status == 200, answer


async def until_end(client: Client, request_id: str) -> list[Message]:
    """Every event of a brief that the client got, up to its end, which comes once."""
    while True:
        events = [m for m in client.messages if m.get("request_id") == request_id and m["type"] != "ack"]
        if events and events[-1]["type"] in ("brief_generation_complete", "brief_generation_failed"):
            return events
        await client.receive(request_id=request_id)


def assert_rises(events: list[Message]) -> None:
    """One start, steps whose stages and progress never fall, one end."""
    assert events[0]["type"] == "brief_generation_started"
    steps = [m["payload"] for m in events[1:-1]]
    assert {m["type"] for m in events[1:-1]} <= {"brief_generation_progress"}
    places = [(STAGES.index(step["stage"]), step["progress"]) for step in steps]
    assert places == sorted(places)
    assert [progress for _, progress in places] == sorted(progress for _, progress in places)


def test_a_brief_runs_from_the_request_to_its_one_end_on_every_connection_of_its_requester(service: Service) -> None:
    entity, user = fresh("SA"), fresh("ali")
    publish(service, update(entity, ["capital"]))

    async def scenario() -> str:
        one, other = [await enter(service, user, "read:dossier:*") for _ in range(2)]
        answer = await one.ask(asking(entity))
        request_id = answer["request_id"]
        assert answer["type"] == "ack", answer
        assert (answer["channel"], answer["offset"]) == (f"user:{user}", 1)
        seen = [await until_end(client, request_id) for client in (one, other)]
        assert seen[0] == seen[1]
        assert_rises(seen[0])
        started = seen[0][0]["payload"]
        assert started == {"type": "meeting", "entity_id": entity, "estimated_time": started["estimated_time"]}
        done = seen[0][-1]["payload"]
        assert (done["brief_id"], done["confidence_score"]) == (request_id, 1.0)
        again = await enter(service, user, "read:dossier:*")  # a page that is loaded again
        position = (await again.subscribe(f"user:{user}", since={"offset": 0}))["recovered"]
        assert position is True
        missed = await until_end(again, request_id)
        assert missed[0]["type"] == "brief_generation_started"
        assert missed[-1] == seen[0][-1]
        for client in (one, other, again):
            await client.close()
        return str(request_id)

    request_id = asyncio.run(scenario())
    token = tokens.token(user, "read:dossier:*")
    status, brief = call(service, token, "GET", f"/v1/briefs/{request_id}")
    assert status == 200, brief
    assert (brief["state"], brief["progress"], brief["document"]) == ("complete", 100, f"document:{request_id}")
    (source,) = [each for each in brief["sources"] if each["section"] == "updates"]
    assert source["channels"] == [f"dossier:country:{entity}"]
    assert source["offset"] == 1
    for text in brief["text"].values():
        assert "Sara Ali" in text
        assert "capital" in text
        assert source["id"] in text
    reader = tokens.token("reader", "read:document:*")
    status, document = call(service, reader, "GET", f"/v1/documents/{request_id}")
    assert status == 200
    assert document["content"].startswith(brief["text"]["en"].rstrip())
    assert brief["text"]["ar"].rstrip() in document["content"]
    status, page = call(service, token, "GET", "/v1/briefs")
    assert [row["request_id"] for row in page["briefs"]] == [request_id]


def test_whoever_may_not_read_the_entity_gets_no_brief_whether_it_exists_or_not(service: Service) -> None:
    entity = fresh("SA")
    publish(service, update(entity, ["capital"]), update("x", ["plan"], "dossier:secret:x"))

    async def scenario() -> None:
        async with await enter(service, fresh("omar"), "read:dossier:city:*", "read:dossier:secret:*") as omar:
            answers = [
                await omar.ask(asking(entity)),
                await omar.ask(asking(fresh("absent"))),
                await omar.ask(asking("x", entity_type="secret")),
                await omar.ask(asking("y", entity_type="secret")),
            ]
            for answer in answers:
                assert answer["error_code"] == "PERMISSION_DENIED"
                del answer["ref"], answer["timestamp"]
            assert all(answer == answers[0] for answer in answers)

    asyncio.run(scenario())
    token = tokens.token(fresh("omar"), "read:dossier:city:*")
    refusals = [
        call(service, token, "POST", "/v1/briefs", asking(name)["payload"]) for name in (entity, fresh("absent"))
    ]
    assert refusals[0] == refusals[1]
    assert refusals[0][0] == 403


def test_another_users_brief_is_read_by_operators_alone(service: Service) -> None:
    user = fresh("ali")
    token = tokens.token(user, "read:dossier:*")
    status, asked = call(service, token, "POST", "/v1/briefs", asking(fresh("SA"))["payload"])
    assert status == 202, asked
    path = f"/v1/briefs/{asked['request_id']}"
    eventually(lambda: call(service, token, "GET", path)[1]["state"] == "complete", "the brief does not end")
    other = tokens.token(fresh("sara"), "read:*")
    assert call(service, other, "GET", path) == call(service, other, "GET", f"/v1/briefs/{fresh('none')}")
    assert call(service, other, "GET", path)[0] == 403
    assert call(service, tokens.operator(), "GET", path)[1]["requested_by"] == user
    assert call(service, tokens.operator(), "GET", f"/v1/briefs/{fresh('none')}")[0] == 404
    assert call(service, other, "GET", "/v1/briefs")[1]["briefs"] == []


def test_a_repeated_request_with_its_key_is_one_brief(service: Service) -> None:
    token, entity = tokens.token(fresh("ali"), "read:dossier:*"), fresh("SA")
    answers = [
        call(service, token, "POST", "/v1/briefs", asking(entity)["payload"], Idempotency_Key="k-1") for _ in range(3)
    ]
    assert answers[0][0] == 202
    assert answers[0] == answers[1] == answers[2]
    assert len(call(service, token, "GET", "/v1/briefs")[1]["briefs"]) == 1
    status, conflict = call(service, token, "POST", "/v1/briefs", asking("other")["payload"], Idempotency_Key="k-1")
    assert (status, conflict["error_code"]) == (409, "INVALID_MESSAGE_FORMAT")


WRONG = [
    ({}, "$"),
    ({"type": "meeting", "language": "en"}, "$"),
    (asking(language="fr")["payload"], "$.language"),
    (asking(language=None)["payload"], "$.language"),
    (asking(type="a b")["payload"], "$.type"),
    (asking(type=5)["payload"], "$.type"),
    (asking("")["payload"], "$.entity_id"),
    (asking("..")["payload"], "$.entity_id"),
    (asking("x" * 65)["payload"], "$.entity_id"),
    (asking("a\n")["payload"], "$.entity_id"),
    (asking(entity_type="a:b")["payload"], "$.entity_type"),
    (asking(generator="oracle")["payload"], "$.generator"),
    (asking(request_id="mine")["payload"], "$"),
]


@pytest.mark.parametrize(("payload", "path"), WRONG)
def test_bad_input_is_refused_with_its_path(service: Service, payload: Message, path: str) -> None:
    token = tokens.token(fresh("ali"), "read:*")
    status, answer = call(service, token, "POST", "/v1/briefs", payload)
    assert (status, answer["error_code"], answer["path"]) == (400, "INVALID_MESSAGE_FORMAT", path), answer

    async def scenario() -> None:
        async with await enter(service, fresh("ali"), "read:*") as client:
            said = await client.ask({"type": "brief_request", "payload": payload})
            assert said["error_code"] == "INVALID_MESSAGE_FORMAT"
            assert path.replace("$", "$.payload", 1) in said["message"]

    asyncio.run(scenario())


def test_a_full_queue_says_when_to_ask_again(tmp_path: Path) -> None:
    settings = {"briefs.queue": 3, "briefs.queue_per_user": 2}
    with Service(tmp_path / "data", settings) as service:

        async def scenario() -> None:
            async with await enter(service, "ali", "read:*") as ali, await enter(service, "sara", "read:*") as sara:
                waiting = [await client.ask(asking(generator="worker")) for client in (ali, ali, sara)]
                assert {answer["type"] for answer in waiting} == {"ack"}
                own, full = await ali.ask(asking()), await sara.ask(asking())
                assert (own["error_code"], full["error_code"]) == ("RATE_LIMIT_EXCEEDED", "SERVICE_UNAVAILABLE")
                assert own["retry_after"] > 0
                assert full["retry_after"] > 0
                ended = await ali.ask({"type": "brief_cancel", "payload": {"request_id": waiting[0]["request_id"]}})
                assert ended["ended"] == "cancelled"
                assert (await sara.ask(asking(generator="worker")))["type"] == "ack"

        asyncio.run(scenario())
        token = tokens.token("omar", "read:*")
        assert call(service, token, "POST", "/v1/briefs", asking()["payload"])[0] == 503
        rows = call(service, tokens.operator(), "GET", "/v1/briefs?limit=2")[1]
        assert [row["state"] for row in rows["briefs"]] == ["queued", "queued"]
        rest = call(service, tokens.operator(), "GET", f"/v1/briefs?limit=2&after={rows['next']}")[1]
        assert [row["state"] for row in rest["briefs"]] == ["queued", "cancelled"]
        assert "next" not in rest


def test_a_killed_service_ends_what_was_asked_for_once(tmp_path: Path) -> None:
    with Service(tmp_path / "data", {"briefs.queue_per_user": 100}) as service:

        async def ask() -> list[str]:
            async with await enter(service, "ali", "read:*") as ali:
                answers = [await ali.ask(asking(fresh("SA"))) for _ in range(30)]
            service.kill()
            return [answer["request_id"] for answer in answers]

        requests = asyncio.run(ask())
        service.start()

        async def follow() -> list[list[Message]]:
            async with await enter(service, "ali", "read:*") as ali:
                await ali.subscribe("user:ali", since={"offset": 0})

                def told() -> list[Message]:
                    """Return the events so far, by offset: what came before the subscription comes once."""
                    return sorted((m for m in ali.messages if "offset" in m), key=lambda m: int(m["offset"]))

                def is_whole() -> bool:
                    ended = {m.get("request_id") for m in told() if m["type"] == "brief_generation_complete"}
                    return ended >= {*requests} and [m["offset"] for m in told()] == [*range(1, len(told()) + 1)]

                await eventually_async(is_whole, lambda: [m["offset"] for m in told()])
                return [[m for m in told() if m.get("request_id") == request_id] for request_id in requests]

        for events in asyncio.run(follow()):
            assert_rises(events)
            assert events[-1]["type"] == "brief_generation_complete"
        service.assert_log_clean()


def test_a_brief_about_an_mou_tells_its_open_commitments_and_none_above_its_channel(service: Service) -> None:
    mou, user = fresh("mou"), fresh("ali")
    writer = tokens.token("writer", "write:*", clearance="secret")
    for title, more in (("Quarterly data", {}), ("planted title", {"classification": "secret"})):
        body = {
            "mou_id": mou,
            "title": title,
            "due_date": "2057-01-31",
            "mou_type": "data-exchange",
            "responsible_department": "Agreements",
            "owner": user,
            "escalation": [[user], [], []],
        }
        answer = call(service, writer, "PUT", f"/v1/commitments/{fresh('c')}", body | more)
        assert answer[0] in (200, 201), answer

    async def scenario() -> str:
        async with await enter(service, user, "read:*", clearance="secret") as ali:
            answer = await ali.ask(asking(mou, type="mou", entity_type=None))
            return str((await until_end(ali, answer["request_id"]))[-1]["payload"]["brief_id"])

    request_id = asyncio.run(scenario())
    read = call(service, tokens.token(user, "read:*"), "GET", f"/v1/briefs/{request_id}")[1]
    for text in read["text"].values():
        assert "Quarterly data" in text
        assert "2057-01-31" in text
        assert "planted" not in text
    assert "planted" not in str(read["sources"])
