"""The operation of a batch that is at fault. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.ot.batches.chunked_text import ChunkedText
from dossier_realtime.ot.document import SplitsPair
from dossier_realtime.ot.flat import units_of
from dossier_realtime.ot.units import Units, to_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dossier_realtime.protocol.commands import FlatOperation


def first_torn(operations: Sequence[FlatOperation], text: Units) -> str | None:
    """Return the JSON path of the first edge inside of a character of `text`, on which the operations fit; or None."""
    changed = ChunkedText(text)
    for number, one in enumerate(operations):
        try:
            match one.operation_type:
                case "insert":
                    changed.replace(one.position, 0, to_units(one.content or ""))
                case "delete":
                    changed.replace(one.position, units_of(one), Units(""))
                case "format":
                    changed.check(one.position, units_of(one))
        except SplitsPair as torn:
            field = "position" if torn.offset == one.position else "length"
            return f"$.payload.operations[{number}].{field}"
    return None
