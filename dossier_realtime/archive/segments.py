"""Segment files of a journal, plain (`.journal`) or compressed (`.journal.zst`), read by line and by place.

A compressed segment is zstd in the seekable format: frames of about 1 MiB, each of whole lines, and a table of their
sizes in a last skippable frame. `zstd -d` restores the plain file. A place is a byte offset of the plain file in both.
Any byte that belongs neither to a frame nor to the table makes the segment unreadable.
"""

from __future__ import annotations

import mmap
import re
import struct
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Final

from dossier_realtime.recording.proof.verify import UnreadableSegmentError

LINE_BYTES: Final = 32 * 1024 * 1024  # no entry is longer; bounds the memory for a file without line ends
BLOCK_BYTES: Final = 1024 * 1024  # of plain text in a frame, plus the rest of its last line
PLAIN, PACKED = ".journal", ".journal.zst"
_LEVEL = 6
_CACHED_BLOCKS = 12

_SKIPPABLE, _SEEKABLE = 0x184D2A5E, 0x8F92EAB1  # zstd's magic numbers, of the frame and of the table's end
_FRAME_HEAD = struct.Struct("<II")
_FRAME_SIZES = struct.Struct("<II")
_FOOTER = struct.Struct("<IBI")
_NUMBERED = re.compile(rb'[0-9a-f]{64}\t\{"seq":([0-9]{1,16}),')

Block = bytes | mmap.mmap


class BlockCache:
    """A cache of the blocks that were decompressed last, of all segments: at most 12, usually of 1 MiB."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[tuple[Segment, int], bytes] = OrderedDict()

    def get(self, segment: PackedSegment, number: int) -> bytes:
        """Return a block. Raises UnreadableSegmentError."""
        key = (segment, number)
        found = self._blocks.get(key)
        if found is None:
            found = self._blocks[key] = segment.decompress(number)
            if len(self._blocks) > _CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(key)
        return found


class Segment:
    """A segment file, mapped when it is opened: later writes are not seen.

    `name` is the file's name as it was written, without `.zst`. Raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name.removesuffix(".zst")
        with path.open("rb") as file:
            size = path.stat().st_size
            self._map: Block = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""

    def lines(self, place: int = 0) -> Iterator[bytes]:
        """Return the lines with their ends, from a place on. A last one may have none, or come in pieces of 32 MiB.

        Raises UnreadableSegmentError.
        """
        starts = self._starts()
        for number in range(max(0, bisect_right(starts, place) - 1), len(starts)):
            content = self._block(number)
            at = max(0, place - starts[number])
            while at < len(content):
                end = content.find(b"\n", at, at + LINE_BYTES) + 1 or min(len(content), at + LINE_BYTES)
                yield content[at:end]
                at = end

    def line(self, place: int) -> bytes:
        """Return the line that begins at a place."""
        starts = self._starts()
        number = bisect_right(starts, place) - 1
        content, at = self._block(number), place - starts[number]
        return content[at : content.find(b"\n", at) + 1]

    def place_before(self, seq: int) -> int:
        """Return the place of the line before the first entry with a higher seq, by bisection.

        Where no entry has a higher seq it is that of the last whole line. Lines that are no entries are skipped.
        """
        starts = self._starts()
        if not starts:
            return 0
        low, high = 0, len(starts) - 1
        while low < high:
            middle = (low + high + 1) // 2
            found = _NUMBERED.match(self._block(middle))
            low, high = (middle, high) if found and int(found[1]) <= seq else (low, middle - 1)
        return starts[low] + _place_in(self._block(low), seq, first=low == 0)

    def last_line(self) -> bytes:
        """Return the last line."""
        starts = self._starts()
        content = self._block(len(starts) - 1)
        return content[content.rfind(b"\n", 0, len(content) - 1) + 1 :]

    def _starts(self) -> list[int]:
        """Return the place at which each block begins."""
        return [0] if self._map else []

    def _block(self, number: int) -> Block:
        del number  # a plain file is one block
        return self._map


