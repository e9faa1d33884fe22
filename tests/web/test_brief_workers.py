"""External programs that write briefs, and programs that went silent: each brief ends once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.core.briefs.job import BriefJob, Requester
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually
from tests.harness.in_process import running
from tests.harness.service import Service
from tests.harness.wire import Message
from tests.web.conftest import ROOMY
from tests.web.fresh import fresh
from tests.web.test_actions import brief, call, enter
from tests.web.test_actions import publish as publish_briefs
from tests.web.test_briefs import asking, assert_rises, publish, until_end, update

SAID = {"en": "Half of it is written", "ar": "كُتب نصفه"}
TEXT = {"en": "The capital changed.", "ar": "تغيّرت العاصمة."}


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes a pause of two seconds for silence."""
    with Service(tmp_path_factory.mktemp("silent") / "data", {**ROOMY, "briefs.silence_seconds": 2}) as service:
        yield service
    service.assert_log_clean()


def worker(*permissions: str, **claims: Any) -> str:
    return tokens.token(fresh("worker"), *(permissions or ("write:user:*", "read:*")), **claims)


def ask(service: Service, user: str, entity: str, **more: Any) -> str:
    token = tokens.token(user, "read:*", clearance=more.pop("clearance", "internal"))
    status, asked = call(service, token, "POST", "/v1/briefs", asking(entity, generator="worker", **more)["payload"])
    assert status == 202, asked
    return str(asked["request_id"])


def claim(service: Service, token: str, kind: str) -> Message:
    status, claimed = call(service, token, "POST", "/v1/briefs/claim", {"types": [kind]})
    assert status == 200, claimed
    return claimed


def asked_and_claimed(service: Service, user: str, token: str, kind: str) -> str:
    """Ask for a brief until one is claimed before its silence has failed it; return its id."""

    def claimed() -> str:
        request_id = ask(service, user, fresh("SA"), type=kind)
        status, answer = call(service, token, "POST", "/v1/briefs/claim", {"types": [kind]})
        assert status in (200, 404), answer
        return request_id if status == 200 and answer["brief"]["request_id"] == request_id else ""

    return eventually(claimed, "no brief was claimed in time")


def report(service: Service, token: str, claimed: Message, how: str, **body: Any) -> tuple[int, Message]:
    path = f"/v1/briefs/{claimed['brief']['request_id']}/{how}"
    return call(service, token, "POST", path, {"lease": claimed["lease"]} | body)


def test_a_worker_claims_reports_and_hands_in_a_brief(service: Service) -> None:
    entity, user, kind, token = fresh("SA"), fresh("ali"), fresh("kind").replace("-", "_"), worker()
    publish(service, update(entity, ["capital"]))

    async def scenario() -> None:
        async with await enter(service, user, "read:*") as ali:
            request_id = ask(service, user, entity, type=kind)
            claimed = claim(service, token, kind)
            assert claimed["brief"]["request_id"] == request_id
            (fact,) = [each for each in claimed["facts"] if each["section"] == "updates"]
            assert "capital" in fact["text"]["en"]
            assert call(service, token, "POST", "/v1/briefs/claim", {"types": [kind]})[0] == 404
            steps = [("analyzing", 10), ("generating", 40), ("generating", 40), ("generating", 60)]
            for stage, progress in steps:
                assert (
                    report(service, token, claimed, "progress", stage=stage, progress=progress, message=SAID)[0] == 200
                )
            for stage, progress in (("generating", 59), ("analyzing", 70)):
                status, answer = report(
                    service, token, claimed, "progress", stage=stage, progress=progress, message=SAID
                )
                assert (status, answer["path"]) == (400, "$.progress")
            done = {"text": TEXT, "sources": [fact["id"]], "confidence_score": 0.8, "model": "office-model"}
            assert report(service, token, claimed, "complete", **done)[0] == 200
            events = await until_end(ali, request_id)
            assert_rises(events)
            assert [m["payload"]["progress"] for m in events[1:-1]] == [10, 40, 60]
            assert events[-1]["payload"]["confidence_score"] == 0.8
            assert report(service, token, claimed, "complete", **done)[0] == 409
            assert report(service, token, claimed, "failed", error=SAID)[0] == 409
            read = call(service, tokens.token(user, "read:*"), "GET", f"/v1/briefs/{request_id}")[1]
            assert read["text"] == TEXT
            assert [source["id"] for source in read["sources"]] == [fact["id"]]

    asyncio.run(scenario())


