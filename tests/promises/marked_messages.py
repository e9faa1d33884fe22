"""Messages with a marker in every string field that can hold one, made by walking the message types themselves.

A new message or field joins by itself. What cannot hold a marker (words of a closed list, dates) is told apart by
`unmarked`, so that a test can say which fields those are.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import inspect

from dossier_realtime.protocol.commands import (
    AcknowledgeAlert,
    CancelBrief,
    EditOperation,
    MoveCursor,
    RequestBrief,
    UpdatePresence,
)
from dossier_realtime.protocol.events import Publishable
from dossier_realtime.protocol.inbound import INBOUND

MARK = "zzplanted"
NAME = f"{MARK}name"
"""Stands in names of channels, and so in paths."""
TEXT = f"{MARK}text"
"""Stands in fields of messages."""
Message = dict[str, Any]
_OWN = {"user_id", "user_name", "updated_by", "assigned_by", "timestamp", "offset", "channel"}
"""Written by the service, or equal to who sends."""
_COMMANDS = (EditOperation, UpdatePresence, MoveCursor, AcknowledgeAlert, RequestBrief, CancelBrief)
"""Those that say something of a channel, a commitment or a brief; the others are about the connection itself."""


_STEPS = {"$.payload.previous_status": "pending", "$.payload.new_status": "in_progress"}
"""The words of a task's step, which are a closed list that the task's rules hold and no type."""


_tasks = itertools.count()


class Planted(NamedTuple):
    """A message for a channel, and the paths of its fields with and without the marker."""

    message: Message
    marked: frozenset[str]
    unmarked: frozenset[str]


def messages(variant: int) -> Iterator[Planted]:
    """One of each type. `variant` 0 writes texts as one string, 1 in both languages; ids are each variant's own."""
    for event in get_args(Publishable):
        yield _planted(INBOUND[event], variant)
    for command in _COMMANDS:
        planted = _planted(command, variant)
        if command is not EditOperation:
            yield planted
            continue
        payload = planted.message["payload"]
        # The fields of an edit belong to one kind of it or another.
        for kind, fields in (("insert", ("content",)), ("format", ("length", "attributes"))):
            kept = {"operation_type": kind, "position": 0, "version": 0, "op_id": f"{TEXT}{variant}{kind}"}
            kept |= {name: payload[name] for name in fields}
            yield planted._replace(message=planted.message | {"payload": kept})


def filled(struct: type[msgspec.Struct], variant: int) -> Message:
    """Return a value for a message or a body; `variant` as for `messages`."""
    made: Message = _Filler(variant).fill(inspect.type_info(struct), "$")
    return made


def _planted(struct: type[msgspec.Struct], variant: int) -> Planted:
    filler = _Filler(variant)
    message = filler.fill(inspect.type_info(struct), "$")
    if "task_id" in message.get("payload", {}):
        message["payload"]["task_id"] += f"-{next(_tasks)}"  # a step is made once
    tag = struct.__struct_config__.tag
    return Planted(message | {"type": tag}, frozenset(filler.marked), frozenset(filler.unmarked))


class _Filler:
    def __init__(self, variant: int) -> None:
        self._variant = variant
        self.marked: set[str] = set()
        self.unmarked: set[str] = set()

    def fill(self, kind: inspect.Type, path: str) -> Any:
        match kind:
            case inspect.Metadata():
                return self.fill(kind.type, path)
            case inspect.StructType():
                return {
                    field.encode_name: self.fill(field.type, f"{path}.{field.encode_name}")
                    for field in kind.fields
                    if field.encode_name not in _OWN
                }
            case inspect.UnionType():
                return self.fill(self._chosen(kind), path)
            case inspect.ListType() | inspect.VarTupleType():
                return [self.fill(kind.item_type, f"{path}[]")] * max(1, kind.min_length or 0)
            case inspect.StrType() if path in _STEPS:
                self.unmarked.add(path)
                return _STEPS[path]
            case inspect.StrType():
                return self._text(kind, path)
            case inspect.LiteralType():
                self.unmarked.add(path)
                return kind.values[0]
            case inspect.IntType() | inspect.FloatType():
                return max(1, int(kind.ge or 0)) if kind.le is None or kind.le >= 1 else kind.le
            case inspect.BoolType():
                return True
            case _:
                raise AssertionError(f"{path}: nobody says how a value of {kind} is made")

    def _chosen(self, union: inspect.UnionType) -> inspect.Type:
        real = [one for one in union.types if not isinstance(one, inspect.NoneType)]
        wanted = inspect.StructType if self._variant else inspect.StrType
        return next((one for one in real if isinstance(one, wanted)), real[0])

    def _text(self, kind: inspect.StrType, path: str) -> str:
        marker = f"{TEXT}{self._variant}"
        for candidate in (marker, f"/{marker}"):
            long_enough = kind.max_length is None or len(candidate) <= kind.max_length
            if long_enough and (kind.pattern is None or re.search(kind.pattern, candidate)):
                self.marked.add(path)
                return candidate
        self.unmarked.add(path)
        return "2026-01-31"
