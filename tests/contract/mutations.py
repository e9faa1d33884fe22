"""Messages that are valid, nearly valid and broken, for the schema and the codec to judge."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import Struct

from app.core.schema.messages import messages
from app.core.schema.rules import namespaces_of
from dossier_realtime.protocol.fields import MAX_INSERT
from dossier_realtime.protocol.namespaces import NAMESPACES
from tests.protocol import samples
from tools.generate import examples

Document = dict[str, Any]

_CLIENT = {each.struct for each in messages() if each.direction == "client"}
# First one of each namespace, in their order; then others, and what is none.
_CHANNELS = [
    *("dossier:country:SA", "document:brief-42", "workspace:w1", "user:ali", "relationship:r1", "global", "ops:limits"),
    *("dossier:country", "dossier:a:b:c", "document:..", "document:a..b", "nowhere:1", "global:x", "", "document:"),
    *("document:" + "a" * 64, "document:" + "a" * 65, "document:1\n", "document:é", "user:.", "user:_.", "a" * 600),
]
_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 3, 4, 100, 101, 2**53 - 1, 2**53, 0.5, 1.0, -0.5, 1e300),
    *("", "a", "a\n", "a b", "ä", "😀", "é" * 64, "x" * 64, "x" * 65, "x" * 501, "\x00", "\x85", "\u2028", "..", "."),
    *(
        "insert",
        "delete",
        "format",
        "batch",
        "utf-16",
        "en",
        "internal",
        "secret",
        "online",
        "editing",
        "cooperation_areas",
    ),
    *("/", "/a", "//evil", "/\\evil", "/a b", "/a\u00a0b", "https://", "https://a.b/c", "javascript:x", "http://a"),
    *("2025-10-15", "2025-13-01", "2025-10-15\n", "٢٠٢٥-10-15", "2025-1-1"),
    *([], ["a"], ["a\n"], [1], [None], {}, {"en": "a", "ar": "ب"}, {"en": "a"}, {"user_id": "u1", "name": "N"}),
    *({"offset": 1}, {"epoch": "e"}, {"version": 3, "epoch": None}, {"bold": None}, {"bold": True, "heading": 4}),
    *({"operation_type": "insert", "position": 0, "content": "a"}, [{"operation_type": "insert", "position": 0}]),
]
_NAMES = ["ref", "idempotency_key", "channel", "offset", "unknown", "payload", "params", "since", "last", "content"]
_NAMES += [
    "length",
    "attributes",
    "field",
    "status",
    "version",
    "epoch",
    "user_id",
    "operation_type",
    "position",
    "operations",
]


@cache
def documents(direction: str) -> st.SearchStrategy[list[Document]]:
    """Return messages of a direction as JSON has them, each with mutations of it."""
    found = examples()
    chosen = [each for each in messages() if each.direction == direction]
    printed = st.sampled_from([document for each in chosen for document in found[each.name]])
    made = st.one_of(*(samples.messages(each.struct).map(_as_json) for each in chosen))
    return st.tuples(st.one_of(printed, made), st.integers(0, 2**32)).map(lambda given: list(_mutated(*given)))


def _as_json(message: Struct) -> Document:
    """Return a message as JSON has it; a client's names a channel that carries it."""
    document: Document = json.loads(msgspec.json.encode(message))
    if "channel" in document and type(message) in _CLIENT:
        document["channel"] = _CHANNELS[list(NAMESPACES).index(namespaces_of(type(message))[0])]
    return document


def _mutated(document: Document, seed: int) -> Iterator[Document]:
    chance = random.Random(seed)  # noqa: S311  nothing here is secret
    yield document
    for _ in range(20):
        changed = copy.deepcopy(document)
        if chance.random() < 0.3:  # what is ignored, or may be said
            changed[chance.choice(("ref", "more", "other"))] = chance.choice(("r1", "a b", "é" * 64, "\n"))
            yield changed
            continue
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            _mutate(changed, chance)
        yield changed


