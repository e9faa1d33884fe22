"""The documents in a form that validators and generators of other languages read."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from typing import Any

import pytest

from app.core.schema.asyncapi import asyncapi
from app.core.schema.json_schema import json_schema
from app.core.schema.openapi import openapi
from tests.contract.schemas import parts

# Types that ECMAScript and browsers have under these names; Python's come from `builtins`.
_TAKEN = {
    *dir(builtins),
    *("Array", "Attr", "Blob", "Boolean", "CloseEvent", "Comment", "CustomEvent", "DataView", "Date", "Document"),
    *("Element", "Error", "ErrorEvent", "Event", "EventTarget", "File", "FormData", "Function", "Headers", "History"),
    *("Image", "Intl", "JSON", "Location", "Map", "Math", "MessageEvent", "Node", "Notification", "Number", "Object"),
    *("Option", "Permissions", "ProgressEvent", "Promise", "Proxy", "Range", "Reflect", "RegExp", "Request"),
    *("Response", "Selection", "Set", "Storage", "String", "Symbol", "Text", "URL", "WebSocket", "Window", "Worker"),
}
_NOT_PORTABLE = re.compile(r"\(\?(?!:)|\\[1-9kpPbBAzZQEuswdSWD]|\\x\{|\{\d+,?(?:[1-9]\d{3,})?\}\{")
_DOCUMENTS = {"schema": json_schema, "asyncapi": asyncapi, "openapi": openapi}


@pytest.fixture(params=_DOCUMENTS)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    make: Callable[[], dict[str, Any]] = _DOCUMENTS[request.param]
    return make()


def _named(document: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = document["$defs"] if "$defs" in document else document["components"]["schemas"]
    return named


def test_patterns_are_anchored_and_read_alike_by_python_ecmascript_and_re2(document: dict[str, Any]) -> None:
    patterns = {part["pattern"] for part in parts(document) if isinstance(part.get("pattern"), str)}
    assert patterns
    for pattern in patterns:
        assert _NOT_PORTABLE.search(pattern) is None, pattern
        assert max(map(int, re.findall(r"\{\d*,?(\d+)\}", pattern)), default=0) <= 1_000, f"RE2 refuses {pattern}"
        assert pattern.startswith(("^", "(^|")), pattern
        assert pattern.endswith(("$", "|$)")), pattern


def test_names_are_titles_and_shadow_nothing(document: dict[str, Any]) -> None:
    for name, schema in _named(document).items():
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", name)
        assert schema.get("title", name) == name
        assert name not in _TAKEN


def test_types_of_messages_are_constants_and_required(document: dict[str, Any]) -> None:
    messages = {name: schema for name, schema in _named(document).items() if re.match(r"(Client|Server|Publish)", name)}
    tagged = [schema for schema in messages.values() if "type" in schema.get("properties", {})]
    assert len(tagged) >= 10
    for schema in tagged:
        assert schema["properties"]["type"]["type"] == "string"
        assert schema["properties"]["type"]["const"]
        assert "type" in schema["required"]


def test_a_choice_of_messages_names_the_field_that_tells_them_apart(document: dict[str, Any]) -> None:
    named = _named(document)
    choices = [schema for schema in named.values() if "discriminator" in schema]
    assert choices or "asyncapi" in document, "an AsyncAPI document chooses by the messages of an operation"
    for schema in choices:
        targets = {reference["$ref"] for reference in schema["oneOf"]}
        assert set(schema["discriminator"]["mapping"].values()) == targets
        for kind, target in schema["discriminator"]["mapping"].items():
            assert named[target.rpartition("/")[2]]["properties"]["type"]["const"] == kind


def test_no_keyword_of_the_generator_is_left(document: dict[str, Any]) -> None:
    assert not any("nullIsAbsent" in part for part in parts(document))
