"""The values that messages are made of: their grammar and their bounds, said once.

Units: `timestamp` is Unix time in whole seconds; durations name their unit in the field's own docstring;
text positions and lengths are UTF-16 code units.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

MAX_SAFE_INTEGER = 2**53 - 1  # JSON numbers beyond it change their value in a browser

# `(?![\s\S])` is "end of input" in Python and in ECMAScript; `$` lets a trailing newline pass in Python.
_END = r"(?![\s\S])"
SEGMENT = r"[A-Za-z0-9._-]{1,64}"

# Dots alone are no id: in a URL or a path, `..` is another place.
Id = Annotated[str, Meta(pattern=rf"^(?!\.+{_END}){SEGMENT}{_END}")]
Ref = Annotated[str, Meta(min_length=1, max_length=64)]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=64)]
ChannelField = Annotated[str, Meta(max_length=512)]
"""A channel's name as it stands in a message; its grammar is checked by `channels.parse`."""
Name = Annotated[str, Meta(pattern=f"^[A-Za-z][A-Za-z0-9_]{{0,63}}{_END}")]
"""A word of the domain: an entity type, a field, a status, a trigger."""
FieldName = Annotated[str, Meta(pattern=f"^[a-z0-9_.]{{1,64}}{_END}")]
Line = Annotated[str, Meta(min_length=1, max_length=500, pattern=f"^[^\\x00]*{_END}")]
Paragraph = Annotated[str, Meta(min_length=1, max_length=4000, pattern=f"^[^\\x00]*{_END}")]
Link = Annotated[str, Meta(max_length=2048, pattern=rf"^(/(?![/\\])|https://)[^\s\x00-\x1f]*{_END}")]
"""A path within the product or an https address; nothing that a browser would run."""
Date = Annotated[str, Meta(pattern=rf"^\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]){_END}")]

Integer = Annotated[int, Meta(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Count = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Timestamp = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Milliseconds = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Percentage = Annotated[int, Meta(ge=0, le=100)]
Fraction = Annotated[float, Meta(ge=0, le=1)]

Priority = Literal["low", "medium", "high", "urgent"]
Status = Literal["online", "away", "busy"]
Activity = Literal["viewing", "editing", "commenting"]
Level = Literal["public", "internal", "confidential", "secret"]
Health = Literal["healthy", "monitor", "at_risk", "critical"]
Stage = Literal["analyzing", "generating", "reviewing", "finalizing"]

MAX_DOCUMENT = 1 << 20  # UTF-16 code units
MAX_INSERT = 16_384  # UTF-16 code units
Content = Annotated[str, Meta(max_length=MAX_INSERT, pattern=f"^[^\\x00]*{_END}")]

# Fields that the server writes itself; what a sender puts there must be its own (docs/protocol.md#stamped-fields).
StampedTime = Annotated[Timestamp, Meta(extra={"stamp": "time"})]
StampedUser = Annotated[Id, Meta(extra={"stamp": "user"})]


class Localized(Struct, forbid_unknown_fields=True):
    """One text in both languages of the house."""

    en: Paragraph
    ar: Paragraph


Text = Line | Localized
"""Text that people read: one string, or both languages."""


class Actor(Struct):
    """Who did it, as the contract prints it."""

    user_id: Id
    name: Line


StampedActor = Annotated[Actor, Meta(extra={"stamp": "actor"})]


class Position(Struct, forbid_unknown_fields=True):
    """A place in a channel's history: the `offset`-th event of an `epoch`. Offset 0 is before the first."""

    epoch: Annotated[str, Meta(max_length=64)]
    offset: Integer
