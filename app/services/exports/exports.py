"""Documents as files: short ones are written in a thread, long ones in a process of their own, one at a time.

Source: docs/protocol.md#export-of-a-document.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from app.engine.ports.errors import Unavailable
from dossier_realtime.rich_text.remark_words import words_for

from .comment_remarks import remarks_of
from .job import ExportJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.services.commenting.comments import Comments
    from dossier_realtime.ot.document import Document
    from dossier_realtime.rich_text.remarks import Remark

    from .job import Format

MAX_PIECES: Final = 200_000  # paragraphs and stretches of formatting in one file
_SMALL_PIECES = 1_000  # up to here a file takes less time than a process takes to start
_SMALL_UNITS = 65_536
_TIMEOUT_SECONDS = 90.0  # the wait for other files included
_MAX_PROCESSES = 1  # at once
_ROOT = Path(__file__).parents[3]


class TooManyPiecesError(Exception):
    """Raised for a document that is cut into more pieces than a file may have."""


class Exports:
    """The files that documents are written as."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self._room = asyncio.Semaphore(_MAX_PROCESSES)

    async def present(self, form: Format, title: str, channel: str) -> tuple[int, bytes]:
        """Return the present version of a document, and its file with the comments on it. Raises as `file`."""
        versioned, comments = await self._comments.present(channel)
        document = versioned.document
        remarks = list(remarks_of(comments, words_for(document.content)))
        written = await self.file(form, title, document, remarks)
        return versioned.version, written

    async def file(self, form: Format, title: str, document: Document, remarks: Sequence[Remark] = ()) -> bytes:
        """Return a document as a file. Raises TooManyPiecesError, and Unavailable where it is not written in time."""
        job = ExportJob(form, title, document.content, document.format, list(remarks))
        if job.pieces > MAX_PIECES:
            raise TooManyPiecesError
        if job.pieces <= _SMALL_PIECES and document.length <= _SMALL_UNITS:
            return await asyncio.to_thread(job.made)
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS), self._room:
                return await _written(job)
        except (TimeoutError, OSError) as wrong:
            raise Unavailable(f"the file was not written: {wrong!r}") from wrong


async def _written(job: ExportJob) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app.services.exports.export_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=_ROOT,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT)},  # no secret of the service
    )
    try:
        written, _ = await process.communicate(msgspec.json.encode(job))
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode:
        raise Unavailable(f"the process of the export ended with {process.returncode}")
    return written
