"""A suggestion that is accepted: the edit of the present text, with what others changed in it meanwhile. Pure.

Source: docs/protocol.md#suggestions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.ot.attributes import PLAIN
from dossier_realtime.ot.difference import difference
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.operations import Component, Delete, Insert, Operation, Retain
from dossier_realtime.ot.transform import transform
from dossier_realtime.ot.units import Units

if TYPE_CHECKING:
    from dossier_realtime.ot.places.anchors import TextAnchor
    from dossier_realtime.protocol.commands import Attributes


def accepted(document: Document, anchor: TextAnchor, quote: Units, replacement: Units) -> Operation | None:
    """Return the edit of `document` that puts a replacement in place of the text of an anchor.

    `quote` is the text that the replacement was suggested for. Where the text was changed since, both changes are
    merged. None where less than half of `quote` is left: the suggestion has no clear meaning then.
    """
    if anchor.orphaned:
        return None
    present = Units(document.text[anchor.start : anchor.end])
    since = difference(Document(quote), Document(present))
    kept = sum(component.length for component in since.components if isinstance(component, Retain))
    if 2 * kept < len(quote):
        return None
    wanted = difference(Document(quote), Document(replacement))
    _, merged = transform(since, wanted)
    return _placed(merged, document, anchor.start)


def _placed(change: Operation, document: Document, start: int) -> Operation:
    """Return the change of a part of the document that begins at `start`; new text is formatted like its neighbour."""
    built: list[Component] = [Retain(start)]
    at = start
    for number, component in enumerate(change.components):
        if isinstance(component, Insert):
            follows = change.components[number + 1 : number + 2]
            replaces = bool(follows) and isinstance(follows[0], Delete)
            built.append(Insert(component.text, _attributes(document, at if replaces else at - 1)))
        else:
            built.append(component)
            at += component.length
    return Operation.of(*built, Retain(document.length - at))


def _attributes(document: Document, unit: int) -> Attributes:
    return next(iter(document.attributes_at([unit])), PLAIN) if 0 <= unit < document.length else PLAIN
