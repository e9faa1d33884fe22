"""While Redis does not answer, every HTTP call says so: none breaks, and none answers from what was known before."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from app.core.schema.calls import CALLS
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually, eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.web.conftest import ROOMY
from tests.web.test_openapi import ASKED, CHANNEL, Asked, send

ASK_THE_STORE = {
    "list_sessions",
    "list_nodes",
    "list_channels",
    "list_briefs",
    "list_commitments",
    "list_relationships",
    "list_tasks",
    "list_comments",
    "list_snapshots",
    "read_inbox",
    "read_history",
    "read_document",
    "read_commitment",
    "read_brief",
    "read_presence",
    "publish",
    "write_document",
    "revoke_tokens",
}
"""Some calls, none of which can be answered without the store; the others may refuse before they ask it."""


def test_each_call_says_that_the_store_does_not_answer_and_works_after_it(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "redis") as server,
        Service(tmp_path / "data", ROOMY | {"storage.engine": server.url}) as service,
    ):
        token = service.token("operator", "admin:*", "write:*", clearance="secret")
        server.signal(signal.SIGSTOP)
        with ThreadPoolExecutor(len(CALLS)) as threads:
            asked = [threads.submit(send, service, call, ASKED.get(call.name, Asked()), token) for call in CALLS]
            answers = {call.name: one.result() for call, one in zip(CALLS, asked, strict=True)}
        server.signal(signal.SIGCONT)
        told = {name: (answer.status_code, answer.text) for name, answer in answers.items()}
        assert [name for name, (status, _) in told.items() if status >= 500 and status != 503] == [], told
        for name, answer in answers.items():
            if answer.status_code == 503 and "readiness" not in name:
                assert answer.json()["error_code"] == "SERVICE_UNAVAILABLE", (name, answer.text)
                assert int(answer.headers["Retry-After"]) >= 1, name
        assert {name for name in ASK_THE_STORE if told[name][0] != 503} == set(), told
        (nodes,) = (call for call in CALLS if call.name == "list_nodes")
        eventually(lambda: send(service, nodes, Asked(), token).status_code == 200, service.log)
        service.assert_log_clean()


@asynchronous
async def test_who_is_present_is_not_answered_from_what_was_known_before(tmp_path: Path) -> None:
    """The node of a subscriber knows who was there. They may have left over another node since."""
    (presence,) = (call for call in CALLS if call.name == "read_presence")
    with (
        RedisServer(tmp_path / "redis") as server,
        Service(tmp_path / "data", ROOMY | {"storage.engine": server.url}) as service,
    ):
        token = service.token("operator", "admin:*", clearance="secret")
        async with await Client.connect(service, service.token("u-1", "read:*")) as client:
            await client.subscribe(CHANNEL, include_presence=True)

            async def asked() -> httpx.Response:
                return await asyncio.to_thread(send, service, presence, Asked({"channel": CHANNEL}), token)

            answer = await asked()
            assert [one["user_id"] for one in answer.json()["presence"]["users"]] == ["u-1"]
            server.signal(signal.SIGSTOP)
            answer = await asked()
            server.signal(signal.SIGCONT)
            assert (answer.status_code, answer.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")

            async def is_answered() -> bool:
                return (await asked()).status_code == 200

            await eventually_async(is_answered, service.log)
        service.assert_log_clean()
