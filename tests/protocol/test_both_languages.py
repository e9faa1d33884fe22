"""A text that needs both languages is refused without one of them, with its path: every message, every body of a call.

The messages are walked by their types, so that a new one, or a new field, joins by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_args

import msgspec
import pytest
from msgspec import Struct, inspect

from app.core.schema.calls import CALLS
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import DomainMessage
from dossier_realtime.protocol.events import Publishable
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.protocol.inbound import INBOUND
from tests.promises.marked_messages import filled

Place = tuple[str | int, ...]


class Said(NamedTuple):
    """A message or a body, the reader of it, and the places in it of texts in both languages."""

    name: str
    message: dict[str, Any]
    read: Callable[[bytes], object]
    places: list[Place]


def _places(kind: inspect.Type, value: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the places of texts in both languages within a value that its type was filled with."""
    match kind:
        case inspect.Metadata():
            yield from _places(kind.type, value, at)
        case inspect.StructType() if kind.cls is Localized:
            yield at
        case inspect.StructType():
            for field in kind.fields:
                if isinstance(value, dict) and field.encode_name in value:
                    yield from _places(field.type, value[field.encode_name], (*at, field.encode_name))
        case inspect.UnionType():
            for one in kind.types:
                if isinstance(value, dict) == isinstance(one, inspect.StructType):
                    yield from _places(one, value, at)
        case inspect.ListType():
            for number, one in enumerate(value if isinstance(value, list) else []):
                yield from _places(kind.item_type, one, (*at, number))
        case _:
            return


def _said(struct: type[Struct], name: str, read: Callable[[bytes], object]) -> Said:
    message = filled(struct, 1)
    return Said(name, message, read, list(_places(inspect.type_info(struct), message)))


def _body_reader(form: type[Struct]) -> Callable[[bytes], object]:
    return lambda raw: codec.decode_body(raw, form)


def _every() -> list[Said]:
    messages = [INBOUND[event] for event in get_args(Publishable)] + list(get_args(DomainMessage))
    found = []
    for struct in messages:
        tag = str(struct.__struct_config__.tag)
        said = _said(struct, tag, codec.decode_command)
        found.append(said._replace(message=said.message | {"type": tag}))
    bodies = {call.said.body for call in CALLS if isinstance(call.said.body, type)}
    found += [_said(body, body.__name__, _body_reader(body)) for body in sorted(bodies, key=lambda one: one.__name__)]
    return found


EVERY = _every()
CASES = [(said, place, language) for said in EVERY for place in said.places for language in ("en", "ar")]


def _path(place: Place) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)


def test_those_that_need_both_are_found() -> None:
    named = {said.name for said in EVERY if said.places}
    assert {
        "notification",
        "commitment_alert",
        "brief_generation_failed",
        "task_assigned",
        "relationship_health_change",
        "CommitmentBody",
        "ScoreBody",
    } <= named, named


@pytest.mark.parametrize(
    ("said", "place", "language"),
    CASES,
    ids=[f"{said.name}{_path(place)} {language}" for said, place, language in CASES],
)
def test_a_text_without_one_of_its_languages_is_refused_with_its_path(said: Said, place: Place, language: str) -> None:
    said.read(msgspec.json.encode(said.message))  # it is good as it is
    for wrong in (..., "", 5, None):
        message = copy.deepcopy(said.message)
        text: Any = message
        for part in place:
            text = text[part]
        if wrong is ...:
            del text[language]
        else:
            text[language] = wrong
        with pytest.raises(codec.InvalidMessage) as refused:
            said.read(msgspec.json.encode(message))
        assert refused.value.path.startswith(_path(place)), (wrong, refused.value.path)
        assert language in f"{refused.value.path} {refused.value.reason}", refused.value.reason
