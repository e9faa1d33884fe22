"""Briefs by a language model: a real server that streams, stalls, refuses, lies; and what the model never sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import tokens
from tests.harness.eventually import eventually
from tests.harness.ports import reserve
from tests.harness.service import Service
from tests.harness.wire import Message
from tests.web import model_server
from tests.web.conftest import ROOMY
from tests.web.fresh import fresh
from tests.web.model_server import Behaviour, ModelServer, raw, says, serving, status
from tests.web.test_actions import call, enter
from tests.web.test_briefs import asking, assert_rises, publish, until_end, update

PORT = reserve()
CHAT = {
    "briefs.chat.endpoint": f"http://127.0.0.1:{PORT}/v1",
    "briefs.chat.model": "office-model",
    "briefs.chat.attempts": 2,
    "briefs.chat.circuit_failures": 1000,
    "briefs.generator": "chat",
}
IMPATIENT = CHAT | {"briefs.chat.silence_seconds": 1}
KEY = {"DOSSIER_BRIEFS__CHAT__API_KEY": "planted-key-of-the-model"}


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose briefs are written by the model at PORT."""
    with Service(tmp_path_factory.mktemp("chat") / "data", {**ROOMY, **CHAT}, environment=KEY) as service:
        yield service
    service.assert_log_clean()


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes a second without a byte for silence."""
    with Service(tmp_path_factory.mktemp("impatient") / "data", {**ROOMY, **IMPATIENT}, environment=KEY) as service:
        yield service
    service.assert_log_clean()


async def written(
    service: Service, behaviours: list[Behaviour], user: str = "", **asked: Any
) -> tuple[list[Message], ModelServer]:
    """Ask for one brief while the model behaves so; the events of the brief, and the server."""
    user, entity = user or fresh("ali"), asked.pop("entity", "") or fresh("SA")
    await asyncio.to_thread(publish, service, update(entity, ["capital"]))
    async with serving(PORT) as model:
        model.behaviours = behaviours
        async with await enter(service, user, "read:*") as ali:
            answer = await ali.ask(asking(entity, **asked))
            assert answer["type"] == "ack", answer
            return await until_end(ali, answer["request_id"]), model


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("behaviour", [model_server.well, model_server.whole])
def test_a_models_brief_is_read_in_both_languages_with_its_sources(
    chat: Service, behaviour: Behaviour, language: str
) -> None:
    user = fresh("ali")
    events, model = asyncio.run(written(chat, [behaviour], user, language=language))
    assert_rises(events)
    assert events[-1]["type"] == "brief_generation_complete", events
    assert 0.5 < events[-1]["payload"]["confidence_score"] <= 1
    request_id = events[-1]["payload"]["brief_id"]
    brief = call(chat, tokens.token(user, "read:*"), "GET", f"/v1/briefs/{request_id}")[1]
    assert "## Summary" in brief["text"]["en"]
    assert "## الملخص" in brief["text"]["ar"]
    assert json.loads(brief["provenance"]["signed"])["model"] == "office-model"
    products: dict[str, float] = {}
    for check in brief["checks"]:
        products[check["language"]] = products.get(check["language"], 1.0) * check["score"]
    assert len(brief["checks"]) == 10
    assert min(products.values()) == pytest.approx(brief["confidence_score"], abs=0.01)
    first = model.asked[0]["messages"][0]["content"]
    assert ("القواعد" in first) == (language == "ar"), "the language that was asked for comes first"
    assert [body["model"] for body in model.asked] == ["office-model"] * 2
    assert "Bearer planted-key-of-the-model" in model.headers[0]


def test_the_journal_keeps_what_the_model_saw_and_wrote_and_no_key(chat: Service) -> None:
    events, model = asyncio.run(written(chat, [model_server.well]))
    request_id = events[0]["request_id"]

    def entries() -> list[Any]:
        return [
            entry
            for entry in chat.journal()
            if entry.header.kind == "generated" and entry.header.detail["request_id"] == request_id
        ]

    eventually(lambda: len(entries()) == 4, "the journal has not both prompts and both texts")
    found = entries()
    assert [entry.header.detail["part"] for entry in found] == ["prompt en", "text en", "prompt ar", "text ar"]
    seen = model.asked[0]["messages"][1]["content"]
    assert seen in json.loads(found[0].frame)["text"]
    assert "planted-key-of-the-model" not in str(found)
    assert {entry.header.level for entry in found} == {"internal"}


RECOVERS: dict[str, Behaviour] = {
    "429": status(429, "Retry-After: 0"),
    "500": status(500),
    "503": status(503),
    "garbage": raw("text/event-stream", b"\x00\xff\xfe not json\n\ndata: \xff\xff\n\n"),
    "half JSON": raw("text/event-stream", b'data: {"choices": [{"delta": {"con'),
    "half JSON, not streamed": raw("application/json", b'{"choices": [{"mess'),
    "another form": raw("application/json", b'{"answer": "hello"}'),
    "nothing": raw("text/event-stream", b""),
    "an error in the stream": raw("text/event-stream", b'data: {"error": {"message": "out of memory"}}\n\n'),
    "HTML": raw("text/html", b"<html>Welcome</html>"),
    "it breaks off": model_server.breaks_off,
}


@pytest.mark.parametrize("fault", RECOVERS)
def test_a_fault_that_passes_is_tried_again(chat: Service, fault: str) -> None:
    events, model = asyncio.run(written(chat, [RECOVERS[fault], model_server.well]))
    assert_rises(events)
    assert events[-1]["type"] == "brief_generation_complete", events
    assert len(model.asked) == 3


@pytest.mark.parametrize("fault", [*RECOVERS, "401", "404"])
def test_a_fault_that_stays_is_a_failed_brief_with_the_fallback(chat: Service, fault: str) -> None:
    behaviour = RECOVERS.get(fault) or status(int(fault))
    events, model = asyncio.run(written(chat, [behaviour]))
    _assert_failed(events)
    assert len(model.asked) == (1 if fault in ("401", "404") else 2)


def test_a_silence_that_stays_is_a_failed_brief_with_the_fallback(impatient: Service) -> None:
    events, model = asyncio.run(written(impatient, [model_server.stalls]))
    _assert_failed(events)
    assert len(model.asked) == 2


def test_a_silence_that_passes_is_tried_again(impatient: Service) -> None:
    """How it ends is not judged: each second that this machine loses is a silence too."""
    events, model = asyncio.run(written(impatient, [model_server.stalls, model_server.well]))
    assert_rises(events)
    assert len(model.asked) >= 2


UNFIT: dict[str, Behaviour] = {
    "another language": says(lambda text: model_server.good_text({"messages": [{"content": "القواعد"}]})),
    "too short": says(lambda text: "## Summary\nYes [F1]."),
    "no sections": says(lambda text: text.replace("## ", "").replace("\n", " ")),
    "a source that was not given": says(lambda text: text.replace("[F1]", "[F99]")),
    "no sources": says(lambda text: text.replace("[F1]", "")),
    "an invented number": says(lambda text: text.replace(" [F1]", " and 4711 others [F1]", 1)),
    "a loop": says(lambda text: text + "\n" + "The office is glad to hear of it [F1].\n" * 60),
    "without an end": says(lambda text: text * 400),
    "blank": says(lambda text: "   \n"),
}


@pytest.mark.parametrize("fault", UNFIT)
def test_a_text_that_fails_a_check_is_never_called_complete(chat: Service, fault: str) -> None:
    events, _ = asyncio.run(written(chat, [UNFIT[fault]]))
    _assert_failed(events)


def test_the_fallback_is_there_when_the_model_is_not(chat: Service) -> None:
    async def scenario() -> tuple[list[Message], list[Message]]:
        async with await enter(chat, fresh("ali"), "read:*") as ali:
            await asyncio.to_thread(publish, chat, update("fallback", ["capital"]))
            first = await ali.ask(asking("fallback"))  # nothing listens at the endpoint
            failed = await until_end(ali, first["request_id"])
            second = await ali.ask(asking("fallback", generator="template"))
            return failed, await until_end(ali, second["request_id"])

    failed, complete = asyncio.run(scenario())
    _assert_failed(failed)
    assert complete[-1]["type"] == "brief_generation_complete"


def test_planted_secrets_are_in_no_prompt_brief_or_source(chat: Service) -> None:
    """The marked words stand in every place that a source of facts looks at, above the requester's rights."""
    entity, user = fresh("SA"), fresh("ali")
    operator = tokens.operator()
    for channel in (f"relationship:{entity}", f"workspace:{entity}"):
        answer = call(chat, operator, "PUT", f"/v1/channels/{channel}", {"classification": "secret"})
        assert answer[0] == 200, answer
    health = {
        "relationship_id": entity,
        "previous_status": "healthy",
        "new_status": "critical",
        "score_change": -60,
        "current_score": 20,
        "trigger": "planted_trigger",
        "recommendations": ["planted recommendation"],
    }
    task = {"task_id": "planted-task", "previous_status": "pending", "new_status": "in_progress"}
    alert = {
        "commitment_id": fresh("c"),
        "mou_id": entity,
        "title": "planted title",
        "days_until_deadline": 3,
        "responsible_department": "planted department",
        "alert_level": 3,
    }
    publish(
        chat,
        {"type": "relationship_health_change", "channel": f"relationship:{entity}", "payload": health},
        {"type": "task_update", "channel": f"workspace:{entity}", "payload": task},
        update(entity, ["planted_field"], f"dossier:secret:{entity}"),
        {"type": "commitment_alert", "priority": "high", "channel": f"user:{fresh('other')}", "payload": alert},
    )
    events, model = asyncio.run(written(chat, [model_server.well], user, entity=entity))
    assert events[-1]["type"] == "brief_generation_complete", events
    request_id = events[0]["request_id"]
    brief = call(chat, tokens.token(user, "read:*"), "GET", f"/v1/briefs/{request_id}")[1]
    document = call(chat, tokens.token("reader", "read:*", clearance="secret"), "GET", f"/v1/documents/{request_id}")[1]
    for told in (model.asked, brief, document, events):
        assert "planted" not in json.dumps(told, ensure_ascii=False)
    assert "capital" in json.dumps(model.asked)


