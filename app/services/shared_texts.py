"""The texts of documents as JSON, each encoded once and in memory once for all clients that are being sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from dossier_realtime.protocol import codec

if TYPE_CHECKING:
    from dossier_realtime.ot.document import Document


class SharedText:
    """The text of a document as JSON. It is held by those who send it, and gone with the last of them."""

    __slots__ = ("__weakref__", "document", "json")

    def __init__(self, document: Document) -> None:
        self.document = document
        self.json = codec.encode_text(document.content)

    def __len__(self) -> int:
        """Return the bytes of the text as JSON."""
        return len(self.json)


class SharedTexts:
    """The texts that are held now, by channel."""

    def __init__(self) -> None:
        self._held: WeakValueDictionary[str, SharedText] = WeakValueDictionary()

    def of(self, channel: str, document: Document) -> SharedText:
        """Return the text of a channel's document as it is now."""
        text = self._held.get(channel)
        if text is None or text.document is not document:
            text = self._held[channel] = SharedText(document)
        return text
