"""Long frames in parts that queues share: a document's text is in memory once for all its readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.node.sockets.frames import text_frame, text_head
from app.services.editing.shared_texts import EMPTY
from dossier_realtime.protocol import codec

if TYPE_CHECKING:
    from app.services.editing.shared_texts import SharedText
    from dossier_realtime.protocol.responses import Subscribed

_MIN_LONG_BYTES = 1 << 16  # of a payload; below this a copy costs less than parts


class LongFrame:
    """One frame, in parts that may be shared with other frames. `holds` is kept alive as long as the frame."""

    __slots__ = ("_holds", "_size", "parts")

    def __init__(self, parts: tuple[bytes, ...], holds: object = None) -> None:
        self.parts = parts
        self._holds = holds
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> int:
        """Return one byte of the first part, which holds the frame's head."""
        return self.parts[0][index]


def subscribed_frame(answer: Subscribed, text: SharedText) -> tuple[bytes, bytes | LongFrame]:
    """Return a `subscribed` whose document is `text`, as JSON and as a frame; in `answer` it has no text."""
    head, _, tail = codec.encode(answer).partition(EMPTY)
    parts = (head, text.json, tail)
    payload = b"".join(parts)
    if len(payload) < _MIN_LONG_BYTES:
        return payload, text_frame(payload)
    return payload, LongFrame((text_head(len(payload)) + parts[0], *parts[1:]), text)
