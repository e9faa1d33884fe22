"""The lists of what stands now: one form for all, found in the table of calls, and walked over a real service."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from app.core.schema.call_forms import PAGE, HttpCallForm
from app.core.schema.calls import CALLS
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.web.test_actions import alert, call
from tests.web.test_inboxes import publish, step
from tests.web.test_openapi import COMMITMENT

LISTS = [form for form in CALLS if form.method == "get" and all(one in form.parameters for one in PAGE)]
"""Every list that has pages by place; a new one is walked here without being named."""
QUERIES = {
    "list_tasks": "assignee=ali",
    "dry_run_commitments": "from=2057-01-01&to=2057-12-31",
}
ANY_TEXT = {"list_channels": "its places are names of channels, in use or not"}
"""Lists whose `after` cannot be wrong, and why."""
SETTINGS = {"limits.ping": 20, "limits.general": 1_000_000, "limits.read": 1_000_000}


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service on which each list has three rows or more, nodes excepted: there is one."""
    with Service(tmp_path_factory.mktemp("standing") / "data", SETTINGS) as service:
        office = tokens.token("omar", "write:dossier:mou:*", clearance="secret")
        for number in range(3):
            assert call(service, office, "PUT", f"/v1/commitments/c{number}", COMMITMENT)[0] == 200
            asked = {"type": "country", "entity_id": f"S{number}", "language": "en"}
            writer = tokens.token("ali", "read:*", "write:*")
            assert call(service, writer, "POST", "/v1/briefs", asked)[0] == 202
            score = {"score": 40 + number}
            assert call(service, writer, "POST", f"/v1/relationships/r{number}/score", score)[0] == 200
            told = step("workspace:w1", f"t{number}", "pending", "in_progress", assigned_to="ali")
            assert publish(service, told)[0] == 200
            operator = tokens.token("operator", "admin:*", clearance="secret")
            lifted = call(service, operator, "POST", f"/v1/users/lifted-{number}/limits/lift", {"seconds": 900})
            assert lifted[0] == 200

        def briefs_ended() -> bool:
            status, found = call(service, operator, "GET", "/v1/briefs")
            assert status == 200, found
            return all(row["state"] not in ("queued", "running") for row in found["briefs"])

        eventually(briefs_ended, "a brief does not end")  # one that ends changes its place, and makes a document
        entered, leaving = threading.Event(), threading.Event()

        async def scene() -> None:
            clients = [await Client.connect(service, tokens.token(f"there-{number}")) for number in range(3)]
            entered.set()
            await asyncio.to_thread(leaving.wait)  # they answer pings meanwhile
            for client in clients:
                await client.close()

        with ThreadPoolExecutor(1) as threads:
            there = threads.submit(lambda: asyncio.run(scene()))
            try:
                eventually(lambda: entered.is_set() or there.done(), "the clients do not come in")
                if entered.is_set():
                    yield service
            finally:
                leaving.set()
            there.result(HANG_SECONDS)
    service.assert_log_clean()


def operator() -> str:
    return tokens.token("operator", "admin:*", clearance="secret")


def page(service: Service, form: HttpCallForm, token: str, **query: str) -> tuple[int, Any]:
    text = "&".join([QUERIES.get(form.name, ""), *(f"{name}={quote(value)}" for name, value in query.items())])
    return call(service, token, "GET", f"{form.path}?{text.strip('&')}")


def rows(answer: dict[str, Any]) -> list[Any]:
    """The rows of a page: its one list, beside `next`."""
    (found,) = [value for name, value in answer.items() if name != "next"]
    assert isinstance(found, list)
    return found


def identity_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """What stays of a row from one page to the next: its ids and names."""
    keys = ("session_id", "channel", "commitment_id", "request_id", "task_id", "relationship_id", "node", "user_id")
    return tuple((key, row[key]) for key in (*keys, "class", "alert_level") if key in row)


def test_the_lists_that_the_protocol_names_are_among_them() -> None:
    paths = {form.path for form in LISTS}
    assert {f"/v1/{name}" for name in ("sessions", "channels", "nodes", "limits", "commitments", "briefs")} <= paths


@pytest.mark.parametrize("form", LISTS, ids=lambda form: form.name)
def test_a_list_is_walked_page_by_page(standing: Service, form: HttpCallForm) -> None:
    status, whole = page(standing, form, operator())
    assert status == 200, whole
    assert "next" not in whole, "the last page names no other"
    known = [identity_of(row) for row in rows(whole)]
    assert len(known) >= (1 if form.name == "list_nodes" else 3)
    walked: list[Any] = []
    after: dict[str, str] = {}
    while True:
        status, one = page(standing, form, operator(), limit="1", **after)
        assert status == 200, one
        assert len(rows(one)) <= 1
        walked += [identity_of(row) for row in rows(one)]
        if "next" not in one:
            break
        assert isinstance(one["next"], str)
        after = {"after": one["next"]}
    assert walked == known


@pytest.mark.parametrize("form", LISTS, ids=lambda form: form.name)
def test_a_list_refuses_what_is_no_page(standing: Service, form: HttpCallForm) -> None:
    wrong = [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"limit": ""}]
    if form.name not in ANY_TEXT:
        wrong += [{"after": text} for text in ("a b", "~", "-", "é", "x" * 300, "null", "WzEsMl0")]
    for query in wrong:
        status, answer = page(standing, form, operator(), **query)
        assert (status, answer["error_code"]) == (400, "INVALID_MESSAGE_FORMAT"), query
        assert answer["message"], query