def test_a_report_is_taken_of_the_holder_alone_and_whole(service: Service) -> None:
    kind, token = fresh("kind").replace("-", "_"), worker()
    ask(service, fresh("ali"), fresh("SA"), type=kind)
    claimed = claim(service, token, kind)
    step = {"stage": "analyzing", "progress": 1, "message": SAID}
    stolen, absent = claimed | {"lease": "x"}, {"brief": {"request_id": fresh("r")}, "lease": "x"}
    answers = [report(service, token, held, "progress", **step) for held in (stolen, absent)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
    person = tokens.token(fresh("ali"), "write:user:ali", "read:*")
    assert report(service, person, claimed, "progress", **step)[0] == 403
    good = {"text": TEXT, "sources": [], "confidence_score": 0.5}
    for how, body, path in (
        ("progress", step | {"message": "one language"}, "$.message"),
        ("progress", step | {"message": {"en": "a"}}, "$.message"),
        ("progress", step | {"stage": "dreaming"}, "$.stage"),
        ("progress", step | {"progress": 101}, "$.progress"),
        ("progress", step | {"more": 1}, "$"),
        ("complete", good | {"text": {"en": "The capital changed."}}, "$.text"),
        ("complete", good | {"text": {"ar": "تغيّرت العاصمة."}}, "$.text"),
        ("complete", good | {"text": TEXT | {"ar": ""}}, "$.text.ar"),
        ("complete", good | {"text": TEXT | {"ar": "English again"}}, "$.text.ar"),
        ("complete", good | {"text": TEXT | {"en": "عربية"}}, "$.text.en"),
        ("complete", good | {"sources": ["F99"]}, "$.sources[0]"),
        ("complete", good | {"confidence_score": 1.1}, "$.confidence_score"),
        ("failed", {"error": "one language"}, "$.error"),
        ("failed", {}, "$"),
    ):
        status, answer = report(service, token, claimed, how, **body)
        assert (status, answer["error_code"], answer["path"]) == (400, "INVALID_MESSAGE_FORMAT", path), (how, body)
    assert report(service, token, claimed, "failed", error=SAID)[0] == 200


def test_a_worker_gets_nothing_that_it_or_the_requester_may_not_read(service: Service) -> None:
    entity, kind = fresh("SA"), fresh("kind").replace("-", "_")
    publish(service, update(entity, ["planted_secret"], f"dossier:secret:{entity}"))
    ask(service, fresh("ali"), entity, type=kind, entity_type="secret", clearance="secret")
    for token in (worker("write:user:*"), worker("write:*"), worker("write:user:*", "read:dossier:country:*")):
        assert call(service, token, "POST", "/v1/briefs/claim", {"types": [kind]})[0] == 404
    claimed = claim(service, worker("write:user:*", "read:*", clearance="secret"), kind)
    assert "planted_secret" in str(claimed["facts"])


def test_silence_of_a_worker_fails_the_brief_and_a_sign_of_life_does_not(silent: Service) -> None:
    user, token = fresh("ali"), worker()

    async def scenario() -> None:
        async with await enter(silent, user, "read:*") as ali:
            unclaimed = ask(silent, user, fresh("SA"), type="nobody_writes_it")
            abandoned = asked_and_claimed(silent, user, token, "abandoned")
            for request_id in (unclaimed, abandoned):
                events = await until_end(ali, request_id)
                assert events[-1]["type"] == "brief_generation_failed"
                assert events[-1]["payload"]["fallback_available"] is True
                assert set(events[-1]["payload"]["error"]) == {"en", "ar"}

    asyncio.run(scenario())


def test_a_program_that_went_silent_has_failed_and_cannot_end_its_brief_again(silent: Service) -> None:
    user, request = fresh("ali"), fresh("r")

    async def scenario() -> None:
        async with await enter(silent, user) as ali:
            # In one commit: between two, this machine may lose the seconds that count as silence.
            assert publish_briefs(silent, brief(request, "started", user), brief(request, "progress", user))[0] == 200
            events = await until_end(ali, request)
            assert events[-1]["payload"]["fallback_available"] is True
            for late in ("progress", "complete", "failed"):
                assert publish_briefs(silent, brief(request, late, user))[0] == 403
            assert len(await until_end(ali, request)) == 3

    asyncio.run(scenario())


def test_no_program_publishes_events_of_a_brief_that_the_service_was_asked_for(service: Service) -> None:
    user = fresh("ali")
    request_id = ask(service, user, fresh("SA"))
    for kind in ("started", "progress", "complete", "failed"):
        assert publish_briefs(service, brief(request_id, kind, user))[0] == 403


def test_a_cancelled_brief_takes_no_report(service: Service) -> None:
    user, kind, token = fresh("ali"), fresh("kind").replace("-", "_"), worker()
    request_id = ask(service, user, fresh("SA"), type=kind)
    claimed = claim(service, token, kind)
    own = tokens.token(user, "read:*")
    assert call(service, own, "POST", f"/v1/briefs/{request_id}/cancel")[1]["ended"] == "cancelled"
    step = {"stage": "analyzing", "progress": 1, "message": SAID}
    assert report(service, token, claimed, "progress", **step)[0] == 409
    path = f"/v1/briefs/{request_id}"
    eventually(lambda: call(service, own, "GET", path)[1]["state"] == "cancelled", "the brief is not cancelled")


def waiting(service: Service, user: str) -> list[Message]:
    page = call(service, tokens.token(user, "read:*"), "GET", "/v1/inbox")[1]
    return [entry["event"] for entry in page["entries"]]


@pytest.mark.parametrize("how", ["a program's", "on request"])
def test_a_brief_that_was_cancelled_waits_in_the_inbox_of_its_owner(service: Service, how: str) -> None:
    user = fresh("owner")
    if how == "on request":
        request_id = ask(service, user, fresh("SA"), type="waits_for_long")
    else:
        request_id = fresh("r")
        assert publish_briefs(service, brief(request_id, "started", user))[0] == 200
    operator = tokens.operator()
    assert call(service, operator, "POST", f"/v1/briefs/{request_id}/cancel")[0] == 200
    (event,) = waiting(service, user)
    assert (event["type"], event["request_id"]) == ("brief_generation_failed", request_id)


def test_a_brief_of_a_program_that_went_silent_waits_in_the_inbox_of_its_owner(silent: Service) -> None:
    user, request_id = fresh("owner"), fresh("r")
    assert publish_briefs(silent, brief(request_id, "started", user))[0] == 200
    eventually(lambda: len(waiting(silent, user)) == 1, "the end of the brief is not in the inbox")
    (event,) = waiting(silent, user)
    assert (event["type"], event["request_id"]) == ("brief_generation_failed", request_id)


@asynchronous
async def test_a_worker_gets_the_brief_that_waits_longest_however_many_wait(tmp_path: Path) -> None:
    """More than a page of newer briefs, of another type, wait before and behind it in the list."""
    async with running(tmp_path) as service:
        jobs = service.node.services.brief_jobs
        names = [f"newer-{number}" for number in range(700)]
        made = [msgspec.structs.replace(job("meeting"), request_id=name, created_at=2_000.0) for name in names]
        oldest = msgspec.structs.replace(job("country"), request_id="oldest", created_at=1_000.0)
        changes = [jobs.ledger.change(one, 0) for one in (*made, oldest)]
        await service.engine.broker.publish([], None, changes)

        async def act(_: object) -> None:
            pass

        grants = Grant.parse_all(["write:user:*", "read:*"])
        by = Identity("program", "program", "service", None, grants, Clearance.INTERNAL, 10**10)
        claimed = await jobs.workers.claim(["country"], by, act)
        assert claimed is not None
        assert claimed.job.request_id == "oldest"


def job(kind: str) -> BriefJob:
    requester = Requester("ali", "Ali", "editor", ["read:*"], "internal", 10**10)
    return BriefJob(
        request_id="",
        requester=requester,
        type=kind,
        entity_type="country",
        entity_id="SA",
        language="en",
        generator="worker",
        created_at=0.0,
        estimated_time=1,
    )


def test_a_worker_that_repeats_its_step_holds_no_brief_for_ever(tmp_path: Path) -> None:
    with Service(tmp_path / "data", {**ROOMY, "briefs.deadline_seconds": 1}) as hurried:
        user, token = fresh("owner"), worker()
        request_id = ask(hurried, user, fresh("SA"), type="slow")
        claimed = claim(hurried, token, "slow")
        step = {"stage": "analyzing", "progress": 1, "message": SAID}
        eventually(lambda: report(hurried, token, claimed, "progress", **step)[0] == 409, "the brief goes on for ever")
        row = call(hurried, tokens.token(user, "read:*"), "GET", f"/v1/briefs/{request_id}")[1]
        assert row["state"] == "failed"
        assert "took too long" in row["error"]["en"]
        hurried.stop()
        hurried.assert_log_clean()
