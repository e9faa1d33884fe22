"""The algebra of formatting. One Struct is both the state of a text (no `None`) and a change of it (`None` removes)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import UNSET, structs

from dossier_realtime.protocol.commands import Attributes

PLAIN = Attributes()
"""The attributes of plain text; as a change, no change."""

_NAMES = Attributes.__struct_fields__


def then(first: Attributes, second: Attributes) -> Attributes:
    """Return the change that has the effect of `first` and then `second`."""
    return _of(a if b is UNSET else b for a, b in _pairs(first, second))


def applied(change: Attributes, has: Attributes) -> Attributes:
    """Return the attributes of a text with `has` after `change`."""
    return _of(a if b is UNSET else UNSET if b is None else b for a, b in _pairs(has, change))


def without(change: Attributes, other: Attributes) -> Attributes:
    """Return the part of `change` that is left where `other`, a change of some of the same attributes, wins."""
    return _of(a if b is UNSET else UNSET for a, b in _pairs(change, other))


def between(before: Attributes, after: Attributes) -> Attributes:
    """Return the change from the attributes `before` to the attributes `after`."""
    return exclusive(_of(UNSET if a == b else None if b is UNSET else b for a, b in _pairs(before, after)))


def exclusive(change: Attributes) -> Attributes:
    """Return a change that sets `heading` or `list` with the removal of the other one; `heading` wins over both.

    Such a change says by itself all that it does. So of two at once the later decides, attribute by attribute, and the
    text never has both. Every edit is brought into this form where it is made (docs/protocol.md#formatting).
    """
    if change.heading is not UNSET and change.heading is not None:
        return change if change.list is None else structs.replace(change, list=None)
    if change.list is not UNSET and change.list is not None and change.heading is UNSET:
        return structs.replace(change, heading=None)
    return change


def _pairs(one: Attributes, other: Attributes) -> Iterator[tuple[object, object]]:
    return ((getattr(one, name), getattr(other, name)) for name in _NAMES)


def _of(values: Iterable[object]) -> Attributes:
    return Attributes(*values)  # type: ignore[arg-type]  # taken field by field from others of the kind
