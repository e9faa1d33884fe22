"""The places of all comments of a document, in one record: they move with the text as one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from dossier_realtime.ot.places.anchors import TextAnchor

if TYPE_CHECKING:
    from dossier_realtime.ot.units import Units

KIND: Final = "comment_places"


class Places(Struct):
    """The anchors of a document's comments, by their ids, in the text at `version`. `made`: comments begun so far."""

    version: int = 0
    made: int = 0
    anchors: dict[str, TextAnchor] = {}

    def with_anchor(self, name: str, anchor: TextAnchor) -> Places:
        """Return the places with one more."""
        return Places(self.version, self.made + 1, self.anchors | {name: anchor})

    def without(self, name: str) -> Places:
        """Return the places without one."""
        return Places(self.version, self.made, {id_: each for id_, each in self.anchors.items() if id_ != name})


_places = msgspec.json.Decoder(Places)


def decode(body: bytes) -> Places:
    """Return the places of a record."""
    return _places.decode(body)


def encode(places: Places) -> bytes:
    """Return the body of the record."""
    return msgspec.json.encode(places)


def found_again(text: Units, quote: Units) -> TextAnchor:
    """Return the anchor of a comment whose way to the present text is not known any more: where its text is, once."""
    at = text.find(quote) if quote else -1
    if at < 0 or text.find(quote, at + 1) >= 0:
        return TextAnchor(0, 0, orphaned=True)
    return TextAnchor(at, at + len(quote))
