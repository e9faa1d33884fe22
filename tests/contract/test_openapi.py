"""The OpenAPI document against the routing table, in both directions, and as generators of clients read it."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, get_args

import pytest
import tornado.web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core import authorization
from app.core.schema.calls import CALLS
from app.core.schema.messages import camel_case
from app.core.schema.openapi import REFUSALS, openapi, refusals_of
from app.web.application import ROUTES
from app.web.domain import publish_handler as publish
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import Publishable
from tests.contract.mutations import Document, documents, expressible
from tests.contract.schemas import faults, parts
from tests.harness.measurements import Report
from tools.generate import examples

METHODS = ("get", "head", "post", "put", "patch", "delete")
DOCUMENT = openapi()


def _served() -> set[tuple[str, str]]:
    """Each method of each route, the parts of paths that vary as `{}`."""
    found = set()
    for pattern, handler, *_ in ROUTES:
        path = pattern.replace("([^/]+)", "{}").replace("\\", "")
        for method in METHODS:
            if getattr(handler, method) is not getattr(tornado.web.RequestHandler, method):
                found.add((method, path))
    return found


def test_every_method_of_every_route_is_described_and_no_other() -> None:
    described = {(call.method, re.sub(r"\{\w+\}", "{}", call.path)) for call in CALLS}
    assert len(described) == len(CALLS)
    missing, invented = _served() - described, described - _served()
    assert not missing, f"add rows to app/core/schema/calls.py: {sorted(missing)}"
    assert not invented, f"no route answers these rows of app/core/schema/calls.py: {sorted(invented)}"


def test_the_document_has_every_call_with_its_parameters() -> None:
    operations = {(method, path): row for path, rows in DOCUMENT["paths"].items() for method, row in rows.items()}
    assert operations.keys() == {(call.method, call.path) for call in CALLS}
    for (_, path), row in operations.items():
        given = {each["name"] for each in row.get("parameters", ()) if each["in"] == "path"}
        assert given == set(re.findall(r"\{(\w+)\}", path))
        assert all(each["required"] for each in row.get("parameters", ()) if each["in"] == "path")
    assert max(Counter(row["operationId"] for row in operations.values()).values()) == 1


def test_references_lead_to_what_the_document_holds_and_nothing_is_left_over() -> None:
    references = {part["$ref"] for part in parts(DOCUMENT) if "$ref" in part}
    held = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in DOCUMENT["components"][kind]}
    used = references | {f"#/components/responses/Refused{status}" for status in REFUSALS}
    assert references <= held
    assert held == used


def test_every_error_code_comes_with_a_status_that_some_call_has() -> None:
    statuses = {status for call in CALLS for status in refusals_of(call)}
    codes = {code for status in statuses for code in REFUSALS[status][1]}
    of_the_socket = {ErrorCode.AUTH_FAILED, ErrorCode.SUBSCRIPTION_FAILED, ErrorCode.METHOD_NOT_ALLOWED}
    assert codes == set(ErrorCode) - of_the_socket


@pytest.mark.parametrize("event", get_args(Publishable), ids=lambda event: event.__name__)
def test_an_event_is_published_with_a_channel_or_with_channels(event: Any) -> None:
    schema = {"$ref": "#/components/schemas/PublishBatch"}
    for example in examples()[f"client.{event.__struct_config__.tag}"]:
        one = {key: value for key, value in example.items() if key not in ("ref", "idempotency_key")}
        channel = one["channel"]
        many = {key: value for key, value in one.items() if key != "channel"} | {"channels": [channel]}
        for good in (one, many):
            assert faults(DOCUMENT, schema, {"events": [good]}) == []
        for bad in (
            many | {"channel": channel},
            {**many, "channels": []},
            {**one, "channel": None},
            {**one, "channel": "nowhere:1"},
        ):
            assert faults(DOCUMENT, schema, {"events": [bad]})
    assert faults(DOCUMENT, schema, {"events": []})
    assert faults(DOCUMENT, schema, {})


def _is_published(document: Document) -> bool:
    """Return true where the service finds no fault with the form of an event, rights apart."""
    try:
        event, channels = publish._read(0, json.dumps(document).encode())
    except publish.BatchError:
        return False
    return not any(
        authorization.channel_denial(name) or authorization.carried_denial(event, name) for name, _ in channels
    )


def test_the_schema_and_the_service_agree_on_every_event_over_http(report: Report) -> None:
    schema = DOCUMENT["components"]["schemas"]
    verdicts: Counter[bool] = Counter()

    @settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, max_examples=150)
    @given(batch=documents("client"), to=st.sampled_from(["channel", "channels", "both"]))
    def check(batch: list[Document], to: str) -> None:
        for document in filter(expressible, batch):
            definition = schema.get(camel_case(f"publish_{document.get('type')}"))
            if definition is None:
                continue
            event = dict(document)
            if to != "channel" and "channel" in event:
                event["channels"] = [event["channel"]]
                event["channel"] = None if to == "channels" else event["channel"]
            accepted = _is_published(event)
            verdicts[accepted] += 1
            assert (faults(DOCUMENT, definition, event) == []) is accepted, json.dumps(event, ensure_ascii=False)

    check()
    report(f"{verdicts[True]} events accepted and {verdicts[False]} refused by both")
    assert min(verdicts.values()) > 50


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"jti": "t1"}, True),
        ({"user": "u1", "jti": None}, True),
        ({}, False),
        ({"jti": "t1", "user": "u1"}, False),
        ({"jti": None, "user": None}, False),
        ({"jti": "t1", "more": 1}, False),
    ],
    ids=json.dumps,
)
def test_a_revocation_names_a_token_or_a_user(body: dict[str, Any], fits: bool) -> None:
    assert (faults(DOCUMENT, {"$ref": "#/components/schemas/Revocation"}, body) == []) is fits
