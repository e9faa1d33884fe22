"""The pages of the service: `/`, the room and its files, and the calls by which guests come in."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.web.application import PAGE_ROUTES
from app.web.pages.page_handlers import page_files
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client

PAGES = ("/", "/room")
CALLS = ("/room/guests", "/room/tokens", "/room/links")
AT_THE_DASHBOARDS_ADDRESS = "/room/operators"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("room") / "data") as running:
        yield running
    running.assert_log_clean()


def _call(service: Service, path: str, body: object = None) -> tuple[int, dict[str, str], Any]:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(service.http + path, data, {"Content-Type": "application/json"})  # noqa: S310  ours
    try:
        with urllib.request.urlopen(asked, timeout=HANG_SECONDS) as answer:  # noqa: S310  likewise
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, dict(refused.headers), json.loads(refused.read())


def _post(service: Service, path: str, **body: str) -> tuple[int, Any]:
    status, _, answer = _call(service, path, body)
    return status, json.loads(answer) if isinstance(answer, bytes) else answer


def printed_key(service: Service) -> str:
    """Return the key of the link that the start printed."""
    found = re.search(rf"http://\S+:{service.port}/#(\S+)", service.output())
    assert found is not None, service.output()
    return found[1]


@asynchronous
async def test_the_printed_link_lets_one_guest_in_who_may_work_in_the_room_and_nowhere_else(service: Service) -> None:
    key = printed_key(service)
    status, guest = _post(service, "/room/guests", key=key)
    assert status == 201
    assert _post(service, "/room/guests", key=key)[0] == 410
    status, renewed = _post(service, "/room/tokens", pass_key=guest["pass_key"])
    assert status == 201
    async with await Client.connect(service, renewed["token"]) as client:
        assert client.login["user_id"] == guest["user_id"]
        for channel in ("dossier:country:SA", "document:room", "workspace:room"):
            await client.subscribe(channel)
        for other in ("dossier:country:EG", "document:other", "workspace:other", "user:somebody", "global"):
            answer = await client.ask({"type": "subscribe", "channel": other})
            expected = "subscribed" if other == "global" else "error"
            assert answer["type"] == expected, answer
    status, link = _post(service, "/room/links", pass_key=guest["pass_key"])
    assert status == 201
    other = _post(service, "/room/guests", key=link["key"])[1]
    assert other["user_id"] != guest["user_id"]


def test_keys_that_nothing_is_known_of_and_bodies_of_another_form_get_a_clear_answer(service: Service) -> None:
    for path, field in zip(CALLS, ("key", "pass_key", "pass_key"), strict=True):
        status, answer = _post(service, path, **{field: "unknown"})
        assert (status, answer["error_code"]) == (410, "NOT_FOUND")
        assert len(answer["message"]) > 20
        for wrong in ({}, {field: 1}, {field: "x", "more": "y"}, ["x"], {field: "x" * 2000}):
            status, _, answer = _call(service, path, wrong)
            assert status in (400, 413), (path, wrong)
            assert answer["error_code"] == "INVALID_MESSAGE_FORMAT"


def test_the_operators_token_is_not_to_be_had_at_the_services_own_address(service: Service) -> None:
    assert _post(service, AT_THE_DASHBOARDS_ADDRESS, key=printed_key(service))[0] == 404


def test_pages_and_files_come_from_the_service_alone(service: Service) -> None:
    for path in (*PAGES, *(f"/room/assets/{name}" for name in page_files())):
        status, headers, body = _call(service, path)
        assert status == 200, path
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        text = body.decode()
        # With a host: a form that links have to have, as in `https://…`, is no address.
        foreign = set(re.findall(r"https?://(?:\w|\[[\da-f:])[^\s\"'`)<>]*", text)) - {"http://www.w3.org/2000/svg"}
        assert not foreign, (path, foreign)
        assert " style=" not in text or not path.endswith(("/", "/room")), path
    for missing in ("/room/assets/missing.js", "/room/assets/..", "/room/assets/%2e%2e%2fpage_handlers.py"):
        assert _call(service, missing)[0] == 404


@pytest.mark.parametrize(
    "settings",
    [
        {"server.room": "never"},
        {"server.production": True, "server.allowed_origins": ["https://dossier.example"]},
    ],
    ids=["never", "production"],
)
def test_without_a_room_none_of_its_paths_is_served_and_no_link_is_printed(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    with Service(tmp_path / "data", settings) as service:
        assert "/#" not in service.output()
        for path in (*PAGES, "/room/assets/pages.css"):
            assert _call(service, path)[0] == 404, path
        for path in (*CALLS, AT_THE_DASHBOARDS_ADDRESS):
            assert _post(service, path, key="x")[0] == 404, path
    service.assert_log_clean()


def test_every_page_route_is_tried_here() -> None:
    assert {pattern for pattern, _ in PAGE_ROUTES} == {
        *PAGES,
        *CALLS,
        AT_THE_DASHBOARDS_ADDRESS,
        r"/room/assets/([a-z._-]{1,64})",
    }


def test_processes_that_share_a_port_have_no_room_each_and_say_so(tmp_path: Path) -> None:
    with Service(tmp_path / "data", {"server.reuse_port": True}) as sharing:
        assert "#" not in sharing.output()
        for path in CALLS:
            assert _post(sharing, path, key="k", pass_key="k")[0] == 404
        assert sharing.log().count("no_room_of_guests") == 1
        sharing.assert_log_clean()