@pytest.mark.parametrize("form", LISTS, ids=lambda form: form.name)
def test_a_list_shows_a_user_without_rights_nothing(standing: Service, form: HttpCallForm) -> None:
    assert page(standing, form, "no token")[0] == 401
    status, answer = page(standing, form, tokens.token("stranger"))
    if form.access == "operator":
        assert (status, answer["error_code"]) == (403, "PERMISSION_DENIED")
    else:
        assert (status, rows(answer)) == (200, [])
        assert "next" not in answer, "that there is more would tell of rows"


def test_open_ones_come_first(standing: Service) -> None:
    token = tokens.token("omar", "write:dossier:mou:*", clearance="secret")
    assert call(standing, token, "PUT", "/v1/commitments/done", COMMITMENT | {"due_date": "2026-01-31"})[0] == 200
    assert call(standing, token, "POST", "/v1/commitments/done/complete")[0] == 200
    found = call(standing, operator(), "GET", "/v1/commitments")[1]["commitments"]
    assert [row["state"] for row in found[:3]] == ["open"] * 3
    assert found[-1]["commitment_id"] == "done"
    assert call(standing, token, "DELETE", "/v1/commitments/done")[0] == 200


def test_the_nodes_tell_whether_each_is_ready_and_its_figures(standing: Service) -> None:
    (node,) = call(standing, operator(), "GET", "/v1/nodes")[1]["nodes"]
    assert (node["node"], node["ready"]) == ("test", True)
    assert abs(node["at"] - time.time()) < 3_600, "Unix seconds"
    assert node["values"]["sessions"] >= 3


def test_the_limits_tell_who_is_past_one_who_comes_near_and_whose_are_lifted(standing: Service) -> None:
    async def pings(user: str, count: int) -> Client:
        client = await Client.connect(standing, tokens.token(user, name=user.title()))
        for _ in range(count):
            await client.send({"type": "ping"})
        return client

    async def scene() -> dict[str, Any]:
        clients = [await pings("calm", 3), await pings("near", 19), await pings("past", 23)]
        await clients[1].receive("rate_limit_warning")
        await clients[2].receive("rate_limit_exceeded")
        status, answer = await asyncio.to_thread(call, standing, operator(), "GET", "/v1/limits")
        assert status == 200, answer
        for client in clients:
            await client.close()
        return {row["user_id"]: row for row in answer["limits"]} | {"order": [row["state"] for row in answer["limits"]]}

    found = asyncio.run(scene())
    past, near = found["past"], found["near"]
    assert (past["class"], past["state"], past["rate"], past["limit"]) == ("ping", "exceeded", 20, 20)
    assert past["refused"] >= 1
    assert past["name"] == "Past"
    assert (near["class"], near["state"], near["rate"]) == ("ping", "warned", 19)
    assert "calm" not in found
    assert found["lifted-0"]["state"] == "lifted"
    assert "name" not in found["lifted-0"], "there is no session of that user"
    assert found["order"] == sorted(found["order"], key=["exceeded", "warned", "lifted"].index)
    for row in (past, near, found["lifted-0"]):
        assert row["until"] > time.time() - 3_600


def test_alerts_of_programs_stand_in_the_list_until_they_are_acknowledged(service: Service) -> None:
    recipient = "of-a-program"
    program = tokens.token("program", "write:user:*", "write:dossier:mou:*", role="service", clearance="secret")
    raised = alert("only-raised", 1, recipient, mou_id="m-raised")
    assert call(service, program, "POST", "/v1/publish", {"events": [raised]})[0] == 200

    def found(token: str) -> Any:
        status, answer = call(service, token, "GET", "/v1/commitments?mou=" + raised["payload"]["mou_id"])
        assert status == 200, answer
        return next((row for row in answer["commitments"] if row["commitment_id"] == "only-raised"), None)

    for token in (operator(), tokens.token(recipient)):
        row = found(token)
        assert row["registered"] is False
        assert (row["state"], row["alert_level"], row["title"]) == ("open", 1, raised["payload"]["title"])
        assert row["levels"][0]["raised_to"] == [recipient]
    assert found(tokens.token("another", "read:dossier:mou:*")) is None, "it came on the channel of another user"
    secret = {"classification": "secret"}
    assert call(service, operator(), "PUT", "/v1/channels/dossier:mou:m-raised", secret)[0] == 200
    assert found(tokens.token(recipient)) is None, "the MoU is above the recipient's clearance now"
    assert found(operator())["classification"] == "secret"
    assert call(service, operator(), "POST", "/v1/commitments/only-raised/ack", {})[0] == 200
    row = found(operator())
    assert (row["state"], row["by"]) == ("acknowledged", "operator")
    assert (
        call(
            service, program, "POST", "/v1/publish", {"events": [alert("only-raised", 2, recipient, mou_id="m-raised")]}
        )[0]
        == 200
    )
    assert (found(operator())["state"], found(operator())["alert_level"]) == ("open", 2)
    office = tokens.token("omar", "write:dossier:mou:*", clearance="secret")
    body = COMMITMENT | {"mou_id": raised["payload"]["mou_id"]}
    assert call(service, office, "PUT", "/v1/commitments/only-raised", body)[0] == 200
    assert "registered" not in found(operator()), "from now on it is what is registered, once"
