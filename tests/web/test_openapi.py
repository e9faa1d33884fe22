"""A real request of each described call, and each way to be refused: answers as the OpenAPI document has them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.core.schema.call_forms import HttpCallForm
from app.core.schema.calls import CALLS
from app.core.schema.openapi import openapi
from tests.contract.schemas import closed, faults
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.web.conftest import ROOMY
from tests.web.test_actions import alert, brief

DOCUMENT = closed(openapi())
LATER = 4_000_000_000  # Unix seconds: a time within no ten years of now
COMMITMENT: dict[str, Any] = {
    "mou_id": "m1",
    "title": {"en": "The report", "ar": "التقرير"},
    "due_date": "2057-03-30",
    "mou_type": "data-exchange",
    "responsible_department": "Agreements",
    "owner": "ali",
    "escalation": [["ali"], ["bea"], ["cy"]],
}
SETTINGS = ROOMY | {"security_txt.contact": ["mailto:security@dossier.example"], "security_txt.expires": "2999-01-01"}
CHANNEL = "dossier:country:SA"
UPDATE = {
    "type": "dossier_update",
    "channel": CHANNEL,
    "payload": {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["name"]},
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Asked:
    """A request that succeeds: what stands in the path, the query, the body and the headers."""

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


REMARK = {"start": 0, "end": 2, "text": "لماذا؟"}
NO_COMMENT = {"document": "d1", "comment": "0" * 16}
SAID = {"en": "Ready", "ar": "جاهز"}
ASKED: dict[str, Asked] = {
    "publish": Asked(body={"events": [UPDATE]}, headers={"Idempotency-Key": "k-1"}),
    "read_document": Asked({"document": "d1"}, {"version": "1"}),
    "write_document": Asked({"document": "d2"}, body={"content": "مرحبا"}),
    "delete_document": Asked({"document": "d9"}),
    "read_document_history": Asked({"document": "d1"}, {"after": "0", "limit": "5", "joined": "true"}),
    "list_named_versions": Asked({"document": "d1"}),
    "name_version": Asked({"document": "d1", "name": "مسودة"}, body={"version": 1}),
    "compare_versions": Asked({"document": "d1"}, {"from": "0", "to": "1"}),
    "export_document": Asked({"document": "d1"}, {"format": "docx", "version": "1"}),
    "read_pair": Asked({"document": "p1"}, {"text": "true"}),
    "pair_documents": Asked(
        {"document": "p1"}, body={"counterpart": "p2", "language": "en", "counterpart_language": "ar"}
    ),
    "part_documents": Asked({"document": "p3"}),
    "mark_translated": Asked({"document": "p1"}, body={"clauses": ["1"], "version": 1}),
    "restore_document": Asked({"document": "d1"}, body={"version": 1}),
    "list_comments": Asked({"document": "d1"}, {"after": "0", "limit": "5", "status": "open"}),
    "add_comment": Asked({"document": "d1"}, body=REMARK, headers={"Idempotency-Key": "c-1"}),
    "remove_comment": Asked(NO_COMMENT),
    "reply_comment": Asked(NO_COMMENT, body={"text": "Yes"}),
    "change_comment": Asked(NO_COMMENT | {"step": "resolve"}),
    "sign_snapshot": Asked({"document": "d1"}, body={"version": 1, "note": "as agreed", "name": "signed"}),
    "list_snapshots": Asked({"document": "d1"}, {"limit": "1"}),
    "list_commitments": Asked(query={"limit": "1"}),
    "dry_run_commitments": Asked(query={"from": "2057-01-01", "to": "2057-12-31", "policy": "data-exchange:60/30/7"}),
    "register_commitment": Asked({"commitment": "c2"}, body=COMMITMENT),
    "read_commitment": Asked({"commitment": "c0"}),
    "delete_commitment": Asked({"commitment": "c3"}),
    "acknowledge_commitment": Asked({"commitment": "c1"}, body={}),
    "complete_commitment": Asked({"commitment": "c0"}),
    "snooze_commitment": Asked({"commitment": "c0"}, body={"until": int(time.time()) + 86_400}),
    "delegate_commitment": Asked({"commitment": "c0"}, body={"to": "dan", "until": int(time.time()) + 86_400}),
    "request_brief": Asked(
        body={"type": "country", "entity_id": "SA", "language": "ar"}, headers={"Idempotency-Key": "b-1"}
    ),
    "list_briefs": Asked(query={"limit": "1"}),
    "claim_brief": Asked(body={"types": ["country"]}),
    "report_brief_progress": Asked(
        body={"lease": "l", "stage": "analyzing", "progress": 1, "message": SAID},
    ),
    "complete_brief": Asked(body={"lease": "l", "text": SAID, "sources": [], "confidence_score": 0.5}),
    "fail_brief": Asked(body={"lease": "l", "error": SAID}),
    "cancel_brief": Asked({"request": "b1"}),
    "list_relationships": Asked(query={"limit": "1", "status": "healthy"}),
    "read_relationship": Asked({"relationship": "r1"}),
    "score_relationship": Asked({"relationship": "r2"}, body={"score": 58, "trigger": None, "recommendations": [SAID]}),
    "add_relationship_facts": Asked(
        {"relationship": "r1"},
        body={"facts": [{"id": "f1", "kind": "response", "at": 1, "hours": 2, "source": CHANNEL}]},
    ),
    "explain_relationship": Asked({"relationship": "r1"}),
    "read_inbox": Asked(query={"limit": "1", "unread": "true"}),
    "mark_inbox_read": Asked(body={"up_to": 0}),
    "snooze_inbox_entry": Asked(body={"id": "n1", "until": int(time.time()) + 86_400}),
    "list_tasks": Asked(query={"channel": "workspace:w1", "assignee": "ali"}),
    "list_sessions": Asked(query={"limit": "1"}),
    "disconnect_user": Asked({"user": "nobody"}),
    "lift_limits": Asked({"user": "ali"}, body={"seconds": 1}),
    "restore_limits": Asked({"user": "ali"}),
    "revoke_tokens": Asked(body={"jti": "t-1", "user": None}),
    "list_nodes": Asked(query={"limit": "1"}),
    "list_limits": Asked(query={"limit": "1"}),
    "list_channels": Asked(query={"limit": "1"}),
    "read_channel": Asked({"channel": CHANNEL}),
    "change_channel": Asked({"channel": CHANNEL}, body={"presence": True, "frozen": None}),
    "read_presence": Asked({"channel": CHANNEL}),
    "read_history": Asked({"channel": CHANNEL}, {"after": "0", "limit": "5"}),
    "export_journal": Asked(query={"user": "ali"}),
    "explain": Asked(query={"action": "write", "channel": CHANNEL, "user": "bea", "permission": "read:global"}),
}
"""What is asked of the calls that need something; `end_session` takes a session of its own."""

WRONG: dict[str, Asked] = {
    "publish": Asked(body={"events": []}),
    "read_document": Asked({"document": "d1"}, {"version": "x" * 101}),
    "write_document": Asked({"document": "d3"}, body={"content": 5}),
    "delete_document": Asked({"document": "a%20b"}),
    "read_document_history": Asked({"document": "d1"}, {"limit": "0"}),
    "list_named_versions": Asked({"document": "a%20b"}),
    "list_snapshots": Asked({"document": "d1"}, {"limit": "0"}),
    "read_snapshot": Asked({"document": "a%20b", "snapshot": "0" * 32}),
    "name_version": Asked({"document": "d1", "name": "12"}),
    "compare_versions": Asked({"document": "d1"}),
    "export_document": Asked({"document": "d1"}, {"format": "pdf"}),
    "read_pair": Asked({"document": "p1"}, {"text": "perhaps"}),
    "pair_documents": Asked(
        {"document": "p1"}, body={"counterpart": "p1", "language": "en", "counterpart_language": "ar"}
    ),
    "part_documents": Asked({"document": "a%20b"}),
    "mark_translated": Asked({"document": "p1"}, body={"clauses": ["never"]}),
    "restore_document": Asked({"document": "d1"}, body={}),
    "list_comments": Asked({"document": "d1"}, {"status": "closed"}),
    "add_comment": Asked({"document": "d1"}, body=REMARK | {"end": 0}),
    "remove_comment": Asked({"document": "a%20b", "comment": "0" * 16}),
    "reply_comment": Asked(NO_COMMENT, body={}),
    "change_comment": Asked(NO_COMMENT | {"step": "resolve"}, body={"more": 1}),
    "sign_snapshot": Asked({"document": "d1"}, body={"note": 5}),
    "list_commitments": Asked(query={"limit": "0"}),
    "dry_run_commitments": Asked(query={"from": "2027-01-01"}),
    "register_commitment": Asked({"commitment": "c2"}, body=COMMITMENT | {"due_date": "2027-02-30"}),
    "read_commitment": Asked({"commitment": "a%20b"}),
    "delete_commitment": Asked({"commitment": "a%20b"}),
    "acknowledge_commitment": Asked({"commitment": "c1"}, body={"more": 1}),
    "complete_commitment": Asked({"commitment": "c0"}, body={"more": 1}),
    "snooze_commitment": Asked({"commitment": "c0"}, body={"until": 5}),
    "delegate_commitment": Asked({"commitment": "c0"}, body={"to": "dan", "until": LATER}),
    "request_brief": Asked(body={"type": "country", "entity_id": "SA", "language": "fr"}),
    "list_briefs": Asked(query={"after": "x"}),
    "claim_brief": Asked(body={"types": ["a b"]}),
    "report_brief_progress": Asked(
        {"request": "r"}, body={"lease": "l", "stage": "analyzing", "progress": 101, "message": SAID}
    ),
    "complete_brief": Asked(
        {"request": "r"}, body={"lease": "l", "text": {"en": "a"}, "sources": [], "confidence_score": 0.5}
    ),
    "fail_brief": Asked({"request": "r"}, body={"lease": "l", "error": "only one language"}),
    "read_brief": Asked({"request": "a%20b"}),
    "cancel_brief": Asked({"request": "a%20b"}),
    "list_sessions": Asked(query={"limit": "0"}),
    "end_session": Asked({"session": "a%20b"}),
    "disconnect_user": Asked({"user": "a%20b"}),
    "lift_limits": Asked({"user": "ali"}, body={"seconds": 0}),
    "restore_limits": Asked({"user": "a%20b"}),
    "revoke_tokens": Asked(body={}),
    "list_relationships": Asked(query={"after": "x"}),
    "read_relationship": Asked({"relationship": "a%20b"}),
    "score_relationship": Asked({"relationship": "r2"}, body={"score": 101}),
    "add_relationship_facts": Asked({"relationship": "r1"}, body={"facts": []}),
    "explain_relationship": Asked({"relationship": "a%20b"}),
    "read_inbox": Asked(query={"digest": "perhaps"}),
    "mark_inbox_read": Asked(body={"ids": ["n1"], "up_to": 1}),
    "snooze_inbox_entry": Asked(body={"id": "n1", "until": 5}),
    "list_tasks": Asked(query={"assignee": "a b"}),
    "list_nodes": Asked(query={"after": "a b"}),
    "list_limits": Asked(query={"after": "~"}),
    "list_channels": Asked(query={"limit": "x"}),
    "read_channel": Asked({"channel": "dossier:"}),
    "change_channel": Asked({"channel": CHANNEL}, body={"classification": "cosmic"}),
    "read_presence": Asked({"channel": "a%20b"}),
    "read_history": Asked({"channel": CHANNEL}, {"limit": "201"}),
    "export_journal": Asked(query={"since": "soon"}),
    "explain": Asked(query={"action": "fly", "channel": CHANNEL}),
}
ABSENT: dict[str, Asked] = {
    "read_document": Asked({"document": "d1"}, {"version": "9"}),
    "delete_document": Asked({"document": "never-begun"}),
    "name_version": Asked({"document": "d1", "name": "later"}, body={"version": 9}),
    "compare_versions": Asked({"document": "d1"}, {"from": "never named"}),
    "export_document": Asked({"document": "d1"}, {"format": "html", "version": "9"}),
    "read_pair": Asked({"document": "d1"}),
    "part_documents": Asked({"document": "d1"}),
    "mark_translated": Asked({"document": "d1"}, body={}),
    "restore_document": Asked({"document": "d1"}, body={"version": 9}),
    "add_comment": Asked({"document": "never-begun"}, body=REMARK),
    "remove_comment": Asked(NO_COMMENT),
    "reply_comment": Asked(NO_COMMENT, body={"text": "Yes"}),
    "change_comment": Asked(NO_COMMENT | {"step": "resolve"}),
    "sign_snapshot": Asked({"document": "d1"}, body={"version": 9}),
    "read_snapshot": Asked({"document": "d1", "snapshot": "0" * 32}),
    "claim_brief": Asked(body={"types": ["none"]}),
    "read_commitment": Asked({"commitment": "none"}),
    "delete_commitment": Asked({"commitment": "none"}),
    "acknowledge_commitment": Asked({"commitment": "none"}),
    "complete_commitment": Asked({"commitment": "none"}),
    "snooze_commitment": Asked({"commitment": "none"}, body={"until": int(time.time()) + 86_400}),
    "delegate_commitment": Asked({"commitment": "none"}, body={"to": "dan", "until": int(time.time()) + 86_400}),
    "read_brief": Asked({"request": "none"}),
    "cancel_brief": Asked({"request": "none"}),
    "read_relationship": Asked({"relationship": "none"}),
    "explain_relationship": Asked({"relationship": "none"}),
    "end_session": Asked({"session": "none"}),
    "mark_inbox_read": Asked(body={"ids": ["none"]}),
    "snooze_inbox_entry": Asked(body={"id": "none", "until": int(time.time()) + 86_400}),
    "read_channel": Asked({"channel": "nowhere:1"}),
    "change_channel": Asked({"channel": "nowhere:1"}, body={}),
    "read_presence": Asked({"channel": "global"}),
    "read_history": Asked({"channel": "document:d1"}),
    "export_journal": Asked(query={"session": "none"}),
    "explain": Asked(query={"action": "write", "channel": CHANNEL, "user": "nobody"}),
}
"""What the calls that answer 400 and 404 are asked to do so."""
TO_STRANGERS_ABSENT = (
    *(f"{act}_commitment" for act in ("read", "delete", "complete", "snooze", "delegate")),
    "snooze_inbox_entry",
)
"""Calls that answer alike whether a thing is absent or not for the caller to see."""

OWN = {
    "explain",
    "list_relationships",
    "list_briefs",
    "read_inbox",
    "mark_inbox_read",
    "list_tasks",
    "list_commitments",
    "dry_run_commitments",
}
"""Calls that every user may make: they answer with what is the caller's own, or what the caller may read."""