class PackedSegment(Segment):
    """A compressed segment. Its table is read on first use."""

    def __init__(self, path: Path, cache: BlockCache) -> None:
        super().__init__(path)
        self._cache = cache
        self._places: list[int] | None = None
        self._frames: list[
            tuple[int, int, int]
        ] = []  # of each frame its beginning in the file, its bytes, its plain bytes

    def decompress(self, number: int) -> bytes:
        """Return a block, read from the file. Raises UnreadableSegmentError."""
        import zstandard  # noqa: PLC0415  an extra: a client that reads no journal does not need it

        at, packed, plain = self._frames[number]
        frame = self._map[at : at + packed]
        try:
            if zstandard.get_frame_parameters(frame).content_size != plain:
                raise UnreadableSegmentError(f"compressed block {number + 1} has another size than the table says")
            content = zstandard.ZstdDecompressor().decompress(frame, max_output_size=plain, allow_extra_data=False)
        except zstandard.ZstdError as wrong:
            raise UnreadableSegmentError(f"compressed block {number + 1} is damaged: {wrong}") from wrong
        if len(content) != plain or not content.endswith(b"\n"):
            raise UnreadableSegmentError(f"compressed block {number + 1} does not hold whole lines")
        return content

    def _starts(self) -> list[int]:
        if self._places is None:
            sizes = _read_table(self._map)
            begins = accumulate((packed for packed, _ in sizes), initial=0)
            self._frames = [(at, packed, plain) for at, (packed, plain) in zip(begins, sizes, strict=False)]
            self._places = [0, *accumulate(plain for _, plain in sizes)][:-1]
        return self._places

    def _block(self, number: int) -> Block:
        return self._cache.get(self, number)


def _place_in(content: Block, seq: int, *, first: bool) -> int:
    """Find the line by bisection; `first`: the block begins with the segment's own first line."""
    low, high = content.find(b"\n") + 1 if first else 0, content.rfind(b"\n") + 1
    while low < high:
        middle = at = content.rfind(b"\n", low, (low + high) // 2) + 1 or low
        while (found := _NUMBERED.match(content, at)) is None and at < high:
            at = content.find(b"\n", at) + 1 or high
        if found is None or int(found[1]) > seq:
            high = middle
        else:
            low = content.find(b"\n", at) + 1
    return content.rfind(b"\n", 0, max(0, low - 1)) + 1


def open_segment(path: Path, cache: BlockCache | None = None) -> Segment:
    """Open a segment by the path of its plain or its compressed file, whichever exists now.

    Raises OSError where neither is.
    """
    plain = path.with_name(path.name.removesuffix(".zst"))
    try:
        return Segment(plain)
    except FileNotFoundError:
        return PackedSegment(plain.with_name(plain.name + ".zst"), cache or BlockCache())


def pack(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Return the pieces of a compressed segment that holds these lines."""
    import zstandard  # noqa: PLC0415  likewise

    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=True)
    sizes = []
    for block in _blocks(lines):
        frame = compressor.compress(block)
        sizes.append((len(frame), len(block)))
        yield frame
    table = b"".join(_FRAME_SIZES.pack(*pair) for pair in sizes) + _FOOTER.pack(len(sizes), 0, _SEEKABLE)
    yield _FRAME_HEAD.pack(_SKIPPABLE, len(table)) + table


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _read_table(content: Block) -> list[tuple[int, int]]:
    """Return the compressed and the plain size of each frame; these and the table must be all of the file."""
    size = len(content)
    if size < _FRAME_HEAD.size + _FOOTER.size:
        raise UnreadableSegmentError("this compressed segment is cut off")
    count, flags, magic = _FOOTER.unpack(content[size - _FOOTER.size :])
    length = count * _FRAME_SIZES.size + _FOOTER.size
    begin = size - length - _FRAME_HEAD.size
    if magic != _SEEKABLE or flags or begin < 0:
        raise UnreadableSegmentError("this compressed segment does not end in its table: it is cut off, or goes on")
    if _FRAME_HEAD.unpack(content[begin : begin + _FRAME_HEAD.size]) != (_SKIPPABLE, length):
        raise UnreadableSegmentError("the table of this compressed segment is damaged")
    sizes = list(_FRAME_SIZES.iter_unpack(content[begin + _FRAME_HEAD.size : size - _FOOTER.size]))
    fit = all(packed and 0 < plain <= BLOCK_BYTES + LINE_BYTES for packed, plain in sizes)
    if not fit or sum(packed for packed, _ in sizes) != begin:
        raise UnreadableSegmentError("the frames of this compressed segment are not those of its table")
    return sizes