def test_a_secret_brief_is_a_secret_document_and_is_read_no_more_without_clearance(chat: Service) -> None:
    entity, user = fresh("x"), fresh("ali")
    publish(chat, update(entity, ["planted_field"], f"dossier:secret:{entity}"))

    async def scenario() -> str:
        async with await enter(chat, user, "read:*", clearance="secret") as ali:
            answer = await ali.ask(asking(entity, entity_type="secret", generator="template"))
            return str((await until_end(ali, answer["request_id"]))[-1]["payload"]["brief_id"])

    request_id = asyncio.run(scenario())
    cleared = tokens.token(user, "read:*", clearance="secret")
    assert "planted_field" in json.dumps(call(chat, cleared, "GET", f"/v1/briefs/{request_id}")[1])
    less = tokens.token(user, "read:*")
    assert call(chat, less, "GET", f"/v1/briefs/{request_id}")[0] == 403
    assert call(chat, less, "GET", "/v1/briefs")[1]["briefs"] == []
    assert call(chat, less, "GET", f"/v1/documents/{request_id}")[0] == 403
    assert call(chat, cleared, "GET", f"/v1/documents/{request_id}")[0] == 200


def _assert_failed(events: list[Message]) -> None:
    assert_rises(events)
    assert events[-1]["type"] == "brief_generation_failed", events
    assert events[-1]["payload"]["fallback_available"] is True
    assert set(events[-1]["payload"]["error"]) == {"en", "ar"}


def test_a_model_that_writes_a_letter_now_and_then_holds_no_slot_for_ever(tmp_path: Path) -> None:
    with Service(tmp_path / "data", {**ROOMY, **IMPATIENT, "briefs.deadline_seconds": 3}) as hurried:
        events, model = asyncio.run(written(hurried, [model_server.trickles]))
        assert events[-1]["type"] == "brief_generation_failed"
        assert "took too long" in events[-1]["payload"]["error"]["en"]
        assert events[-1]["payload"]["fallback_available"] is True
        assert len(model.asked) == 1, "it was no silence, which is tried again"
        hurried.stop()
        hurried.assert_log_clean()