ABOUT_BRIEFS = {"read_snapshot", "read_brief", "claim_brief", "report_brief_progress", "complete_brief", "fail_brief"}


def _about_a_brief(scene: Service, name: str, asked: Asked) -> Asked:
    """Ask for a brief, and claim it where the call is of the worker that holds one; or sign a snapshot."""
    calls = {call.name: call for call in CALLS}
    if name == "read_snapshot":
        send(scene, calls["sign_snapshot"], ASKED["sign_snapshot"], _operator(scene))
        kept = send(scene, calls["list_snapshots"], ASKED["list_snapshots"], _operator(scene)).json()["snapshots"]
        return Asked({"document": "d1", "snapshot": kept[0]["id"]})
    request = {"type": "country", "entity_id": "SA", "language": "en", "generator": "worker"}
    told = send(scene, calls["request_brief"], Asked(body=request), _operator(scene)).json()
    if name == "read_brief":
        return Asked({"request": told["request_id"]})
    if name == "claim_brief":
        return asked
    claimed = send(scene, calls["claim_brief"], ASKED["claim_brief"], _operator(scene)).json()
    body = (asked.body or {}) | {"lease": claimed["lease"]}
    return Asked({"request": claimed["brief"]["request_id"]}, body=body)


ABOUT_COMMENTS = {"remove_comment", "reply_comment", "change_comment"}


