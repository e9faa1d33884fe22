"""The operation of a batch that is at fault. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.ot.chunked_text import ChunkedText
from dossier_realtime.ot.document import SplitsPair
from dossier_realtime.ot.units import Units, to_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dossier_realtime.protocol.commands import FlatOperation


def first_torn(operations: Sequence[FlatOperation], text: Units) -> str | None:
    """Return the JSON path of the first edge inside of a character of `text`, on which the operations fit; or None."""
    changed = ChunkedText(text)
    for number, one in enumerate(operations):
        content = to_units(one.content or "")
        inserts = one.operation_type == "insert"
        length = 0 if inserts else one.length or len(content)
        try:
            if one.operation_type == "format":
                changed.check(one.position, length)
            else:
                changed.replace(one.position, length, content if inserts else Units(""))
        except SplitsPair as torn:
            field = "position" if torn.offset == one.position else "length"
            return f"$.payload.operations[{number}].{field}"
    return None
