"""How formatting combines. One Struct serves as what a text *has* (no `None`) and as a *change* (`None` removes)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import UNSET

from dossier_realtime.protocol.commands import Attributes

PLAIN = Attributes()
"""No formatting, or no change."""

_NAMES = Attributes.__struct_fields__


def then(first: Attributes, second: Attributes) -> Attributes:
    """One change that does what `first` and after it `second` do."""
    return _of(a if b is UNSET else b for a, b in _pairs(first, second))


def applied(change: Attributes, has: Attributes) -> Attributes:
    """What a text with `has` has after `change`."""
    return _of(a if b is UNSET else UNSET if b is None else b for a, b in _pairs(has, change))


def without(change: Attributes, other: Attributes) -> Attributes:
    """What `change` still does where `other`, which touches some of the same attributes, has the last word."""
    return _of(a if b is UNSET else UNSET for a, b in _pairs(change, other))


def between(before: Attributes, after: Attributes) -> Attributes:
    """The change that leads from a text that has `before` to one that has `after`."""
    return _of(UNSET if a == b else None if b is UNSET else b for a, b in _pairs(before, after))


def _pairs(one: Attributes, other: Attributes) -> Iterator[tuple[object, object]]:
    return ((getattr(one, name), getattr(other, name)) for name in _NAMES)


def _of(values: Iterable[object]) -> Attributes:
    return Attributes(*values)  # type: ignore[arg-type]  # taken field by field from others of the kind
