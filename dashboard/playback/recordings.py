"""Recordings on the dashboard: fetched from the service with the viewer's own token, in a process of their own.

The memory and the time that a recording costs end with that process, and no other page waits for it. The number made
at once is bounded (recording_queue.py); the process of a viewer whose login ends is killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from dashboard.language.i18n import Language
from dashboard.playback.player import packed
from dashboard.playback.player_data import playback
from dashboard.playback.recording_queue import RecordingQueue, RecordingQueueFullError
from dashboard.screen.blocks import Tone
from dashboard.screen.viewer import Viewer
from dossier_realtime.archive import ExportError, open_export
from dossier_realtime.archive.export import ExportRefused, download

_PROCESS_TIMEOUT_SECONDS = 120.0
_MAX_ERROR_CHARS = 300  # of the process's message
_NICENESS = 10  # added to the process's niceness
_ROOT = Path(__file__).parents[2]


Minutes = Literal["5", "15", "60", "240"]
ShortText = Annotated[str, msgspec.Meta(max_length=200)]


class RecordingRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A recording that the browser asks for."""

    minutes: Minutes
    user: ShortText = ""
    channel: ShortText = ""


class RecordingJob(msgspec.Struct):
    """The input of the process. `since` is Unix seconds."""

    service: str
    token: str
    clearance: str
    language: Language
    since: float
    user: str
    channel: str


Cause = Literal["failed", "nothing", "rights", "wrong", "slow", "away"]
_CAUSES: dict[int, Cause] = {400: "wrong", 401: "rights", 403: "rights", 404: "nothing", 429: "away", 503: "away"}


class NoRecording(msgspec.Struct):
    """The answer of the process where there is no recording. `why`: in English, as the service says it."""

    cause: Cause
    why: str


class RecordingUnavailableError(Exception):
    """Raised when there is no such recording."""

    def __init__(self, what: NoRecording) -> None:
        super().__init__(what.why)
        self.what = what


class Recordings:
    """The recordings of one page. `person` is the user whose turn it is in the `queue`, which all pages share."""

    def __init__(
        self, service: str, token: str, viewer: Viewer, queue: RecordingQueue | None = None, person: str = ""
    ) -> None:
        self._service = service
        self._token = token
        self._viewer = viewer
        self._queue = RecordingQueue() if queue is None else queue
        self._person = person

    async def open(self, asked: object, now: float, tell: Callable[[str, Tone], None]) -> str | tuple[str, Tone]:
        """Return a player's packed data; or a sentence and its tone. `tell` receives the place meanwhile."""
        say = self._viewer.say
        try:
            request = msgspec.convert(asked, RecordingRequest)
        except msgspec.ValidationError as wrong:
            return say("recordings.failed", why=str(wrong)), "bad"
        job = self._job(request, now)
        try:
            return await self._queue.run(
                self._person,
                lambda: _run_process(job),
                lambda place: tell(say("recordings.place", place=place), "info"),
            )
        except RecordingQueueFullError as full:
            return say("recordings.busy" if full.own else "recordings.full"), "warn"
        except RecordingUnavailableError as wrong:
            return say(f"recordings.{wrong.what.cause}", why=wrong.what.why), "bad"

    def _job(self, request: RecordingRequest, now: float) -> RecordingJob:
        viewer, since = self._viewer, now - 60 * int(request.minutes)
        return RecordingJob(
            self._service,
            self._token,
            viewer.clearance,
            viewer.language,
            since,
            request.user.strip(),
            request.channel.strip(),
        )


async def _run_process(job: RecordingJob) -> str:
    """Run the process and return its output. Raises RecordingUnavailableError."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dashboard.playback.recordings"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=_ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")},  # without secrets
    )
    try:
        async with asyncio.timeout(_PROCESS_TIMEOUT_SECONDS):
            made, wrong = await process.communicate(msgspec.json.encode(job))
    except TimeoutError as late:
        raise RecordingUnavailableError(NoRecording("slow", f"{_PROCESS_TIMEOUT_SECONDS:g} s")) from late
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RecordingUnavailableError(_told(wrong))
    return made.decode()


def _told(wrong: bytes) -> NoRecording:
    """Return what the process said of its failure, on the last line; anything else is the end of a program's error."""
    try:
        return msgspec.json.decode(wrong.strip().rpartition(b"\n")[2], type=NoRecording)
    except msgspec.MsgspecError:
        return NoRecording("failed", wrong.decode(errors="replace").strip()[-_MAX_ERROR_CHARS:])


def make(job: RecordingJob) -> bytes:
    """Fetch the recording and pack what a player needs. Raises OSError, ExportError and ValueError."""
    chosen: dict[str, str | float] = {"since": job.since, "context": "true"}
    chosen |= {name: value for name in ("user", "channel") if (value := getattr(job, name))}
    with tempfile.TemporaryDirectory(prefix="dossier-recording-") as folder:
        file = Path(folder) / "recording.ndjson"
        download(job.service, job.token, file, chosen)
        recording = open_export(file, clearance=job.clearance)
        if not len(recording) or recording.span[1] < job.since:
            raise ExportRefused(404, "nothing was recorded then; ask for a longer time")
        begins, ends = recording.span
        made = playback(recording, max(job.since, begins), ends, languages=[job.language], newest=True)
        return packed(made)


def _cause(wrong: Exception) -> Cause:
    if isinstance(wrong, ExportRefused):
        return _CAUSES.get(wrong.status, "failed")
    return "away" if isinstance(wrong, OSError) else "failed"


def main() -> int:
    """Read a job from standard input and write a player's data to standard output. Return the exit status."""
    os.nice(_NICENESS)
    try:
        made = make(msgspec.json.decode(sys.stdin.buffer.read(), type=RecordingJob))
    except (OSError, ExportError, ValueError) as wrong:
        sys.stderr.buffer.write(msgspec.json.encode(NoRecording(_cause(wrong), str(wrong)[:_MAX_ERROR_CHARS])))
        return 1
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
