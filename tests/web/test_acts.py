"""Every call that changes or exports something is an act in the journal, before what it does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, get_args

import pytest
import tornado.routing

from app.journal.acts import Verb
from app.web import application as routes
from app.web.http.authenticated_handler import AuthenticatedHandler
from dossier_realtime.recording.entry import Header
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.web.fresh import fresh
from tests.web.test_actions import alert, brief, call, publish
from tests.web.test_inboxes import notice
from tests.web.test_openapi import COMMITMENT

Call = tuple[str, object]
_clients: list[Client] = []  # of the test that runs
_caller: list[str] = [""]  # the user who makes the call of the test that runs


def _new_caller() -> str:
    _caller[0] = fresh("admin")
    return _caller[0]


async def _session(service: Service) -> Call:
    client = await Client.unauthenticated(service)
    _clients.append(client)
    state = await client.authenticate(service.token(fresh("user")))
    return f"/v1/sessions/{state['session_id']}", None


def _of_a_pair(what: str, body: object = None, *, paired: bool = True) -> Callable[[Service], Any]:
    async def made(service: Service) -> Call:
        (path, _), (other, _) = await _written(service), await _written(service)
        pair = {"counterpart": other.rpartition("/")[2], "language": "en", "counterpart_language": "ar"}
        if paired:
            token = service.token(fresh("author"), "write:document:*")
            assert call(service, token, "PUT", f"{path}/pair", pair)[0] == 200
        return f"{path}/pair{what}", body if paired else pair

    return made


async def _alerted(service: Service) -> Call:
    commitment, user = fresh("commitment"), fresh("user")
    assert publish(service, alert(commitment, 1, user))[0] == 200
    return f"/v1/commitments/{commitment}/ack", {}


async def _registering(_: Service) -> Call:
    return f"/v1/commitments/{fresh('commitment')}", COMMITMENT


def _registered(what: str, body: object = None) -> Callable[[Service], Any]:
    async def made(service: Service) -> Call:
        path, said = await _registering(service)
        assert call(service, service.token(fresh("author"), "write:dossier:mou:*"), "PUT", path, said)[0] == 200
        return f"{path}{what}", body

    return made


async def _in_inbox(service: Service) -> Call:
    """Make an entry of the inbox of the caller: an inbox is its user's alone."""
    assert publish(service, notice(_caller[0], "n1"))[0] == 200
    return "/v1/inbox/snooze", {"id": "n1", "until": int(time.time()) + 3_600}


async def _brief(service: Service) -> Call:
    request, user = fresh("brief"), fresh("user")
    assert publish(service, brief(request, "started", user))[0] == 200
    return f"/v1/briefs/{request}/cancel", {}


async def _version(service: Service) -> Call:
    document, token = fresh("paper"), service.token(fresh("author"), "write:document:*")
    assert call(service, token, "PUT", f"/v1/documents/{document}", {"content": "text"})[0] == 200
    return f"/v1/documents/{document}/versions/draft", {"version": 1}


async def _restored(service: Service) -> Call:
    path, body = await _version(service)
    return path.replace("/versions/draft", "/restore"), body


async def _commented(service: Service) -> Call:
    document, token = fresh("paper"), service.token(fresh("author"), "write:document:*")
    assert call(service, token, "PUT", f"/v1/documents/{document}", {"content": "text"})[0] == 200
    return f"/v1/documents/{document}/comments", {"start": 0, "end": 4, "text": "Why?"}


def _of_a_comment(what: str, body: object = None) -> Callable[[Service], Any]:
    async def made(service: Service) -> Call:
        path, comment = await _commented(service)
        status, answer = call(service, service.token(fresh("author"), "write:document:*"), "POST", path, comment)
        assert status == 200, answer
        return f"{path}/{answer['id']}{what}", body

    return made


async def _waiting(service: Service) -> Call:
    asked = {"type": "acts", "entity_id": fresh("e"), "language": "en", "generator": "worker"}
    assert call(service, service.token(fresh("user"), "read:*"), "POST", "/v1/briefs", asked)[0] == 202
    return "/v1/briefs/claim", {"types": ["acts"]}


