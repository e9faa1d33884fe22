"""The inbound form of each publishable event, derived from its outbound Struct.

Inbound differs in three ways: unknown fields inside `payload` are refused, fields that the server writes (identity,
time) may be absent, and `ref` and `idempotency_key` may stand at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from .events import Publishable
from .fields import Actor, IdempotencyKey, Ref


@dataclass(slots=True)
class InboundMessage:
    """An event of a client, before the server has stamped it."""

    event: Publishable
    ref: str | None = None
    idempotency_key: str | None = None

    @property
    def channel(self) -> str | None:
        """The channel to publish on."""
        return self.event.channel


def encode_inbound(message: Struct | InboundMessage) -> bytes:
    """Return a decoded message as a frame again, without the ignored fields."""
    if not isinstance(message, InboundMessage):
        return msgspec.json.encode(message)
    event: Any = message.event
    event.ref, event.idempotency_key = message.ref, message.idempotency_key
    frame = msgspec.json.encode(event)
    event.ref = event.idempotency_key = None
    return frame


class ForeignIdentity(ValueError):
    """A payload that names another user than its sender; the message holds the JSON path."""


def _stamp_kind(annotation: Any) -> str | None:
    if get_origin(annotation) is Annotated:
        for note in annotation.__metadata__:
            if isinstance(note, Meta) and note.extra and "stamp" in note.extra:
                return str(note.extra["stamp"])
    return None


def _strict(annotation: Any) -> Any:
    """Return the same type, with Structs that refuse unknown fields."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return Annotated[_strict(annotation.__origin__), *annotation.__metadata__]
    if origin in (Union, UnionType):
        return Union[tuple(_strict(part) for part in get_args(annotation))]  # noqa: UP007  built at run time
    if origin is list:
        return list[_strict(get_args(annotation)[0])]  # type: ignore[misc]  # a type made at run time
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return _strict_struct(annotation)
    return annotation


@cache  # one inbound type for each outbound one, wherever it is used
def _strict_struct(struct: type[Struct]) -> type[Struct]:
    if struct.__struct_config__.forbid_unknown_fields:
        return struct
    fields: list[Any] = []
    for name, annotation in get_type_hints(struct, include_extras=True).items():
        if _stamp_kind(annotation) is not None:
            fields.append((name, _strict(annotation) | None, None))
        else:
            fields.append((name, _strict(annotation), *_default(struct, name)))
    return msgspec.defstruct(
        f"Inbound{struct.__name__}",
        fields,
        bases=(struct,),
        module=__name__,
        forbid_unknown_fields=True,
        kw_only=True,
    )


def _default(struct: type[Struct], name: str) -> tuple[Any, ...]:
    field = next(f for f in msgspec.structs.fields(struct) if f.name == name)
    if field.default_factory is not msgspec.NODEFAULT:
        return (msgspec.field(default_factory=field.default_factory),)
    return () if field.default is msgspec.NODEFAULT else (field.default,)


def _inbound(event: type[Struct]) -> type[Struct]:
    payload = get_type_hints(event, include_extras=True)["payload"]
    return msgspec.defstruct(
        f"Inbound{event.__name__}",
        [
            ("payload", _strict_struct(payload)),
            ("channel", str | None, None),
            ("offset", Any, None),  # the server's own: ignored, whatever it is
            ("ref", Ref | None, None),
            ("idempotency_key", IdempotencyKey | None, None),
        ],
        bases=(event,),
        module=__name__,
        kw_only=True,
    )


INBOUND: dict[type[Struct], type[Struct]] = {event: _inbound(event) for event in get_args(Publishable)}
"""Each publishable event and the Struct that reads it from a client."""

_STAMPS: dict[type[Struct], list[tuple[str, str]]] = {
    inbound: [
        (name, kind)
        for name, annotation in get_type_hints(
            get_type_hints(event, include_extras=True)["payload"], include_extras=True
        ).items()
        if (kind := _stamp_kind(annotation)) is not None
    ]
    for event, inbound in INBOUND.items()
}


def stamp(event: Publishable, user_id: str, name: str, now: int) -> None:
    """Write the sender's identity and the time (Unix seconds) into the event, in place.

    Raises ForeignIdentity where the payload names another user.
    """
    payload: Any = event.payload
    event.offset = None
    for field, kind in _STAMPS[type(event)]:
        said = getattr(payload, field)
        if kind == "time":
            setattr(payload, field, now)
        elif kind == "user":
            if said not in (None, user_id):
                raise ForeignIdentity(f"$.payload.{field}")
            setattr(payload, field, user_id)
        else:
            if said is not None and (said.user_id != user_id or said.name != name):
                raise ForeignIdentity(f"$.payload.{field}")
            setattr(payload, field, Actor(user_id, name))


def event_type(event: Publishable) -> type[Struct]:
    """Return the Struct of `events` that the event is an instance of."""
    return type(event).__mro__[1] if type(event) not in INBOUND else type(event)
