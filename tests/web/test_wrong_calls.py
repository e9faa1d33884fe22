"""Calls that are wrong: the answer names the place and the remedy."""

from __future__ import annotations

import httpx
import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Message


def update(**where: object) -> Message:
    payload = {"entity_type": "country", "entity_id": "e1", "operation": "update", "fields_changed": ["name"]}
    return {"type": "dossier_update", "payload": payload} | where


def call(service: Service, method: str, path: str, body: object = b"", **headers: str) -> httpx.Response:
    token = service.token("publisher", "write:dossier:*", "write:document:*")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | named
    given = {"content": body} if isinstance(body, bytes) else {"json": body}
    return httpx.request(method, service.http + path, headers=head, timeout=HANG_SECONDS, **given)


@pytest.mark.parametrize("wrong", ["nowhere:1", "dossier:", "workspace:1"])
def test_the_wrong_one_of_many_channels_is_named_by_its_place(service: Service, wrong: str) -> None:
    events = [update(channel="dossier:wrong:a"), update(channels=["dossier:wrong:a", "dossier:wrong:b", wrong])]
    answer = call(service, "POST", "/v1/publish", {"events": events})
    assert (answer.status_code, answer.json()["path"]) == (400, "$.events[1].channels[2]")


@pytest.mark.parametrize(
    ("method", "path", "headers", "told"),
    [
        ("POST", "/v1/publish", {}, "This is not valid JSON in UTF-8; send exactly one JSON object"),
        ("PUT", "/v1/documents/a", {}, "This is not valid JSON in UTF-8; send exactly one JSON object"),
        ("POST", "/v1/publish", {"Idempotency_Key": "a b"}, "ASCII characters without blanks"),
        ("GET", "/v1/nothing", {}, "/v1/openapi.json lists the calls"),
        ("DELETE", "/v1/publish", {}, "use one of the Allow header"),
    ],
)
def test_a_refusal_names_the_remedy_and_no_frame(
    service: Service, method: str, path: str, headers: dict[str, str], told: str
) -> None:
    answer = call(service, method, path, **headers)
    assert told in answer.json()["message"]
    assert "frame" not in answer.json()["message"]


def test_a_body_over_the_limit_is_told_the_limit(service: Service) -> None:
    assert "64 KiB" in call(service, "POST", "/v1/publish", b" " * 65_537).json()["message"]


def test_an_existing_document_asks_for_the_version_that_was_read(service: Service) -> None:
    path = "/v1/documents/wrong-calls"
    assert call(service, "PUT", path, {"content": "one"}).status_code == 200
    answer = call(service, "PUT", path, {"content": "two"})
    assert (answer.status_code, answer.json()["message"]) == (
        428,
        "The document has a text already; send the version that you read as If-Match, or as base",
    )
