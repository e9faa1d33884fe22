"""What people do about alerts and briefs, and operators about limits: over sockets, over HTTP, over a crash."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.web.fresh import fresh

DENIED = 403, "PERMISSION_DENIED"


def alert(commitment: str, level: int, *users: str, **more: Any) -> Message:
    payload = {
        "commitment_id": commitment,
        "mou_id": "m1",
        "title": {"en": "Report due", "ar": "موعد التقرير"},
        "days_until_deadline": 30,
        "responsible_department": "Agreements",
        "alert_level": level,
    }
    channels = [f"user:{user}" for user in users]
    return {"type": "commitment_alert", "priority": "high", "channels": channels, "payload": payload | more}


def brief(request: str, kind: str, user: str) -> Message:
    payload = {
        "started": {"type": "meeting", "entity_id": "SA", "estimated_time": 9000},
        "progress": {"stage": "generating", "progress": 40, "message": "half"},
        "complete": {"brief_id": "b1", "generation_time": 9000, "confidence_score": 0.9},
        "failed": {"error": "no model", "fallback_available": True},
    }[kind]
    return {"type": f"brief_generation_{kind}", "request_id": request, "channel": f"user:{user}", "payload": payload}


def call(
    service: Service, token: str, method: str, path: str, body: object = None, **headers: str
) -> tuple[int, Message]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(base_url=service.http, timeout=HANG_SECONDS) as http:
        answer = http.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"} | named)
    return answer.status_code, answer.json()


def publish(service: Service, *events: Message) -> tuple[int, Message]:
    token = tokens.token("program", "write:user:*")
    return call(service, token, "POST", "/v1/publish", {"events": list(events)})


def ack(commitment: str) -> Message:
    return {"type": "alert_ack", "payload": {"commitment_id": commitment}}


def cancel(request: str) -> Message:
    return {"type": "brief_cancel", "payload": {"request_id": request}}


async def enter(service: Service, user: str, *permissions: str, **claims: Any) -> Client:
    return await Client.connect(service, service.token(user, *permissions, **claims))


def journalled(service: Service, fits: Callable[[Any], bool]) -> Any:
    """The first entry that fits; it is written a moment after it happened."""
    return eventually(lambda: next(filter(fits, service.journal()), None), "the journal has no such entry")


# --- alerts ---------------------------------------------------------------------------------------------------


def test_whoever_was_alerted_takes_it_in_hand_once_and_everybody_who_was_alerted_learns_of_it(service: Service) -> None:
    commitment, one, other, third = fresh("c"), fresh("ali"), fresh("sara"), fresh("omar")
    state = {"commitment_id": commitment, "state": "acknowledged", "acknowledged_by": one, "alert_level": 1}

    async def scenario() -> None:
        ali, sara, omar = [await enter(service, user) for user in (one, other, third)]
        assert publish(service, alert(commitment, 1, one, other))[0] == 200
        answer = await ali.ask(ack(commitment))
        own = await ali.receive("alert_state")
        assert own == {"type": "alert_state", "channel": f"user:{one}", "offset": 2, "payload": state}
        position = (await ali.subscribe(f"user:{one}"))["position"]
        assert answer == {"type": "ack", "ref": answer["ref"], "channel": f"user:{one}", **position}
        assert (await sara.receive("alert_state"))["payload"] == state
        for client in (ali, sara):
            again = await client.ask(ack(commitment))
            assert again == {"type": "alert_state", "ref": again["ref"], "payload": state}
            assert [m for m in await client.settle() if m["type"] == "alert_state"] == []
        assert await omar.settle() == []
        for client in (ali, sara, omar):
            await client.close()

    asyncio.run(scenario())


def test_whoever_was_not_alerted_learns_nothing_of_what_exists(service: Service) -> None:
    commitment, request, ali, sara = fresh("c"), fresh("r"), fresh("ali"), fresh("sara")
    publish(service, alert(commitment, 1, ali), brief(request, "started", ali))

    async def scenario() -> set[str]:
        async with await enter(service, sara, "write:user:*") as stranger:
            said = set()
            for known, ask in ((commitment, ack), (request, cancel)):
                answers = [await stranger.ask(ask(one)) for one in (known, fresh("never"))]
                for answer in answers:
                    del answer["ref"], answer["timestamp"]
                assert answers[0] == answers[1]
                assert answers[0]["error_code"] == "PERMISSION_DENIED"
                said.add(answers[0]["message"])
            return said

    assert len(asyncio.run(scenario())) == 2
    token = tokens.token(sara, "write:*", "admin:user:*", clearance="secret")
    for path in ("/v1/commitments/{}/ack", "/v1/briefs/{}/cancel"):
        known = commitment if "commitments" in path else request
        answers = [call(service, token, "POST", path.format(one), {}) for one in (known, fresh("never"))]
        assert answers[0] == answers[1]
        assert (answers[0][0], answers[0][1]["error_code"]) == DENIED
        assert call(service, tokens.operator(), "POST", path.format(fresh("never")), {})[0] == 404


def test_an_operator_acknowledges_on_behalf_with_a_reason_and_a_recipient_may_call_too(service: Service) -> None:
    commitment, other, ali = fresh("c"), fresh("c"), fresh("ali")
    path = f"/v1/commitments/{commitment}/ack"

    async def scenario() -> Message:
        async with await enter(service, ali) as client:
            publish(service, alert(commitment, 2, ali), alert(other, 1, ali))
            assert call(service, tokens.operator(), "POST", path, X_Reason="he%20is%20away") == (200, told)
            return await client.receive("alert_state")

    told = {"commitment_id": commitment, "state": "acknowledged", "acknowledged_by": "operator", "alert_level": 2}
    assert asyncio.run(scenario())["payload"] == told
    assert call(service, service.token(ali), "POST", path, {}) == (200, told), "as it is"
    own = call(service, service.token(ali), "POST", f"/v1/commitments/{other}/ack", {})
    assert own == (200, told | {"commitment_id": other, "acknowledged_by": ali, "alert_level": 1})
    entry = journalled(service, lambda entry: entry.header.detail.get("path") == path)
    told = {"method": "POST", "path": path, "status": 200, "reason": "he is away"}
    assert entry.header.detail.items() >= told.items()
    assert entry.header.user == "operator"


def test_what_climbs_further_is_open_again(service: Service) -> None:
    commitment, ali, sara = fresh("c"), fresh("ali"), fresh("sara")

    async def scenario() -> None:
        async with await enter(service, ali) as client, await enter(service, "operator", "admin:*") as operator:
            await operator.subscribe("ops:alerts")
            publish(service, alert(commitment, 1, ali, next_level_at=2_000_000_000))
            assert (await client.receive("commitment_alert"))["payload"]["next_level_at"] == 2_000_000_000
            await client.ask(ack(commitment))
            publish(service, alert(commitment, 1, sara))
            assert (await client.ask(ack(commitment)))["payload"]["acknowledged_by"] == ali
            publish(service, alert(commitment, 2, ali, sara))
            assert (await client.ask(ack(commitment)))["type"] == "ack"
            states = [(await client.receive("alert_state"))["payload"]["alert_level"] for _ in range(2)]
            assert states == [1, 2]
            rows: dict[str, Any] = {}
            while rows.get("alert_level") != 2 or rows.get("state") != "acknowledged":
                payload = (await operator.receive("ops_stats", channel="ops:alerts"))["payload"]
                for row in payload["rows"]:
                    if row["key"] == commitment:
                        rows |= row
            assert rows["acknowledged_by"] == ali
            assert rows["next_level_at"] is None

    asyncio.run(scenario())


def test_recipients_and_acknowledgements_and_cancels_outlive_a_kill(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        asyncio.run(_over_kills(service))
        service.assert_log_clean()


async def _over_kills(service: Service) -> None:
    publish(service, alert("c1", 1, "ali", "sara"), brief("r1", "started", "ali"))
    await asyncio.to_thread(service.restart, hard=True)
    async with await enter(service, "ali") as ali, await enter(service, "sara") as sara:
        assert (await ali.ask(ack("c1")))["type"] == "ack"
        assert (await sara.receive("alert_state"))["payload"]["acknowledged_by"] == "ali"
        assert (await ali.ask(cancel("r1")))["ended"] == "cancelled"
    await asyncio.to_thread(service.restart, hard=True)
    async with await enter(service, "sara") as sara, await enter(service, "ali") as ali:
        assert (await sara.ask(ack("c1")))["payload"]["acknowledged_by"] == "ali"
        assert (await ali.ask(cancel("r1")))["ended"] == "cancelled"
    assert publish(service, brief("r1", "progress", "ali"))[0] == 403


# --- briefs ---------------------------------------------------------------------------------------------------


def test_a_cancelled_brief_ends_exactly_once(service: Service) -> None:
    request, owner = fresh("r"), fresh("ali")
    writer = tokens.token("program", "write:user:*")

    async def scenario() -> None:
        async with await enter(service, owner, name="علي") as ali, await Client.connect(service, writer) as program:
            for kind in ("started", "progress"):
                await program.ask(brief(request, kind, owner))
            answer = await ali.ask(cancel(request))
            failed = await ali.receive("brief_generation_failed")
            assert failed["payload"] == {
                "error": {"en": "Cancelled by \u2068علي\u2069", "ar": "ألغاه \u2068علي\u2069"},
                "fallback_available": False,
            }
            position = (await ali.subscribe(f"user:{owner}"))["position"]
            assert (failed["offset"], failed["request_id"]) == (position["offset"], request)
            place = {"channel": f"user:{owner}", **position}
            assert answer == {"type": "ack", "ref": answer["ref"], "ended": "cancelled"} | place
            again = await ali.ask(cancel(request))
            assert again == {"type": "ack", "ref": again["ref"], "channel": f"user:{owner}", "ended": "cancelled"}
            for kind in ("progress", "complete", "failed", "started"):
                refused = await program.ask(brief(request, kind, owner))
                assert refused["error_code"] == "PERMISSION_DENIED"
                assert "was cancelled" in refused["message"]
            assert [m["type"] for m in await ali.settle()] == ["brief_generation_started", "brief_generation_progress"]

    asyncio.run(scenario())
    other = fresh("r")
    status, body = publish(service, brief(other, "started", owner), brief(request, "complete", owner))
    assert (status, body["error_code"], body["index"], body["path"]) == (*DENIED, 1, "$.events[1].request_id")
    assert call(service, tokens.operator(), "POST", f"/v1/briefs/{other}/cancel")[0] == 404, "all or nothing"


@pytest.mark.parametrize("end", ["complete", "failed"])
def test_a_brief_that_has_ended_is_not_cancelled_but_told_how_it_ended(service: Service, end: str) -> None:
    request, owner = fresh("r"), fresh("ali")
    publish(service, brief(request, "started", owner), brief(request, end, owner))

    async def scenario() -> None:
        async with await enter(service, owner) as ali:
            answer = await ali.ask(cancel(request))
            assert answer == {"type": "ack", "ref": answer["ref"], "channel": f"user:{owner}", "ended": end}
            assert await ali.settle() == []

    asyncio.run(scenario())
    path = f"/v1/briefs/{request}/cancel"
    for token in (tokens.operator(), service.token(owner)):
        assert call(service, token, "POST", path, {}) == (200, {"request_id": request, "ended": end})


def test_an_operator_cancels_a_brief_and_is_named(service: Service) -> None:
    request, owner = fresh("r"), fresh("ali")

    async def scenario() -> None:
        async with await enter(service, owner) as ali:
            publish(service, brief(request, "started", owner))
            token = tokens.token("desk", "admin:*", name="The Desk", clearance="secret")
            for _ in range(2):
                answer = call(service, token, "POST", f"/v1/briefs/{request}/cancel", X_Reason="stuck")
                assert answer == (200, {"request_id": request, "ended": "cancelled"})
            failed = await ali.receive("brief_generation_failed")
            assert failed["payload"]["error"]["en"] == "Cancelled by \u2068The Desk\u2069"
            assert [m["type"] for m in await ali.settle()] == ["brief_generation_started"]

    asyncio.run(scenario())


# --- limits ---------------------------------------------------------------------------------------------------


def test_an_operator_lifts_a_users_limits_for_a_while_and_ends_it(tmp_path: Path) -> None:
    """Ten times the limit, not more; what was counted stays counted."""
    with Service(tmp_path / "data", {"limits.general": 5}) as service:
        asyncio.run(_lifted(service))
        service.stop()  # the journal is written to its end now
        entries = [entry.header for entry in service.journal() if entry.header.kind == "lifted"]
        assert [(entry.user, entry.detail) for entry in entries] == [("ali", {"seconds": 900}), ("ali", {"seconds": 0})]
        service.assert_log_clean()


async def _lifted(service: Service) -> None:
    operator, path = tokens.operator(), "/v1/users/ali/limits/lift"
    async with await enter(service, "ali", "read:dossier:*", name="Ali") as ali, await enter(service, "b") as bea:
        watch = await Client.connect(service, operator)
        await watch.subscribe("ops:limits")

        async def accepted(client: Client, count: int) -> int:
            answers = [await client.ask({"type": "unsubscribe", "channel": "global"}) for _ in range(count)]
            return sum(answer["type"] == "unsubscribed" for answer in answers)

        assert await accepted(ali, 8) == 5
        before = int(time.time())
        status, body = call(service, operator, "POST", path, {"seconds": 900})
        assert (status, body["user"]) == (200, "ali")
        assert before + 900 <= body["until"] <= time.time() + 900
        row = await _row(watch, "ali *")
        assert (row["state"], row["name"], row["class"]) == ("lifted", "Ali", "*")
        assert abs(row["until"] - body["until"]) <= 1
        assert await accepted(ali, 60) == 45
        assert await accepted(bea, 8) == 5
        assert call(service, operator, "DELETE", path) == (200, {"user": "ali", "until": None})
        assert await accepted(ali, 1) == 0
        while (await _row(watch, "ali *"))["state"] != "restored":
            pass
        await watch.close()


async def _row(watch: Client, key: str) -> dict[str, Any]:
    while True:
        payload = (await watch.receive("ops_stats", channel="ops:limits"))["payload"]
        for row in payload["rows"]:
            if row["key"] == key:
                return dict(row)
