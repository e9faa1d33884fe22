"""A journal's folder, read: its nodes, segments, heads and anchors (recording/entry.py says what they are)."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from dossier_realtime.recording.entry import FORMAT, Anchor, Head, anchor_text, decode_anchor, decode_entry, decode_head
from dossier_realtime.recording.verify import Fault, Report, verify

LINE_BYTES: Final = 32 * 1024 * 1024  # no entry is longer; a file without line ends does not fill the memory
NODE: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

Check = Callable[[bytes, str], bool]
"""Whether a text has this signature (base64) of the service."""

_SEGMENT = re.compile(rf"({NODE})-[0-9]{{16}}\.journal")
_HEAD = re.compile(rf"({NODE})\.head")
_NUMBERED = re.compile(rb'[0-9a-f]{64}\t\{"seq":([0-9]{1,16}),')


def nodes(folder: Path) -> list[str]:
    """The nodes that have written to the folder."""
    found = (_SEGMENT.fullmatch(path.name) or _HEAD.fullmatch(path.name) for path in folder.iterdir())
    return sorted({match[1] for match in found if match})


def segment_paths(folder: Path, node: str) -> list[Path]:
    """The node's segment files, in order."""
    found = ((_SEGMENT.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted(path for match, path in found if match and match[1] == node)


def first_seq(path: Path) -> int:
    """The seq of a segment's first entry."""
    return int(path.stem[-16:])


def read_lines(path: Path, place: int = 0) -> Iterator[bytes]:
    """The file's lines with their ends, as they stand; from a byte on."""
    with path.open("rb") as file:
        file.seek(place)
        yield from iter(partial(file.readline, LINE_BYTES), b"")


def read_after(folder: Path, node: str, seq: int) -> Iterator[bytes]:
    """The node's lines from the one before entry `seq + 1` on, segments' first lines among them; so far as each is
    written. What is before is not read: segments are passed over by their names, and within one a line is found by
    halving. Raises ValueError for a line that is none, OSError for a segment that retention has just removed.
    """
    paths = kept_paths(folder, node, read_anchor(folder, node))
    begun = sum(first_seq(path) <= seq + 1 for path in paths)
    for number, path in enumerate(paths[max(0, begun - 1) :]):
        for line in read_lines(path, 0 if number else _place_before(path, seq)):
            if not line.endswith(b"\n"):
                return  # being written: what is behind it belongs to it
            yield line


def seq_before(folder: Path, node: str, moment: float) -> int:
    """An entry behind which everything since a moment (Unix seconds) stands, by the first entries of segments: 0 where
    none began before it."""
    seq = 0
    for path in kept_paths(folder, node, read_anchor(folder, node)):
        first = next(islice(read_lines(path), 1, 2), b"")
        try:
            if decode_entry(first).header.at >= moment:
                break
        except ValueError:
            break  # who reads on says so
        seq = first_seq(path) - 1
    return seq


def _place_before(path: Path, seq: int) -> int:
    """Where the line before the first entry with a higher seq begins; the last whole line where there is none."""
    if not path.stat().st_size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        low, high = content.find(b"\n") + 1, content.rfind(b"\n") + 1
        while low < high:
            middle = content.rfind(b"\n", low, (low + high) // 2) + 1 or low
            found = _NUMBERED.match(content, middle)
            if found is None:
                raise ValueError(f"byte {middle} of {path.name} does not begin an entry")
            if int(found[1]) > seq:
                high = middle
            else:
                low = content.find(b"\n", middle) + 1
        return content.rfind(b"\n", 0, max(0, low - 1)) + 1


def read_head(folder: Path, node: str) -> Head | None:
    """The node's head, or None when the file is missing or not exactly a head."""
    try:
        return decode_head((folder / f"{node}.head").read_bytes())
    except FileNotFoundError:
        return None


def read_anchor(folder: Path, node: str) -> Anchor | None:
    """The node's anchor; None where nothing was removed."""
    try:
        return decode_anchor((folder / f"{node}.anchor").read_bytes())
    except FileNotFoundError:
        return None


def kept_paths(folder: Path, node: str, anchor: Anchor | None) -> list[Path]:
    """The segments behind the anchor: those before it are about to be removed."""
    return [path for path in segment_paths(folder, node) if anchor is None or first_seq(path) > anchor.seq]


def verify_node(folder: Path, node: str, check: Check | None = None) -> Report:
    """Verify one node's journal; reads only, also while it is being written. `check`: of the anchor's signature."""
    head = read_head(folder, node)  # before the segments: these may grow meanwhile, it must not be ahead
    anchor = read_anchor(folder, node)
    found = verify(((path.name, read_lines(path)) for path in kept_paths(folder, node, anchor)), head, anchor)
    if anchor is not None and check is not None and not check(anchor_text(anchor), anchor.signature):
        what = "the anchor is not signed by this service: entries before it were removed by somebody else"
        return Report(0, Fault(anchor.seq + 1, f"{node}.anchor", 0, what), 0, 0, 0, 0, torn=False)
    return found


def verify_folder(folder: Path, check: Check | None = None) -> dict[str, Report]:
    """Verify every node's journal in the folder."""
    return {node: verify_node(folder, node, check) for node in nodes(folder)}


class FolderSource:
    """One node's journal as a `Source`. What is written after opening is not seen. Segments are mapped, not read.

    Raises ValueError for a segment of another format.
    """

    def __init__(self, folder: Path, node: str, check: Check | None = None) -> None:
        self._folder, self._node, self._check = folder, node, check
        self._maps: list[mmap.mmap] = []
        for path in kept_paths(folder, node, read_anchor(folder, node)):
            with path.open("rb") as file:
                if path.stat().st_size:
                    self._maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            _must_be_readable(path)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        for number, content in enumerate(self._maps):
            place = content.find(b"\n") + 1
            while (end := content.find(b"\n", place)) >= 0:
                yield number << _SHIFT | place, content[place : end + 1]
                place = end + 1

    def line(self, place: int) -> bytes:
        content, start = self._maps[place >> _SHIFT], place & ((1 << _SHIFT) - 1)
        return content[start : content.find(b"\n", start) + 1]

    def verify(self) -> Report:
        return verify_node(self._folder, self._node, self._check)


def _must_be_readable(path: Path) -> None:
    first = next(read_lines(path), b"")
    try:
        form = msgspec.json.decode(first.split(b"\t")[1], type=_Format).format
    except (IndexError, ValueError) as wrong:
        raise ValueError(f"{path} does not begin like a journal; `python run.py verify` says what is wrong") from wrong
    if form != FORMAT:
        raise ValueError(
            f"{path} is written in format {form}; this version reads format {FORMAT}: use one that reads it"
        )


class _Format(msgspec.Struct):
    format: int


_SHIFT = 40  # a place is the number of the segment, and the byte in it
