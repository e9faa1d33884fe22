"""The arguments of edits, as the user of the SDK gives them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from dossier_realtime.ot.attributes import PLAIN, applied, exclusive
from dossier_realtime.ot.operations import Insert
from dossier_realtime.ot.units import Units, to_units
from dossier_realtime.protocol.codec import reason
from dossier_realtime.protocol.commands import Attributes


def units_of_text(text: str) -> Units:
    """Return the units of a text to insert.

    Raises ValueError where it has half a character, and TypeError for what is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"Only a text can be inserted, not {type(text).__name__}; make a str of it")
    try:
        return to_units(text)
    except UnicodeEncodeError:
        raise ValueError("The text has half a surrogate pair; insert whole characters") from None


def inserted(text: str, attributes: Mapping[str, object]) -> Insert:
    """Return the insert of a text with formatting that was given by name. Raises ValueError."""
    return Insert(units_of_text(text), applied(attributes_of(attributes), PLAIN))


def attributes_of(attributes: Mapping[str, object]) -> Attributes:
    """Return formatting that was given by name. Raises ValueError for an unknown one."""
    try:
        return exclusive(msgspec.convert(attributes, Attributes))
    except msgspec.ValidationError as wrong:
        why, path = reason(wrong, Attributes)
        named = f" (at {path.removeprefix('$.')})" if path != "$" else ""
        raise ValueError(f"No such formatting: {why}{named}; see the names and values of format()") from None


def occurrences(text: Units, found: Units) -> Iterator[int]:
    """Yield the places of a text, from left to right; they do not overlap."""
    at = text.find(found)
    while at >= 0:
        yield at
        at = text.find(found, at + len(found))
