"""Export files: reading, downloading, and the verification of their signature."""

from __future__ import annotations

import mmap
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from dossier_realtime.protocol.classification import HIGHEST
from dossier_realtime.recording.export import ExportWalk, Links, Manifest, foreign, journal_line, read_trailer
from dossier_realtime.recording.joined import line_place, part_at
from dossier_realtime.recording.proof.signed import Check
from dossier_realtime.recording.proof.verify import Report

from .keys import ExportError
from .segments import LINE_BYTES

_MAX_SHOWN_CHARACTERS = 300  # of an answer that is not of our service
_READ_TIMEOUT_SECONDS = 60.0  # between two pieces of a download


def verify_file(file: Path, check: Check | None = None, known: Mapping[int, str] | None = None) -> Report:
    """Verify an export file, streaming. Without `check` nothing proves who wrote the manifest.

    `known`: links of the journal by seq, from checkpoints; those of a whole export must agree.
    """
    with file.open("rb") as opened:
        lines = iter(partial(opened.readline, LINE_BYTES), b"")
        return ExportWalk(lines, Links(checkpoints=known), check).to_the_end()


def read_manifest(file: Path) -> Manifest | None:
    """Return the manifest in a file's last line, not verified. Raises OSError.

    None where that line holds no manifest, and for a file that can be read only once (a pipe).
    """
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        end = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, end - LINE_BYTES))
        last = opened.read().removesuffix(b"\n").rpartition(b"\n")[2]
    found = read_trailer(last + b"\n")
    return None if found is None else found.manifest


class ExportSource:
    """An export file as a `Source`. It is mapped, not read.

    Only its last line proves the entries before it, so a file that is not proven from its first byte to its last shows
    no entry: `lines` ends in ExportError. `clearance` is the one that the export was made for; the highest where it is
    whole, or does not say. Raises ExportError for a file that can not be read, or is of another format.
    """

    def __init__(self, file: Path, check: Check | None = None) -> None:
        self._path, self._check = file, check
        try:
            with file.open("rb") as opened:
                self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as wrong:
            raise ExportError(f"{file} cannot be read ({wrong}); check its path") from wrong
        last = self._last()
        if what := foreign(last):
            raise ExportError(f"{file}: {what}")
        found = read_trailer(last)
        self.clearance = HIGHEST if found is None or found.manifest.whole else found.manifest.clearance

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield every entry's place and line. Raises ExportError for a file that is not proven."""
        walk = ExportWalk(self._raw_lines(), check=self._check)
        yield from walk
        fault = walk.report.fault
        if fault is not None:
            where = f"line {fault.line}: " if fault.line else ""
            raise ExportError(f"{self._path} is no export, or is damaged: {where}{fault.what}")

    def line(self, place: int) -> bytes:
        """Return the line at a place."""
        begin = line_place(place)
        return part_at(place, journal_line(self._map[begin : self._map.find(b"\n", begin) + 1]) or b"")

    def _raw_lines(self) -> Iterator[bytes]:
        place, size = 0, len(self._map)
        while place < size:
            end = self._map.find(b"\n", place, place + LINE_BYTES) + 1 or min(size, place + LINE_BYTES)
            yield self._map[place:end]
            place = end

    def verify(self) -> Report:
        """Verify the whole file."""
        return verify_file(self._path, self._check)

    def _last(self) -> bytes:
        end = len(self._map)
        return self._map[max(self._map.rfind(b"\n", max(0, end - LINE_BYTES), end - 1) + 1, end - LINE_BYTES) : end]


class ExportRefused(ExportError):
    """An export that the service refused; `status` is that of HTTP."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"the service refused ({status}): {why}")
        self.status = status


def download(address: str, token: str, to: Path, selection: Mapping[str, str | float]) -> None:
    """Stream `GET /v1/journal` into a file, which is replaced only when all of it has come.

    Raises ExportRefused, ExportError and OSError.
    """
    query = urllib.parse.urlencode(dict(selection))
    request = urllib.request.Request(f"{address.rstrip('/')}/v1/journal?{query}")  # noqa: S310  the caller's own
    request.add_header("Authorization", f"Bearer {token}")
    draft = to.with_name(to.name + ".part")
    last = b""
    try:
        with urllib.request.urlopen(request, timeout=_READ_TIMEOUT_SECONDS) as answer, draft.open("wb") as file:  # noqa: S310  likewise
            for line in answer:
                file.write(line)
                last = line
    except urllib.error.HTTPError as refused:
        with refused:
            raise ExportRefused(refused.code, _why(refused.read())) from refused
    if read_trailer(last) is None:
        draft.unlink()
        raise ExportError("the download broke off; try again")
    draft.replace(to)


class _ErrorBody(msgspec.Struct):
    message: str


def _why(body: bytes) -> str:
    """Return the message of the service's error; the beginning of the body where another server answered."""
    try:
        return msgspec.json.decode(body, type=_ErrorBody).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body.decode(errors="replace")[:_MAX_SHOWN_CHARACTERS]
