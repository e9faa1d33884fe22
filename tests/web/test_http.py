"""The HTTP addresses as a black box: publishing, what operators call, health, descriptions. Bad input has its own
suite, in tests/hostile."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from app.core.schema.asyncapi import asyncapi
from app.core.schema.json_schema import json_schema
from app.core.schema.openapi import openapi
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import Service
from tests.harness.wire import Client, Message, Raw, request

_numbers = itertools.count(1)
_DESCRIBED = {"/v1/schema.json": json_schema, "/v1/asyncapi.json": asyncapi, "/v1/openapi.json": openapi}


def fresh() -> str:
    """A channel that nobody has used."""
    return f"dossier:http:{next(_numbers)}"


def update(channel: str | None, entity: str = "e1") -> Message:
    """An event for a dossier; `channel` None: the caller adds `channels`."""
    payload = {"entity_type": "country", "entity_id": entity, "operation": "update", "fields_changed": ["name"]}
    event: Message = {"type": "dossier_update", "payload": payload}
    return event if channel is None else event | {"channel": channel}


class Caller:
    """Somebody who calls, with one token."""

    def __init__(self, service: Service, http: httpx.Client, sub: str, *permissions: str, **claims: Any) -> None:
        self.token = service.token(sub, *permissions, **claims)
        self._http = http

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._http.request(method, path, json=body, headers={"Authorization": f"Bearer {self.token}"} | named)

    def publish(self, *events: Message, **headers: str) -> httpx.Response:
        return self("POST", "/v1/publish", {"events": list(events)}, **headers)


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.http, timeout=HANG_SECONDS) as client:
        yield client


@pytest.fixture
def publisher(service: Service, http: httpx.Client) -> Caller:
    return Caller(service, http, "publisher", "write:dossier:*", name="The Publisher")


@pytest.fixture
def operator(service: Service, http: httpx.Client) -> Caller:
    return Caller(service, http, "operator", "admin:*", clearance="secret")


def refused(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body.keys() <= {"error_code", "message", "index", "path"}
    assert body["message"]
    return answer.status_code, body["error_code"]


# --- publishing -----------------------------------------------------------------------------------------------


def test_a_published_event_reaches_subscribers_stamped_and_numbered(service: Service, publisher: Caller) -> None:
    channel = fresh()

    async def scenario() -> tuple[Message, Message, httpx.Response]:
        async with await Client.connect(service, service.token("reader", "read:dossier:*")) as reader:
            position = (await reader.subscribe(channel))["position"]
            answer = await asyncio.to_thread(publisher.publish, update(channel))
            return position, await reader.receive("dossier_update"), answer

    before = int(time.time())
    position, event, answer = asyncio.run(scenario())
    assert answer.status_code == 200
    assert answer.json() == {"results": [{"channel": channel, "offset": 1, "epoch": position["epoch"]}]}
    assert event["payload"].pop("timestamp") in range(before, int(time.time()) + 1)
    assert event["payload"].pop("updated_by") == {"user_id": "publisher", "name": "The Publisher"}
    assert event == update(channel) | {"offset": 1}


def test_one_event_to_many_channels_and_many_events_in_one_call_keep_their_order(publisher: Caller) -> None:
    one, two = fresh(), fresh()
    answer = publisher.publish(update(None) | {"channels": [one, two]}, update(one, "e2"), update(two, "e3"))
    placed = [(result["channel"], result["offset"]) for result in answer.json()["results"]]
    assert placed == [(one, 1), (two, 1), (one, 2), (two, 2)]


@pytest.mark.parametrize(
    ("bad", "status", "code", "path"),
    [
        ({"type": "nothing"}, 400, "INVALID_MESSAGE_FORMAT", "$.events[1].type"),
        ({"payload": {"entity_id": 5}}, 400, "INVALID_MESSAGE_FORMAT", "$.events[1].payload.entity_id"),
        ({"payload": {"surprise": 1}}, 400, "INVALID_MESSAGE_FORMAT", "$.events[1].payload"),
        ({"channel": "dossier:"}, 400, "INVALID_MESSAGE_FORMAT", "$.events[1].channel"),
        ({"channel": "nowhere:1"}, 400, "CHANNEL_NOT_FOUND", "$.events[1].channel"),
        ({"channel": "workspace:1"}, 400, "INVALID_MESSAGE_FORMAT", "$.events[1].type"),
        ({"channel": "dossier:secret:1"}, 403, "PERMISSION_DENIED", "$.events[1]"),
        (
            {"payload": {"updated_by": {"user_id": "x", "name": "X"}}},
            403,
            "PERMISSION_DENIED",
            "$.events[1].payload.updated_by",
        ),
    ],
)
def test_a_bad_event_is_named_and_none_of_its_batch_is_published(
    publisher: Caller, operator: Caller, bad: Message, status: int, code: str, path: str
) -> None:
    channel = fresh()
    wrong = update(channel) | bad
    wrong["payload"] = update(channel)["payload"] | bad.get("payload", {})
    answer = publisher.publish(update(channel), wrong)
    assert refused(answer) == (status, code)
    assert (answer.json()["index"], answer.json()["path"]) == (1, path)
    assert operator("GET", f"/v1/channels/{channel}/history").json()["events"] == []


def test_a_key_gets_its_first_answer_again_also_over_the_socket_and_a_restart(tmp_path: Any) -> None:
    channel = fresh()
    with Service(tmp_path / "data") as service, httpx.Client(base_url=service.http, timeout=HANG_SECONDS) as http:
        publisher = Caller(service, http, "publisher", "write:dossier:*")
        first = publisher.publish(update(channel), Idempotency_Key="k1")
        assert first.status_code == 200
        service.restart(hard=True)
        assert publisher.publish(update(channel), Idempotency_Key="k1").json() == first.json()
        other = publisher.publish(update(channel, "other"), Idempotency_Key="k1")
        assert refused(other) == (409, "INVALID_MESSAGE_FORMAT")
        somebody = Caller(service, http, "somebody", "write:dossier:*")
        assert somebody.publish(update(channel), Idempotency_Key="k1").json()["results"][0]["offset"] == 2
    service.assert_log_clean()


def test_a_thousand_parallel_posts_with_one_key_are_one_message(
    service: Service, publisher: Caller, operator: Caller
) -> None:
    """W11."""
    channel = fresh()
    body = msgspec.json.encode({"events": [update(channel)]})
    data = request(
        "POST",
        "/v1/publish",
        ("Host", "localhost"),
        ("Authorization", f"Bearer {publisher.token}"),
        ("Idempotency-Key", f"only-{channel}"),
        ("Content-Length", str(len(body))),
        body=body,
    )

    async def scenario() -> set[bytes]:
        raws = await asyncio.gather(*(Raw.open(service) for _ in range(1000)))
        await asyncio.gather(*(raw.send(data) for raw in raws))
        answers = await asyncio.gather(*(raw.response() for raw in raws))
        await asyncio.gather(*(raw.close() for raw in raws))
        assert {answer.status for answer in answers} == {200}
        return {answer.body for answer in answers}

    (answer,) = asyncio.run(scenario())
    assert msgspec.json.decode(answer)["results"][0]["offset"] == 1
    assert len(operator("GET", f"/v1/channels/{channel}/history").json()["events"]) == 1


def test_a_user_receives_what_is_published_for_them_without_subscribing(service: Service, http: httpx.Client) -> None:
    publisher = Caller(service, http, "publisher", "write:user:*")
    text = {"en": "Expiring", "ar": "على وشك الانتهاء"}
    payload = {"id": "n1", "title": text, "message": text}
    notification = {"type": "notification", "channel": "user:receiver", "priority": "high", "payload": payload}

    async def scenario() -> tuple[Message, int]:
        async with await Client.connect(service, service.token("receiver")) as receiver:
            answer = await asyncio.to_thread(publisher.publish, notification)
            return await receiver.receive("notification"), answer.status_code

    received, status = asyncio.run(scenario())
    assert status == 200
    assert received["payload"]["title"] == text
    assert (received["priority"], received["channel"]) == ("high", "user:receiver")


# --- operators ------------------------------------------------------------------------------------------------


def test_a_session_is_listed_with_its_channels_and_ended(service: Service, operator: Caller) -> None:
    channel = fresh()

    async def scenario() -> Message:
        client = await Client.connect(service, service.token("listed", "read:dossier:*", name="Listed", role="editor"))
        await client.subscribe(channel)
        session = client.login["session_id"]
        rows = (await asyncio.to_thread(operator, "GET", "/v1/sessions")).json()["sessions"]
        (row,) = [row for row in rows if row["session_id"] == session]
        ended = await asyncio.to_thread(operator, "DELETE", f"/v1/sessions/{session}")
        assert (ended.status_code, ended.json()) == (200, {"ended": 1})
        await client.expect_error("INVALID_TOKEN")
        await client.expect_close(4501)
        await client.close()
        assert refused(await asyncio.to_thread(operator, "DELETE", f"/v1/sessions/{session}")) == (404, "NOT_FOUND")
        return dict(row)

    row = asyncio.run(scenario())
    assert (row["user_id"], row["name"], row["role"]) == ("listed", "Listed", "editor")
    assert row["address"] == "127.0.0.1"
    assert row["channels"] == [channel, "user:listed"]


def test_all_sessions_of_a_user_are_ended_and_nobody_elses(service: Service, operator: Caller) -> None:
    async def scenario() -> None:
        three = [await Client.connect(service, service.token("sent-off")) for _ in range(3)]
        async with await Client.connect(service, service.token("stays")) as other:
            answer = await asyncio.to_thread(operator, "POST", "/v1/users/sent-off/disconnect")
            assert (answer.status_code, answer.json()) == (200, {"ended": 3})
            for client in three:
                await client.expect_close(4501)
                await client.close()
            await other.settle()

    asyncio.run(scenario())


@pytest.mark.parametrize("named", ["jti", "user"])
def test_a_revoked_token_ends_its_sessions_and_is_good_for_nothing(
    service: Service, http: httpx.Client, operator: Caller, named: str
) -> None:
    caller = Caller(service, http, f"revoked-by-{named}", "write:dossier:*", jti=f"jti-{named}")
    whom = {"jti": f"jti-{named}"} if named == "jti" else {"user": f"revoked-by-{named}"}

    async def scenario() -> None:
        client = await Client.connect(service, caller.token)
        answer = await asyncio.to_thread(operator, "POST", "/v1/tokens/revoke", whom)
        assert (answer.status_code, answer.json()) == (200, {"revoked": True})
        await client.expect_close(4501)
        await client.close()

    assert caller.publish(update(fresh())).status_code == 200
    asyncio.run(scenario())
    answer = caller.publish(update(fresh()))
    assert refused(answer) == (401, "INVALID_TOKEN")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("body", [{}, {"user": ""}, {"jti": ""}, {"user": "nora", "jti": "t-1"}])
def test_a_revocation_that_names_nobody_is_refused(operator: Caller, body: dict[str, str]) -> None:
    assert refused(operator("POST", "/v1/tokens/revoke", body)) == (400, "INVALID_MESSAGE_FORMAT")


def test_a_channel_that_was_used_is_listed_with_all_that_holds_on_it(
    service: Service, publisher: Caller, operator: Caller
) -> None:
    channel = fresh()
    publisher.publish(update(channel))

    async def scenario() -> Message:
        async with await Client.connect(service, service.token("reader", "read:dossier:*")) as reader:
            await reader.subscribe(channel)
            rows = (await asyncio.to_thread(operator, "GET", "/v1/channels")).json()["channels"]
            (row,) = [row for row in rows if row["channel"] == channel]
            return dict(row)

    row = asyncio.run(scenario())
    assert row.pop("position")["offset"] == 1
    settings = {"classification": "internal", "presence": True, "history": True, "frozen": False}
    assert row == {"channel": channel, "settings": settings, "users": 1, "subscribers": 1}


def test_settings_are_read_and_changed_and_hold_at_once(service: Service, publisher: Caller, operator: Caller) -> None:
    channel = fresh()

    async def scenario() -> None:
        async with await Client.connect(service, service.token("reader", "read:dossier:*")) as reader:
            await reader.subscribe(channel)
            frozen = await asyncio.to_thread(operator, "PUT", f"/v1/channels/{channel}", {"frozen": True})
            assert frozen.json()["settings"]["frozen"] is True
            assert refused(await asyncio.to_thread(publisher.publish, update(channel))) == (403, "PERMISSION_DENIED")
            body = {"frozen": False, "classification": "secret"}
            await asyncio.to_thread(operator, "PUT", f"/v1/channels/{channel}", body)
            await reader.expect_error("SUBSCRIPTION_FAILED", channel=channel)
            await reader.receive("unsubscribed", channel=channel)

    asyncio.run(scenario())
    read = operator("GET", f"/v1/channels/{channel}")
    assert (read.status_code, read.json()["settings"]["classification"]) == (200, "secret")


def test_presence_is_told_to_the_channels_admin(service: Service, operator: Caller) -> None:
    channel = fresh()

    async def scenario() -> Message:
        async with await Client.connect(service, service.token("present", "read:dossier:*", name="P")) as client:
            await client.subscribe(channel)
            answer = await asyncio.to_thread(operator, "GET", f"/v1/channels/{channel}/presence")
            return dict(answer.json())

    answer = asyncio.run(scenario())
    assert answer["channel"] == channel
    assert [(user["user_id"], user["name"]) for user in answer["presence"]["users"]] == [("present", "P")]
    assert answer["presence"]["count"] == 1


def test_history_is_read_page_by_page_oldest_first(publisher: Caller, operator: Caller) -> None:
    channel = fresh()
    publisher.publish(*(update(channel, f"e{n}") for n in range(1, 8)))
    seen: list[str] = []
    while True:
        page = operator("GET", f"/v1/channels/{channel}/history?after={len(seen)}&limit=3").json()
        assert page["position"]["offset"] == 7
        if not page["events"]:
            break
        seen += [event["payload"]["entity_id"] for event in page["events"]]
        assert page["events"][-1]["offset"] == len(seen)
    assert seen == [f"e{n}" for n in range(1, 8)]
    last = operator("GET", f"/v1/channels/{channel}/history?limit=2").json()["events"]
    assert [event["offset"] for event in last] == [6, 7]


# --- rights ---------------------------------------------------------------------------------------------------

_OF_ALL = [
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions/unknown"),
    ("POST", "/v1/users/nobody-at-all/disconnect"),
    ("POST", "/v1/tokens/revoke"),
    ("GET", "/v1/channels"),
    ("GET", "/v1/nodes"),
    ("GET", "/v1/limits"),
]
_OF_ONE = [
    ("GET", "/v1/channels/dossier:rights:1"),
    ("PUT", "/v1/channels/dossier:rights:1"),
    ("GET", "/v1/channels/dossier:rights:1/presence"),
    ("GET", "/v1/channels/dossier:rights:1/history"),
]


@pytest.mark.parametrize(("method", "path"), _OF_ALL)
def test_what_names_no_channel_needs_admin_of_all(
    service: Service, http: httpx.Client, operator: Caller, method: str, path: str
) -> None:
    for permissions in (("write:*",), ("admin:dossier:*", "admin:user:*", "admin:global"), ("admin:*:*",)):
        caller = Caller(service, http, "almost", *permissions, clearance="secret")
        assert refused(caller(method, path, {})) == (403, "PERMISSION_DENIED")
    assert operator(method, path, {}).status_code in (200, 400, 404)


@pytest.mark.parametrize(("method", "path"), _OF_ONE)
def test_what_names_a_channel_needs_admin_of_it_and_its_clearance(
    service: Service, http: httpx.Client, method: str, path: str
) -> None:
    for permissions, clearance in (
        (("write:*",), "secret"),
        (("admin:dossier:rights:2",), "secret"),
        (("admin:dossier:rights:1",), "public"),
    ):
        caller = Caller(service, http, "almost", *permissions, clearance=clearance)
        assert refused(caller(method, path, {})) == (403, "PERMISSION_DENIED")
    assert Caller(service, http, "admin-of-one", "admin:dossier:rights:1")(method, path, {}).status_code == 200


@pytest.mark.parametrize(("method", "path"), [*_OF_ALL, *_OF_ONE, ("POST", "/v1/publish")])
def test_without_a_good_token_nobody_gets_anything(
    service: Service, http: httpx.Client, method: str, path: str
) -> None:
    for headers in ({}, {"Authorization": "Bearer no.good.token"}, {"Authorization": service.token("u-1", "admin:*")}):
        answer = http.request(method, path, json={}, headers=headers)
        assert refused(answer) == (401, "INVALID_TOKEN")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_every_call_with_a_token_is_in_the_journal(tmp_path: Path) -> None:
    """By a service of its own: past ten refusals a second from one address, the rest is counted."""
    expected = []
    with Service(tmp_path / "data") as service, httpx.Client(base_url=service.http, timeout=HANG_SECONDS) as http:
        caller = Caller(service, http, "in-the-journal", "admin:dossier:rights:1")
        for method, path in [*_OF_ALL, *_OF_ONE, ("POST", "/v1/publish"), ("GET", "/v1/publish")]:
            status = caller(method, f"{path}?token=must-not-be-kept", {}).status_code
            if status != 405:  # answered before anybody asks who calls
                expected.append((method, path, status))
    assert {status for _, _, status in expected} == {200, 400, 403}

    def kept() -> list[tuple[object, ...]]:
        mine = [e.header for e in service.journal() if (e.header.kind, e.header.user) == ("http", "in-the-journal")]
        return [(header.detail["method"], header.detail["path"], header.detail["status"]) for header in mine]

    assert kept() == expected  # the journal of a service that was stopped is written to its end


def test_the_reason_that_a_caller_gives_is_in_the_journal(service: Service, http: httpx.Client) -> None:
    caller = Caller(service, http, "with-a-reason", "admin:*")
    assert caller("POST", "/v1/users/nobody/disconnect", {}, X_Reason=quote("طلب الأمن / asked by security")).is_success
    kept = eventually(lambda: [e.header.detail for e in service.journal() if e.header.user == "with-a-reason"])
    assert kept[0]["reason"] == "طلب الأمن / asked by security"


# --- health and description -----------------------------------------------------------------------------------


def test_a_running_service_is_alive_and_ready(http: httpx.Client) -> None:
    assert (http.get("/healthz").status_code, http.get("/healthz").json()) == (200, {"status": "alive"})
    ready = http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert {"engine", "journal", "accepting"} <= ready.json()["checks"].keys()


def test_metrics_count_and_name_nobody(tmp_path: Path) -> None:
    """By a service of its own: briefs that other tests left open end by themselves, with an event each."""
    with Service(tmp_path / "data") as service, httpx.Client(base_url=service.http, timeout=HANG_SECONDS) as http:
        publisher = Caller(service, http, "publisher", "write:dossier:*", name="The Publisher")
        before = service.metrics()["dossier_events_published_total"]
        assert publisher.publish(update("dossier:metrics:unmistakable")).status_code == 200
        assert service.metrics()["dossier_events_published_total"] == before + 1
        text = service.get("/metrics")[1].decode()
    service.assert_log_clean()
    assert "unmistakable" not in text
    assert "publisher" not in text


def test_schema_asyncapi_and_openapi_are_those_of_the_message_types(http: httpx.Client) -> None:
    for path, describe in _DESCRIBED.items():
        answer = http.get(path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.json() == msgspec.json.decode(msgspec.json.encode(describe()))


def test_every_answer_forbids_sniffing_framing_and_storing(http: httpx.Client) -> None:
    for path in ("/healthz", "/metrics", "/v1", "/v1/publish", "/nowhere"):
        headers = http.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Server" not in headers