def _mutate(document: Document, chance: random.Random) -> None:
    """Change one place of the document: another value, none, null, one more field."""
    place: Any = chance.choice(list(_containers(document)))
    if isinstance(place, dict) and chance.random() < 0.2:
        place[chance.choice(_NAMES)] = copy.deepcopy(chance.choice(_VALUES))
    elif not place:
        return
    elif isinstance(place, list):
        place[chance.randrange(len(place))] = copy.deepcopy(chance.choice(_VALUES))
    else:
        name = chance.choice(list(place))
        if name == "channel" and chance.random() < 0.8:
            place[name] = chance.choice(_CHANNELS)
        elif chance.random() < 0.3:
            del place[name]
        else:
            place[name] = None if chance.random() < 0.3 else copy.deepcopy(chance.choice(_VALUES))


def _containers(part: Any) -> Iterator[Any]:
    if isinstance(part, dict | list):
        yield part
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _containers(inner)


def values(part: Any) -> Iterator[Any]:
    """Every single value in a document, and every key."""
    for container in _containers(part):
        if isinstance(container, dict):
            yield from container
        yield from container.values() if isinstance(container, dict) else container


def _whole_float(document: Document) -> bool:
    return any(isinstance(value, float) and value.is_integer() for value in values(document))


def _surrogate(document: Document) -> bool:
    return any(isinstance(value, str) and any(0xD800 <= ord(c) < 0xE000 for c in value) for value in values(document))


def _edits(document: Document) -> list[Document]:
    """Return the operations of an edit: the payload itself, and those of a batch."""
    payload = document.get("payload")
    if document.get("type") != "edit_operation" or not isinstance(payload, dict):
        return []
    batched = payload.get("operations")
    return [payload, *(one for one in batched if isinstance(one, dict))] if isinstance(batched, list) else [payload]


def _units(edit: Document) -> int:
    content = edit.get("content")
    return len(content.encode("utf-16-le", "surrogatepass")) // 2 if isinstance(content, str) else 0


def _astral(edit: Document) -> bool:
    return isinstance(edit.get("content"), str) and any(character > "\uffff" for character in edit["content"])


def _two_lengths(document: Document) -> bool:
    return any(
        edit.get("operation_type") in ("insert", "delete")
        and isinstance(edit.get("content"), str)
        and edit.get("length") not in (None, _units(edit))
        for edit in _edits(document)
    )


_EDIT = {"type": "edit_operation", "channel": "document:1"}
_AT = {"operation_type": "insert", "position": 0, "version": 1}

_TORN = [
    {"operation_type": "insert", "position": 0, "content": "😀"},
    {"operation_type": "delete", "position": 1, "length": 1},
]

INEXPRESSIBLE: dict[str, tuple[Callable[[Document], bool], str]] = {
    "1.0 is an integer to JSON Schema": (_whole_float, '{"type":"ping","timestamp":1.0}'),
    "a lone surrogate is text to JSON Schema": (_surrogate, '{"type":"auth","payload":{"token":"\\ud800"}}'),
    "JSON Schema counts characters, the service UTF-16 code units": (
        lambda document: any(_units(edit) > MAX_INSERT for edit in _edits(document)),
        json.dumps(_EDIT | {"payload": _AT | {"content": "😀" * (MAX_INSERT // 2 + 1)}}),
    ),
    "the length of an edit is that of its content": (
        _two_lengths,
        json.dumps(_EDIT | {"payload": _AT | {"content": "ab", "length": 3}}),
    ),
    "a position inside of a character that the batch inserts": (
        lambda document: len(_edits(document)) > 2 and any(_astral(edit) for edit in _edits(document)),
        json.dumps(_EDIT | {"payload": {"operation_type": "batch", "version": 1, "operations": _TORN}}),
    ),
    "keys that poison objects, wherever they stand": (
        lambda document: any(value in ("__proto__", "constructor") for value in values(document)),
        '{"type":"ping","more":{"__proto__":1}}',
    ),
    "nesting deeper than 16 levels in fields that are ignored": (
        lambda _: False,
        '{"type":"ping","more":' + "[" * 16 + "]" * 16 + "}",
    ),
}
"""Refusals that a schema cannot express: a test of a message, and a message that it concerns."""


def expressible(document: Document) -> bool:
    """Return whether a schema can say all that the service says of a message."""
    return not any(concerns(document) for concerns, _ in INEXPRESSIBLE.values())