def _held(report: str) -> Callable[[Service], Any]:
    async def made(service: Service) -> Call:
        path, body = await _waiting(service)
        status, claimed = call(service, service.token(fresh("worker"), "write:*"), "POST", path, body)
        assert status == 200, claimed
        said = {"en": "Ready", "ar": "جاهز"}
        body_of: dict[str, Any] = {
            "progress": {"stage": "analyzing", "progress": 10, "message": said},
            "complete": {"text": said, "sources": [], "confidence_score": 0.5},
            "failed": {"error": said},
        }
        request_id = claimed["brief"]["request_id"]
        return f"/v1/briefs/{request_id}/{report}", body_of[report] | {"lease": claimed["lease"]}

    return made


async def _written(service: Service) -> Call:
    path, _ = await _version(service)
    return path.partition("/versions/")[0], None


async def _signed(service: Service) -> Call:
    path, _ = await _written(service)
    return f"{path}/snapshots", {"note": "as agreed"}


async def _document(service: Service) -> Call:
    return f"/v1/documents/{fresh('paper')}", {"content": "text"}


def _path(path: str, body: object = None) -> Callable[[Service], Any]:
    async def made(_: Service) -> Call:
        return path, body

    return made


EVENT = {
    "type": "notification",
    "channel": "global",
    "payload": {"id": "n1", "title": {"en": "a", "ar": "b"}, "message": {"en": "a", "ar": "b"}, "category": "system"},
}
CALLS: dict[tuple[str, str], tuple[str, Callable[[Service], Any]]] = {
    ("post", r"/v1/publish"): ("publish", _path("/v1/publish", {"events": [brief("acts-1", "started", "somebody")]})),
    ("put", r"/v1/documents/([^/]+)"): ("change_document", _document),
    ("delete", r"/v1/documents/([^/]+)"): ("delete_document", _written),
    ("put", r"/v1/documents/([^/]+)/versions/([^/]+)"): ("name_version", _version),
    ("post", r"/v1/documents/([^/]+)/restore"): ("restore_document", _restored),
    ("post", r"/v1/documents/([^/]+)/comments"): ("add_comment", _commented),
    ("delete", r"/v1/documents/([^/]+)/comments/([^/]+)"): ("remove_comment", _of_a_comment("")),
    ("post", r"/v1/documents/([^/]+)/comments/([^/]+)/replies"): (
        "reply_comment",
        _of_a_comment("/replies", {"text": "So."}),
    ),
    ("post", r"/v1/documents/([^/]+)/comments/([^/]+)/([^/]+)"): (
        "change_comment",
        _of_a_comment("/resolve"),
    ),
    ("put", r"/v1/documents/([^/]+)/pair"): ("pair_documents", _of_a_pair("", paired=False)),
    ("delete", r"/v1/documents/([^/]+)/pair"): ("part_documents", _of_a_pair("")),
    ("post", r"/v1/documents/([^/]+)/pair/translated"): ("mark_translated", _of_a_pair("/translated", {})),
    ("post", r"/v1/documents/([^/]+)/snapshots"): ("sign_snapshot", _signed),
    ("post", r"/v1/commitments/([^/]+)/ack"): ("acknowledge_alert", _alerted),
    ("put", r"/v1/commitments/([^/]+)"): ("register_commitment", _registering),
    ("delete", r"/v1/commitments/([^/]+)"): ("delete_commitment", _registered("")),
    ("post", r"/v1/commitments/([^/]+)/complete"): ("complete_commitment", _registered("/complete", {})),
    ("post", r"/v1/commitments/([^/]+)/snooze"): (
        "snooze_commitment",
        _registered("/snooze", {"until": int(time.time()) + 86_400}),
    ),
    ("post", r"/v1/commitments/([^/]+)/delegate"): (
        "delegate_commitment",
        _registered("/delegate", {"to": "bea", "until": int(time.time()) + 86_400}),
    ),
    ("post", r"/v1/relationships/([^/]+)/score"): (
        "score_relationship",
        _path("/v1/relationships/acts-1/score", {"score": 50}),
    ),
    ("post", r"/v1/relationships/([^/]+)/facts"): (
        "add_facts",
        _path("/v1/relationships/acts-2/facts", {"facts": [{"id": "f1", "kind": "engagement", "at": 5}]}),
    ),
    ("post", r"/v1/inbox/ack"): ("mark_read", _path("/v1/inbox/ack", {"up_to": 5})),
    ("post", r"/v1/inbox/snooze"): ("snooze_entry", _in_inbox),
    ("post", r"/v1/briefs"): (
        "request_brief",
        _path("/v1/briefs", {"type": "country", "entity_id": "SA", "language": "en"}),
    ),
    ("post", r"/v1/briefs/claim"): ("claim_brief", _waiting),
    ("post", r"/v1/briefs/([^/]+)/progress"): ("report_brief", _held("progress")),
    ("post", r"/v1/briefs/([^/]+)/complete"): ("report_brief", _held("complete")),
    ("post", r"/v1/briefs/([^/]+)/failed"): ("report_brief", _held("failed")),
    ("post", r"/v1/briefs/([^/]+)/cancel"): ("cancel_brief", _brief),
    ("delete", r"/v1/sessions/([^/]+)"): ("end_session", _session),
    ("post", r"/v1/users/([^/]+)/disconnect"): ("disconnect_user", _path("/v1/users/nobody/disconnect")),
    ("post", r"/v1/users/([^/]+)/limits/lift"): ("lift_limits", _path("/v1/users/u9/limits/lift", {"seconds": 5})),
    ("delete", r"/v1/users/([^/]+)/limits/lift"): ("restore_limits", _path("/v1/users/u9/limits/lift")),
    ("post", r"/v1/tokens/revoke"): ("revoke_user", _path("/v1/tokens/revoke", {"user": "gone"})),
    ("put", r"/v1/channels/([^/]+)"): (
        "change_settings",
        _path("/v1/channels/dossier:acts:1", {"classification": "confidential"}),
    ),
    ("get", r"/v1/journal"): ("export_journal", _path("/v1/journal")),
}
"""Each method that is an act, its verb, and a call of it that is good. A new route is put here."""


