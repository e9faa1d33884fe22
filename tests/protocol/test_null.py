"""`null` says the same as a field left out, in both directions, but where it has a meaning of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Struct, inspect

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Command
from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.inbound import INBOUND
from tests.protocol.samples import Path, full, json_path, put

MEANINGS = {
    ("Attributes", None): "removes the attribute",
    ("PresenceChange", "field"): "in no field",
    ("PresenceUpdatePayload", "avatar"): "no picture any more",
}
"""Structs and fields in which `null` means something else than a field left out."""

SENT = [*get_args(Command), *INBOUND.values()]
RECEIVED = list(get_args(Event))


def _optional(struct: type[Struct]) -> Iterator[Path]:
    yield from _within(inspect.type_info(struct), ())


def _within(kind: inspect.Type, path: Path) -> Iterator[Path]:
    """Yield where the fields stand that may be left out."""
    match kind:
        case inspect.Metadata():
            yield from _within(kind.type, path)
        case inspect.UnionType():
            yield from _within(next(part for part in kind.types if not isinstance(part, inspect.NoneType)), path)
        case inspect.ListType() | inspect.VarTupleType():
            yield from _within(kind.item_type, (*path, 0))
        case inspect.StructType():
            for field in kind.fields:
                here = (*path, field.encode_name)
                name = kind.cls.__name__
                if not field.required and not {(name, field.name), (name, None)} & MEANINGS.keys():
                    yield here
                yield from _within(field.type, here)
        case _:
            pass


def _places(structs: list[type[Struct]]) -> list[Any]:
    return [
        pytest.param(struct, path, id=f"{struct.__name__}{json_path(path)}")
        for struct in structs
        for path in _optional(struct)
    ]


def _frames(struct: type[Struct], path: Path) -> tuple[bytes, bytes]:
    """The message with null at the place, and with nothing there."""
    whole = full(struct)
    null = json.dumps(put(json.loads(json.dumps(whole)), path, None)).encode()
    *parents, last = path
    place: Any = whole
    for key in parents:
        place = place[key]
    del place[last]
    return null, json.dumps(whole).encode()


def _outcome(decode: Callable[[bytes], object], frame: bytes) -> object:
    """Return the message, or that it is refused: a batch without its operations, say."""
    try:
        return decode(frame)
    except (codec.InvalidMessage, msgspec.ValidationError):
        return "refused"


@pytest.mark.parametrize(("struct", "path"), _places(SENT))
def test_null_from_a_client_is_a_field_left_out(struct: type[Struct], path: Path) -> None:
    null, absent = (_outcome(codec.decode_command, frame) for frame in _frames(struct, path))
    assert null == absent


@pytest.mark.parametrize(("struct", "path"), _places(RECEIVED))
def test_null_from_the_server_is_a_field_left_out(struct: type[Struct], path: Path) -> None:
    null, absent = (_outcome(codec.decode_event, frame) for frame in _frames(struct, path))
    assert null == absent
