"""A text that takes many small edits in a row: each costs about one chunk, not the whole text."""

from __future__ import annotations

from ..document import SplitsPair
from ..operations import DoesNotFit
from ..units import Units

_CHUNK_UNITS = 2_048


class ChunkedText:
    """A text in chunks. `length` is in UTF-16 code units, as all positions."""

    def __init__(self, text: Units) -> None:
        self.length = len(text)
        self._chunks = _cut(text)
        self._at, self._start = 0, 0  # the chunk that was used last, and the position of its first unit

    @property
    def text(self) -> Units:
        """The whole text; the chunks become one."""
        if len(self._chunks) > 1:
            self._chunks = ["".join(self._chunks)]
            self._at, self._start = 0, 0
        return Units(self._chunks[0])

    def check(self, position: int, length: int) -> None:
        """Check a range. Raises DoesNotFit beyond the text, SplitsPair for an edge inside of a character."""
        end = position + length
        if min(position, length) < 0 or end > self.length:
            raise DoesNotFit(f"The text has {self.length} units, the edit goes from {position} to {end}")
        for edge in (position, end) if length else (position,):
            if self._splits_pair(edge):
                raise SplitsPair(edge)

    def replace(self, position: int, length: int, inserted: Units) -> None:
        """Replace `length` units by a text. Raises as `check`; the text is then unchanged."""
        self.check(position, length)
        self._seek(position)
        first, begin = self._at, self._start
        head = self._chunks[first][: position - begin]
        self._seek(position + length)
        tail = self._chunks[self._at][position + length - self._start :]
        self._chunks[first : self._at + 1] = _cut(head + inserted + tail)
        self._at, self._start = first, begin
        self.length += len(inserted) - length

    def _splits_pair(self, position: int) -> bool:
        if not 0 < position < self.length:
            return False
        self._seek(position)
        return "\udc00" <= self._chunks[self._at][position - self._start] <= "\udfff"

    def _seek(self, position: int) -> None:
        """Move to the chunk that holds the unit at `position`; to the last one for the end of the text."""
        while position < self._start:
            self._at -= 1
            self._start -= len(self._chunks[self._at])
        last = len(self._chunks) - 1
        while self._at < last and position >= self._start + len(self._chunks[self._at]):
            self._start += len(self._chunks[self._at])
            self._at += 1


def _cut(text: str) -> list[str]:
    """Return the text in chunks of up to twice `_CHUNK_UNITS`; at least one, which may be empty."""
    if len(text) <= 2 * _CHUNK_UNITS:
        return [text]
    return [text[at : at + _CHUNK_UNITS] for at in range(0, len(text), _CHUNK_UNITS)]