def acting_routes() -> set[tuple[str, str]]:
    """Every (method, path) of the routing table that changes or exports something."""
    found = set()
    for rule in routes.ROUTES:
        pattern, handler = rule[0], rule[1]
        for method in ("post", "put", "patch", "delete"):
            if getattr(handler, method) is not getattr(tornado.web.RequestHandler, method):
                found.add((method, pattern))
        if issubclass(handler, AuthenticatedHandler):
            found |= {(method, pattern) for method in handler.acts}
    return found


def test_the_table_of_calls_holds_every_route_that_acts() -> None:
    assert acting_routes() == set(CALLS)


def test_a_method_that_changes_something_must_name_its_verbs() -> None:
    with pytest.raises(TypeError, match="name its verbs"):
        type("Forgetful", (AuthenticatedHandler,), {"post": lambda self: None})


@pytest.mark.parametrize(("method", "pattern"), sorted(CALLS))
@asynchronous
async def test_a_call_is_an_act_with_all_that_is_to_be_known_of_it(service: Service, method: str, pattern: str) -> None:
    verb, make = CALLS[method, pattern]
    who, token_id = _new_caller(), fresh("token")
    path, body = await make(service)
    token = service.token(who, "admin:*", "write:user:*", clearance="secret", jti=token_id)
    if pattern == r"/v1/journal":
        assert service.get(path, token)[0] == 200
    else:
        status, answer = call(service, token, method.upper(), path, body, X_Reason="because")
        assert status in (200, 202), answer
    while _clients:
        await _clients.pop().close()
    found = told(service, lambda header: header.via == f"token:{token_id}" and header.kind in ("act", "outcome"), 2)
    act, outcome = found
    assert (act.kind, act.user, act.detail["verb"]) == ("act", who, verb)
    assert act.detail["token"] == token_id
    assert act.detail["address"] == "127.0.0.1"
    assert act.detail["subject"]
    if pattern != r"/v1/journal":
        assert act.detail["reason"] == "because"
    assert (outcome.kind, outcome.cause) == ("outcome", act.seq)
    assert outcome.detail["outcome"] in ("done", "unchanged")


