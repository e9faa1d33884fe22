"""Quotas of one user: each channel is a message, and a day has its channels and its bytes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import lifecycle
from app.core.ratelimit import Limits, RateLimiter
from app.engine.embedded.quotas import stored_quotas
from app.engine.ports.limits import Spent
from app.services import quotas
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.in_process import running
from tests.harness.measurements import Report
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client, Message, Raw, Response, request

UPDATE: Message = {
    "type": "dossier_update",
    "payload": {"entity_type": "country", "entity_id": "u", "operation": "update", "fields_changed": ["a"]},
}
RIGHTS = ("write:dossier:*", "write:document:*", "admin:*")


async def _call(service: Service, method: str, path: str, token: str, body: Any) -> Response:
    data = msgspec.json.encode(body)
    headers = (
        ("Host", "localhost"),
        ("Authorization", f"Bearer {token}"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(data))),
    )
    raw = await Raw.open(service)
    await raw.send(request(method, path, *headers, body=data))
    answer = await raw.response()
    await raw.close()
    return answer


def _to(*channels: str) -> Message:
    return {"events": [UPDATE | {"channels": list(channels)}]}


def _channels(count: int, first: int = 0) -> list[str]:
    return [f"dossier:country:c{number}" for number in range(first, first + count)]


def run(tmp_path: Path, settings: Overrides, scene: Any) -> None:
    with Service(tmp_path / "s", settings) as service:
        asyncio.run(scene(service))
        service.stop()
        service.assert_log_clean()


def test_each_channel_of_an_event_is_a_message_of_the_senders_rate(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        token = tokens.token("u-1", *RIGHTS)
        assert (await _call(service, "POST", "/v1/publish", token, _to(*_channels(60)))).status == 200
        refused = await _call(service, "POST", "/v1/publish", token, _to(*_channels(60)))
        assert (refused.status, refused.json()["error_code"]) == (429, "RATE_LIMIT_EXCEEDED")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        async with await Client.connect(service, token) as client:  # 60, the refused call itself, and so 39 more
            await client.send(*([UPDATE | {"channel": "dossier:country:c1"}] * 40))
            await client.settle()
            refusals = [one for one in client.messages if one.get("error_code") == "RATE_LIMIT_EXCEEDED"]
            assert len(refusals) == 1
        system = tokens.token("system", *RIGHTS, role="service")
        assert (await _call(service, "POST", "/v1/publish", system, _to(*_channels(1000)))).status == 200

    run(tmp_path, {}, scene)


def test_channels_begun_in_a_day_are_counted_and_writing_to_others_goes_on(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        token = tokens.token("u-1", *RIGHTS)
        assert (await _call(service, "POST", "/v1/publish", token, _to(*_channels(5)))).status == 200
        refused = await _call(service, "POST", "/v1/publish", token, _to("dossier:country:new"))
        assert (refused.status, refused.json()["error_code"]) == (429, "RATE_LIMIT_EXCEEDED")
        assert (await _call(service, "POST", "/v1/publish", token, _to(*_channels(5)))).status == 200
        async with await Client.connect(service, token) as client:
            await client.send(UPDATE | {"channel": "dossier:country:new", "ref": "r1"})
            error = await client.expect_error("RATE_LIMIT_EXCEEDED", ref="r1")
            assert error["retry_after"] > 3600
            await client.subscribe("document:d")
            edit = {"operation_type": "insert", "position": 0, "content": "x", "version": 0}
            await client.send({"type": "edit_operation", "channel": "document:d", "payload": edit, "ref": "r2"})
            await client.expect_error("RATE_LIMIT_EXCEEDED", ref="r2")
        put = await _call(service, "PUT", "/v1/documents/d2", token, {"content": "x"})
        assert (put.status, put.json()["error_code"]) == (429, "RATE_LIMIT_EXCEEDED")
        system = tokens.token("system", *RIGHTS, role="service")
        assert (await _call(service, "POST", "/v1/publish", system, _to(*_channels(20, 100)))).status == 200

    run(tmp_path, {"limits.channels": 5}, scene)


def test_bytes_stored_in_a_day_are_counted_over_events_and_documents(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        token = tokens.token("u-1", *RIGHTS)
        assert (await _call(service, "PUT", "/v1/documents/d", token, {"content": "x" * 900_000})).status == 200
        refused = await _call(service, "PUT", "/v1/documents/d2", token, {"content": "x" * 900_000})
        assert (refused.status, refused.json()["error_code"]) == (429, "RATE_LIMIT_EXCEEDED")
        assert "retry-after" in refused.headers
        assert (await _call(service, "PUT", "/v1/documents/d2", token, {"content": "short"})).status == 200
        lift = await _call(service, "POST", "/v1/users/u-1/limits/lift", tokens.operator(), {"seconds": 60})
        assert lift.status == 200
        assert (await _call(service, "PUT", "/v1/documents/d3", token, {"content": "x" * 900_000})).status == 200

    run(tmp_path, {"limits.stored_mib": 1}, scene)


def test_a_text_that_is_rewritten_all_over_stops_nobody_and_makes_few_versions(tmp_path: Path, report: Report) -> None:
    async def scene(service: Service) -> None:
        token = tokens.token("u-1", *RIGHTS, role="service")
        lines = [f"line {number} " + "word " * 40 for number in range(3_000)]
        before, after = "\n".join(lines), "\n".join(line.upper() if n % 2 else line for n, line in enumerate(lines))
        assert (await _call(service, "PUT", "/v1/documents/d", token, {"content": before})).status == 200
        async with await Client.connect(service, token) as editor:
            subscribed = await editor.subscribe("document:d")
            first = subscribed["document"]["version"]
            data = msgspec.json.encode({"content": after})
            raw = await Raw.open(service)
            headers = (("Host", "localhost"), ("Authorization", f"Bearer {token}"), ("If-Match", str(first)))
            length = ("Content-Length", str(len(data)))
            await raw.send(request("PUT", "/v1/documents/d", *headers, length, body=data))
            answer = asyncio.create_task(raw.response())
            pings = 0
            while not answer.done():
                await editor.ask({"type": "unsubscribe", "channel": "global"})
                pings += 1
            reply = await answer
            await raw.close()
            assert reply.status == 200, reply
            last = reply.json()["version"]
            assert last - first <= 500
            while (await editor.receive("remote_operation"))["payload"]["version"] < last:
                pass
            read = await editor.ask({"type": "unsubscribe", "channel": "document:d"})
            assert read["type"] == "unsubscribed"
            again = await editor.subscribe("document:d")
            assert again["document"]["content"] == after
        stall = service.metrics()["dossier_loop_stall_seconds"]
        report(f"{len(after)} characters: {last - first} versions, {pings} answers meanwhile, longest turn {stall:.3f}")

    run(tmp_path, {"limits.roles.service.general": 1_000_000}, scene)


def test_a_resend_under_its_key_costs_nothing_of_the_day(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        async with await Client.connect(service, tokens.token("u-1", *RIGHTS)) as client:
            event = UPDATE | {"channel": "dossier:country:a", "idempotency_key": "k"}
            first = await client.ask(event)
            for _ in range(3):
                assert (await client.ask(event))["offset"] == first["offset"]
            await client.ask(UPDATE | {"channel": "dossier:country:b"})
            error = await client.ask(UPDATE | {"channel": "dossier:country:c"})
            assert error["error_code"] == "RATE_LIMIT_EXCEEDED"

    run(tmp_path, {"limits.channels": 2}, scene)


def test_what_no_window_is_long_enough_for_is_refused_for_good(tmp_path: Path) -> None:
    """It costs nothing: the next call that fits is taken."""

    async def scene(service: Service) -> None:
        token = tokens.token("u-1", *RIGHTS)
        refused = await _call(service, "POST", "/v1/publish", token, _to(*_channels(150)))
        assert (refused.status, refused.headers.get("retry-after")) == (400, None)
        told = refused.json()
        assert (told["error_code"], told["index"]) == ("INVALID_MESSAGE_FORMAT", 0)
        assert told["path"] == "$.events[0].channels"
        assert "at most 100 at once" in told["message"]
        single = {"events": [*_to(*_channels(100))["events"], UPDATE | {"channel": "dossier:country:c1"}]}
        told = (await _call(service, "POST", "/v1/publish", token, single)).json()
        assert (told["index"], told["path"]) == (1, "$.events[1]")
        fits = tokens.token("u-2", *RIGHTS)
        assert (await _call(service, "POST", "/v1/publish", fits, _to(*_channels(100)))).status == 200
        system = tokens.token("system", *RIGHTS, role="service")
        assert (await _call(service, "POST", "/v1/publish", system, _to(*_channels(150)))).status == 200
        text = {"content": "x" * (2 << 20)}
        refused = await _call(service, "PUT", "/v1/documents/d1", tokens.token("u-3", *RIGHTS), text)
        assert (refused.status, refused.headers.get("retry-after")) == (413, None)
        assert "1048576 bytes" in refused.json()["message"]
        system_put = await _call(service, "PUT", "/v1/documents/d1", system, {"content": "x" * (1 << 20)})
        assert system_put.status == 400, "a day does not store so much"
        assert "1048576 bytes are stored in a day" in system_put.json()["message"]

    run(tmp_path, {"limits.bytes_mib": 1, "limits.stored_mib": 1, "limits.roles.service.stored_mib": 1}, scene)


def test_a_day_goes_on_over_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "KEEP_SECONDS", 0.01)
    settings: Overrides = {"limits.channels": 3, "limits.stored_mib": 1}

    async def call(service: lifecycle.Service, first: int, count: int) -> int:
        headers = {"Authorization": f"Bearer {tokens.token('u-1', *RIGHTS)}"}
        address = f"http://127.0.0.1:{service.port}"
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=HANG_SECONDS) as caller:
            return (await caller.post("/v1/publish", json=_to(*_channels(count, first)))).status_code

    async def scene() -> None:
        async with running(tmp_path / "data", settings) as service:
            assert await call(service, 0, 2) == 200
        kept: list[Spent] = []
        async with running(tmp_path / "data", settings) as service:
            assert await call(service, 2, 2) == 429
            assert await call(service, 2, 1) == 200
            while len(kept) < 2:  # what a crash would find
                kept = await service.engine._writer.submit(stored_quotas)  # type: ignore[attr-defined]  # the embedded one
        assert {(one.user_id, one.kind): one.amount for one in kept}["u-1", "channels"] in (2, 3)
        async with running(tmp_path / "data", settings) as service:
            assert await call(service, 3, 1) == 429
            assert await call(service, 0, 3) == 200

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


@given(
    spent=st.lists(st.tuples(st.integers(0, 5), st.floats(0, 2 * 86_400), st.integers(1, 10)), max_size=12),
    pause=st.floats(0, 86_400),
)
def test_what_was_kept_is_counted_on(spent: list[tuple[int, float, int]], pause: float) -> None:
    """As if the process had gone on: of whatever was spent, at whatever times before a pause of any length."""
    limiter = RateLimiter(Limits(channels=10), window=86_400.0)
    for user, at, cost in sorted(spent, key=lambda one: one[1]):
        limiter.spend(f"u{user}", "", "channels", at, cost)
    end, again = 2 * 86_400.0, RateLimiter(Limits(channels=10), window=86_400.0)
    kept = [(f"u{user}", limiter.spent(f"u{user}", "channels", end)) for user in range(6)]
    for user_id, (age, count) in sorted(kept, key=lambda one: -one[1][0]):
        again.reopen(user_id, "channels", (age + pause, count), pause)
    for user_id, _ in kept:
        one = limiter.spend(user_id, "", "channels", end + pause, 4)
        other = again.spend(user_id, "", "channels", pause, 4)
        assert (one.allowed, other.allowed) in ((True, True), (False, False))
