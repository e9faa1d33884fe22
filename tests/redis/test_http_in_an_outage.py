"""While Redis does not answer, every HTTP call says so: none breaks, and none answers from what was known before."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.core.schema.calls import CALLS
from tests.harness.eventually import eventually
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.web.conftest import ROOMY
from tests.web.test_openapi import ASKED, Asked, send

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