def test_of_a_path_that_is_polled_the_reads_alone_are_sampled(service: Service) -> None:
    who = fresh("user")
    token = service.token(who, "read:*")
    for _ in range(2):
        for path in ("/v1/briefs", "/v1/inbox", "/v1/tasks"):
            assert service.get(path, token)[0] == 200
        asked = {"type": "country", "entity_id": fresh("SA"), "language": "en"}
        assert call(service, token, "POST", "/v1/briefs", asked)[0] == 202
    calls = told(service, lambda header: header.kind == "http" and header.user == who, 5)
    made = sorted((one.detail["method"], one.detail["path"]) for one in calls)
    assert made == [*(("GET", f"/v1/{name}") for name in ("briefs", "inbox", "tasks")), *[("POST", "/v1/briefs")] * 2]


def told(service: Service, fits: Callable[[Header], bool], count: int) -> list[Header]:
    """The headers that fit, when there are so many; they are written a moment after they happened."""

    def found() -> list[Header]:
        return [entry.header for entry in service.journal() if fits(entry.header)]

    eventually(lambda: len(found()) >= count, found)
    headers = found()
    assert len(headers) == count, headers
    return headers


@asynchronous
async def test_who_administers_one_channel_gets_no_address_and_no_token_of_others(service: Service) -> None:
    channel, token_id = f"dossier:acts:{fresh('channel')}", fresh("token")
    token = service.token(fresh("admin"), "admin:*", clearance="secret", jti=token_id)
    assert call(service, token, "PUT", f"/v1/channels/{channel}", {"presence": False})[0] == 200
    told(service, lambda header: header.via == f"token:{token_id}" and header.kind == "outcome", 1)
    for context in ("", "&context=true"):
        own = service.token(fresh("warden"), f"admin:{channel}", clearance="secret")
        status, found = service.get(f"/v1/journal?channel={channel}{context}", own)
        assert status == 200
        lines = str(found)
        assert "change_settings" in lines
        assert (token_id in lines, "127.0.0.1" in lines) == (False, False)


STATES = set(get_args(Verb)) - {"publish", "export_journal"}
"""Acts that find and leave a state. A publication finds none, an export leaves none."""
AGAIN = {
    "change_comment": "unchanged",
    "change_settings": "unchanged",
    "disconnect_user": "unchanged",
    "mark_translated": "done",
    "name_version": "unchanged",
    "pair_documents": "unchanged",
    "restore_document": "unchanged",
    "restore_limits": "unchanged",
    "revoke_token": "unchanged",
    "revoke_user": "done",
    "sign_snapshot": "done",
}
"""The outcome of the same call a second time. The tokens of a user are shut out as issued until then: that moved.

A second signature is one more."""
REVOKED_TOKEN = {("post", "a token"): ("revoke_token", _path("/v1/tokens/revoke", {"jti": "gone-1"}))}


@pytest.mark.parametrize(("method", "pattern"), sorted(CALLS | REVOKED_TOKEN))
@asynchronous
async def test_an_act_says_what_it_found_and_what_it_leaves(service: Service, method: str, pattern: str) -> None:
    verb, make = (CALLS | REVOKED_TOKEN)[method, pattern]
    if verb not in STATES:
        return
    who, token_id = _new_caller(), fresh("token")
    path, body = await make(service)
    token = service.token(who, "admin:*", "write:user:*", clearance="secret", jti=token_id)
    twice = 2 if verb in AGAIN else 1
    for _ in range(twice):
        status, answer = call(service, token, method.upper(), path, body)
        assert status in (200, 202), answer
    while _clients:
        await _clients.pop().close()
    mine = f"token:{token_id}"
    acts = told(service, lambda header: header.via == mine and header.kind == "act", twice)
    outcomes = told(service, lambda header: header.via == mine and header.kind == "outcome", twice)
    for act in acts:
        before, after = (json.loads(str(act.detail[name])) for name in ("before", "after"))
        assert before, "what it found is said, also where that is nothing yet"
        assert after
    if verb in AGAIN:
        assert outcomes[1].detail["outcome"] == AGAIN[verb]
        assert (
            acts[1].detail["before"] != acts[0].detail["before"] or acts[0].detail["before"] == acts[0].detail["after"]
        )


def test_every_verb_has_a_call_that_shows_it() -> None:
    assert not STATES - {verb for verb, _ in (CALLS | REVOKED_TOKEN).values()}
