"""Briefs of programs while Redis stands still: a report that was refused is no silence."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.harness import tokens
from tests.harness.eventually import eventually
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Message
from tests.web.conftest import ROOMY
from tests.web.test_actions import brief, call
from tests.web.test_actions import publish as publish_briefs
from tests.web.test_brief_workers import SAID, TEXT, ask, claim, report, waiting, worker

SILENCE_SECONDS = 10  # far more than a loaded machine takes between two reports of a program
STEP = {"stage": "generating", "progress": 40, "message": SAID}


def test_programs_whose_reports_were_refused_finish_their_briefs(tmp_path: Path) -> None:
    settings = ROOMY | {"briefs.silence_seconds": SILENCE_SECONDS}
    with (
        RedisServer(tmp_path / "redis") as server,
        Service(tmp_path / "data", settings | {"storage.engine": server.url}) as service,
    ):
        token = worker()
        ask(service, "ali", "SA", type="reported")
        reported = claim(service, token, "reported")
        abandoned = ask(service, "ali", "SA", type="abandoned")
        claim(service, token, "abandoned")
        assert publish_briefs(service, brief("r1", "started", "ali"))[0] == 200

        def reports() -> tuple[int, int]:
            of_worker = report(service, token, reported, "progress", **STEP)[0]
            return of_worker, publish_briefs(service, brief("r1", "progress", "ali"))[0]

        assert reports() == (200, 200)
        server.signal(signal.SIGSTOP)
        until = time.monotonic() + SILENCE_SECONDS + 2
        while time.monotonic() < until:  # the length is the matter of the test
            assert reports() == (503, 503)
        server.signal(signal.SIGCONT)
        eventually(lambda: is_taken(reports()), service.log)
        own = tokens.token("ali", "read:*")

        def has_failed() -> bool:
            assert reports() == (200, 200)
            return bool(state(service, own, abandoned)["state"] == "failed")

        eventually(has_failed, service.log)
        done = {"text": TEXT, "sources": [], "confidence_score": 0.8}
        assert report(service, token, reported, "complete", **done)[0] == 200
        assert publish_briefs(service, brief("r1", "complete", "ali"))[0] == 200
        ends = {event["request_id"]: event["type"].rpartition("_")[2] for event in waiting(service, "ali")}
        assert ends == {reported["brief"]["request_id"]: "complete", "r1": "complete", abandoned: "failed"}
        service.assert_log_clean()


def is_taken(answers: tuple[int, int]) -> bool:
    """Return whether both reports were taken; one that is refused is refused for the moment."""
    assert set(answers) <= {200, 503}, answers
    return answers == (200, 200)


def state(service: Service, token: str, request_id: str) -> Message:
    status, row = call(service, token, "GET", f"/v1/briefs/{request_id}")
    assert status == 200, row
    return row
