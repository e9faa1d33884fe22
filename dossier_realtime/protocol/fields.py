"""The types of fields in messages: their grammar and their bounds.

Units: `timestamp` is Unix time in whole seconds; durations name their unit in the field's own docstring;
text positions and lengths are UTF-16 code units.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec
from msgspec import Meta, Struct

__all__ = ["Activity", "Actor", "Health", "Level", "Localized", "Position", "Priority", "Stage", "Status"]
# The public names of the SDK; the others are for this package.

MAX_SAFE_INTEGER = 2**53 - 1  # JSON numbers beyond it change their value in a browser

T = TypeVar("T")

# Besides END, patterns use only syntax with one meaning in Python, ECMAScript and RE2: no look-around, no `\s`, no
# `\d`, characters beyond ASCII as themselves. END is "end of input" in Python, whose `$` accepts a trailing newline;
# the published schema has `$` instead, which means the same in ECMAScript and RE2.
END = r"(?![\s\S])"
SEGMENT = r"[A-Za-z0-9._-]{1,64}"

# Dots alone are no id: in a URL or a path, `..` is another folder.
Id = Annotated[str, Meta(max_length=64, pattern=rf"^\.{{0,63}}[A-Za-z0-9_-][A-Za-z0-9._-]{{0,63}}{END}")]
Ref = Annotated[str, Meta(min_length=1, max_length=64)]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=64)]
ChannelField = Annotated[str, Meta(max_length=512)]
"""A channel's name as it stands in a message; its grammar is checked by `channels.parse`."""
Name = Annotated[str, Meta(pattern=f"^[A-Za-z][A-Za-z0-9_]{{0,63}}{END}")]
"""A word of the domain: an entity type, a field, a status, a trigger."""
FieldName = Annotated[str, Meta(pattern=f"^[a-z0-9_.]{{1,64}}{END}")]
QUIET_FIELD = "quiet_edit"
"""The field that the SDK names in presence while a user holds a quiet edit (docs/protocol.md#present-users)."""
Line = Annotated[str, Meta(min_length=1, max_length=500, pattern=f"^[^\\x00]*{END}")]
Paragraph = Annotated[str, Meta(min_length=1, max_length=4000, pattern=f"^[^\\x00]*{END}")]
# White space and control characters, those of Unicode too.
_BLANK = "\\x00-\\x20\\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
Link = Annotated[str, Meta(max_length=2048, pattern=rf"^(/|/[^/\\{_BLANK}][^{_BLANK}]*|https://[^{_BLANK}]*){END}")]
"""A path within the product or an https address; nothing that a browser would run."""
Highlight = Literal["yellow", "green", "blue", "pink", "orange"]
Alternative = Annotated[str, Meta(min_length=1, max_length=64, pattern=f"^[^\\x00-\\x1f\\x7f]*{END}")]
"""The name of a bracketed alternative of a text under negotiation: one line."""
Date = Annotated[str, Meta(pattern=f"^[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]){END}")]

Integer = Annotated[int, Meta(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Count = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Timestamp = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Milliseconds = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Percentage = Annotated[int, Meta(ge=0, le=100)]
Fraction = Annotated[float, Meta(ge=0, le=1)]

Priority = Literal["low", "medium", "high", "urgent"]
Status = Literal["online", "away", "busy"]
Activity = Literal["viewing", "editing", "commenting"]
Direction = Literal["ltr", "rtl"]
Level = Literal["public", "internal", "confidential", "secret"]
Durability = Literal["memory", "fsync", "replicated"]
Health = Literal["healthy", "monitor", "at_risk", "critical"]
TaskStatus = Literal["pending", "in_progress", "completed", "cancelled"]
Stage = Literal["analyzing", "generating", "reviewing", "finalizing"]

MAX_DOCUMENT = 1 << 20  # UTF-16 code units
MAX_INSERT = 16_384  # UTF-16 code units
MAX_OPERATIONS = 500  # in one batch that a client sends
ABSENT = -1
"""The value of a number that is at least 0 and that its message does not have; it is never encoded."""
Content = Annotated[str, Meta(max_length=MAX_INSERT, pattern=f"^[^\\x00]*{END}")]

if TYPE_CHECKING:
    OrNull = Annotated[T, "null"]
else:
    OrNull = Annotated[T | None, Meta(extra={"null": "absent"}, extra_json_schema={"nullIsAbsent": True})]
"""A field of a NullIsAbsent that `null` leaves at its default, so that code never sees None: `OrNull[bool] = False`."""


class NullIsAbsent:
    """The base of Structs in which `null` in a field of type OrNull means the same as a field left out."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for name, default in _or_null(type(self)):  # type: ignore[arg-type]  # always of a Struct
            if getattr(self, name) is None:
                msgspec.structs.force_setattr(self, name, default())  # type: ignore[arg-type]  # likewise


@cache
def _or_null(struct: type[Struct]) -> tuple[tuple[str, Any], ...]:
    """Return each field of type OrNull with a function that makes its default."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple(
        (field.name, _maker(field))
        for field in msgspec.structs.fields(struct)
        if any(
            isinstance(note, Meta) and (note.extra or {}).get("null") == "absent"
            for note in getattr(hints[field.name], "__metadata__", ())
        )
    )


def _maker(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory
    return lambda: field.default


# Fields that the server writes; a sender may only send its own values (docs/protocol.md#stamped-fields).
StampedTime = Annotated[Timestamp, Meta(extra={"stamp": "time"})]
StampedUser = Annotated[Id, Meta(extra={"stamp": "user"})]


class Localized(Struct, forbid_unknown_fields=True):
    """A text in English and Arabic."""

    en: Paragraph
    ar: Paragraph


Text = Line | Localized
"""A text for people: one string, or both languages."""


class Actor(Struct):
    """The user who acted, as the contract prints it."""

    user_id: Id
    name: Line


StampedActor = Annotated[Actor, Meta(extra={"stamp": "actor"})]


class Position(Struct, forbid_unknown_fields=True):
    """A place in a channel's history: the `offset`-th event of an `epoch`. Offset 0 is before the first."""

    epoch: Annotated[str, Meta(max_length=64)]
    offset: Integer


class DeletedPlace(Struct):
    """A place in the text that a version deleted: behind `offset` of the UTF-16 code units that it deleted."""

    version: Count
    offset: Count
