"""Documents as JSON: each is encoded once, and is in memory once for all clients that receive it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import msgspec

from dossier_realtime.protocol.responses import FormatRun

if TYPE_CHECKING:
    from dossier_realtime.ot.document import Document


class _Body(msgspec.Struct):
    content: str
    format: list[FormatRun]


_encoder = msgspec.json.Encoder()
EMPTY = _encoder.encode(_Body("", []))[1:-1]
"""The members of a document without text. Inside a JSON string a quotation mark stands behind a backslash, so in a
message these bytes are those members and nothing that a user wrote."""


class SharedText:
    """A document's text and formatting as JSON: the members `content` and `format` of the object that shows it.

    It is held by those who send it, and gone with the last of them.
    """

    __slots__ = ("__weakref__", "document", "json")

    def __init__(self, document: Document) -> None:
        self.document = document
        self.json = _encoder.encode(_Body(document.content, document.format))[1:-1]


class SharedTexts:
    """The texts that are held now, by channel."""

    def __init__(self) -> None:
        self._held: WeakValueDictionary[str, SharedText] = WeakValueDictionary()

    @property
    def held(self) -> int:
        """The number of texts in memory."""
        return len(self._held)

    def of(self, channel: str, document: Document) -> SharedText:
        """Return the text of a channel's document as it is now."""
        text = self._held.get(channel)
        if text is None or text.document is not document:
            text = self._held[channel] = SharedText(document)
        return text