def _about_a_comment(scene: Service, asked: Asked) -> Asked:
    """Make a comment that the call is about."""
    (add,) = (call for call in CALLS if call.name == "add_comment")
    made = send(scene, add, Asked({"document": "d1"}, body=REMARK), _operator(scene)).json()
    return Asked(asked.path | {"comment": made["id"]}, body=asked.body)


(PUBLISH,) = (call for call in CALLS if call.name == "publish")
NOTICE = {
    "type": "notification",
    "channel": "user:reader",
    "priority": "high",
    "payload": {"id": "n1", "title": SAID, "message": SAID},
}

named = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on which there is something to be asked about."""
    with Service(tmp_path_factory.mktemp("openapi") / "data", SETTINGS) as service:
        publisher = service.token("program", "write:*")
        headers = {"Authorization": f"Bearer {publisher}"}
        with httpx.Client(base_url=service.http, headers=headers, timeout=HANG_SECONDS) as http:
            events = [UPDATE, alert("c1", 1, "ali"), brief("b1", "started", "ali")]
            assert http.post("/v1/publish", json={"events": events}).status_code == 200
            for document in ("d1", "d9"):
                assert http.put(f"/v1/documents/{document}", json={"content": "text"}).status_code == 200
            assert http.post("/v1/relationships/r1/score", json={"score": 90}).status_code == 200
            for name in ("c0", "c3"):
                assert http.put(f"/v1/commitments/{name}", json=COMMITMENT).status_code == 200
            for document, other in (("p1", "p2"), ("p3", "p4")):
                for each in (document, other):
                    assert http.put(f"/v1/documents/{each}", json={"content": "1. text"}).status_code == 200
                pair = {"counterpart": other, "language": "en", "counterpart_language": "ar"}
                assert http.put(f"/v1/documents/{document}/pair", json=pair).status_code == 200
        yield service
    service.assert_log_clean()


def send(service: Service, call: HttpCallForm, asked: Asked, token: str, **headers: str) -> httpx.Response:
    path = call.path.format(
        **dict.fromkeys(("document", "name", "relationship", "request", "session", "snapshot", "user"), "x1")
        | asked.path
    )
    told = ({"Authorization": f"Bearer {token}"} if token else {}) | asked.headers | headers
    with httpx.Client(base_url=service.http, timeout=HANG_SECONDS) as http:
        return http.request(call.method, path, params=asked.query, json=asked.body, headers=told)


def _check(call: HttpCallForm, answer: httpx.Response, status: int) -> None:
    """The answer is of this status, and as its description has it: headers, type of content, body."""
    assert answer.status_code == status, answer.text
    described: dict[str, Any] = DOCUMENT["paths"][call.path][call.method]["responses"][str(status)]
    if "$ref" in described:
        described = DOCUMENT["components"]["responses"][described["$ref"].rpartition("/")[2]]
    for name in described.get("headers", {}):
        assert name in answer.headers
    if call.method == "head" or "content" not in described:
        assert answer.content == b""
        return
    media = answer.headers["Content-Type"].partition(";")[0]
    content = described["content"][media]
    value = answer.json() if media == "application/json" else answer.text
    assert faults(DOCUMENT, content["schema"], value) == []


def _operator(service: Service) -> str:
    return service.token(f"operator-{next(_numbers)}", "admin:*", clearance="secret", name="Operator")


@named
def test_a_call_is_answered_as_it_is_described(scene: Service, call: HttpCallForm) -> None:
    async def scenario() -> None:
        async with await Client.connect(scene, scene.token("ali", "read:*")) as client:
            await client.subscribe(CHANNEL, include_presence=True)
            asked = ASKED.get(call.name, Asked())
            if call.name in ABOUT_BRIEFS:
                asked = await asyncio.to_thread(_about_a_brief, scene, call.name, asked)
            if call.name in ABOUT_COMMENTS:
                asked = await asyncio.to_thread(_about_a_comment, scene, asked)
            if call.name == "end_session":
                async with await Client.connect(scene, scene.token("bea")) as other:
                    asked = Asked({"session": other.login["session_id"]})
                    _check(call, await asyncio.to_thread(send, scene, call, asked, _operator(scene)), 200)
                return
            token = _operator(scene)
            if call.name == "snooze_inbox_entry":
                token = scene.token("reader")
                told = Asked(body={"events": [NOTICE]})
                await asyncio.to_thread(send, scene, PUBLISH, told, scene.token("program", "write:*"))
            answer = await asyncio.to_thread(send, scene, call, asked, token)
            _check(call, answer, 426 if call.name == "connect" else call.said.status)

    asyncio.run(scenario())


@named
def test_a_refusal_is_answered_as_it_is_described(scene: Service, call: HttpCallForm) -> None:
    operator, asked = _operator(scene), ASKED.get(call.name, Asked())
    _check(call, send(scene, call, asked, operator, Host="evil.example"), 421)
    _check(call, send(scene, call, asked, operator, Origin="https://evil.example"), 403)
    _check(call, send(scene, call, asked, operator, **{f"X-{number}": "1" for number in range(101)}), 431)
    if call.access in ("token", "operator"):
        _check(call, send(scene, call, asked, ""), 401)
        _check(call, send(scene, call, WRONG[call.name], operator), 400)
        if call.name not in OWN:
            status = 404 if call.name in TO_STRANGERS_ABSENT else 403
            _check(call, send(scene, call, asked, scene.token("stranger")), status)
    if call.said.body is not None:
        _check(call, send(scene, call, asked, operator, **{"Content-Type": "text/plain"}), 415)
        _check(call, send(scene, call, Asked(asked.path, body={"x": "x" * (9 << 20)}), operator), 413)
    if 404 in call.refusals and call.access != "open":
        _check(call, send(scene, call, ABSENT[call.name], operator), 404)


def test_conflicts_are_answered_as_they_are_described(scene: Service) -> None:
    calls, token = {call.name: call for call in CALLS}, _operator(scene)
    publish, put = calls["publish"], calls["write_document"]
    key, again = {"Idempotency-Key": "k-conflict"}, Asked(body={"events": [UPDATE | {"channel": "dossier:country:AE"}]})
    _check(publish, send(scene, publish, ASKED["publish"], token, **key), 200)
    _check(publish, send(scene, publish, again, token, **key), 409)
    write = Asked({"document": "d1"}, body={"content": "other"})
    _check(put, send(scene, put, write, token), 428)
    _check(put, send(scene, put, write, token, **{"If-Match": '"7"'}), 412)
    _check(put, send(scene, put, Asked({"document": "d1"}, body={"content": "other", "base": 99}), token), 409)


def test_every_call_is_asked() -> None:
    for table in (ASKED, WRONG, ABSENT):
        assert table.keys() <= {call.name for call in CALLS}
    with_token = {call.name for call in CALLS if call.access in ("token", "operator")}
    assert with_token - ASKED.keys() == {"end_session", "read_brief", "read_snapshot"}
    assert with_token == WRONG.keys()
