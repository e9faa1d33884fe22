"""Every call that changes or exports something is an act in the journal, before what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tornado.routing

from app.web import application as routes
from app.web.bearer import Bearer
from dossier_realtime.recording.entry import Header
from tests.harness.eventually import eventually
from tests.harness.running import asynchronous
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.web.test_actions import alert, brief, call, fresh, publish

Call = tuple[str, object]
_clients: list[Client] = []  # of the test that runs


async def _session(service: Service) -> Call:
    client = await Client.unauthenticated(service)
    _clients.append(client)
    state = await client.authenticate(service.token(fresh("user")))
    return f"/v1/sessions/{state['session_id']}", None


async def _alerted(service: Service) -> Call:
    commitment, user = fresh("commitment"), fresh("user")
    assert publish(service, alert(commitment, 1, user))[0] == 200
    return f"/v1/commitments/{commitment}/ack", {}


async def _brief(service: Service) -> Call:
    request, user = fresh("brief"), fresh("user")
    assert publish(service, brief(request, "started", user))[0] == 200
    return f"/v1/briefs/{request}/cancel", {}


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
    ("post", r"/v1/commitments/([^/]+)/ack"): ("acknowledge_alert", _alerted),
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
        if issubclass(handler, Bearer):
            found |= {(method, pattern) for method in handler.acts}
    return found


def test_the_table_of_calls_holds_every_route_that_acts() -> None:
    assert acting_routes() == set(CALLS)


def test_a_method_that_changes_something_must_name_its_verbs() -> None:
    with pytest.raises(TypeError, match="name its verbs"):
        type("Forgetful", (Bearer,), {"post": lambda self: None})


@pytest.mark.parametrize(("method", "pattern"), sorted(CALLS))
@asynchronous
async def test_a_call_is_an_act_with_all_that_is_to_be_known_of_it(service: Service, method: str, pattern: str) -> None:
    verb, make = CALLS[method, pattern]
    path, body = await make(service)
    who, token_id = fresh("admin"), fresh("token")
    token = service.token(who, "admin:*", "write:user:*", clearance="secret", jti=token_id)
    if pattern == r"/v1/journal":
        assert service.get(path, token)[0] == 200
    else:
        status, answer = call(service, token, method.upper(), path, body, X_Reason="because")
        assert status == 200, answer
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


def told(service: Service, fits: Callable[[Header], bool], count: int) -> list[Header]:
    """The headers that fit, when there are so many; they are written a moment after they happened."""

    def found() -> list[Header]:
        return [entry.header for entry in service.journal() if fits(entry.header)]

    eventually(lambda: len(found()) >= count, found)
    headers = found()
    assert len(headers) == count, headers
    return headers
