"""A document's text by author is one and the same in the browser, in the recording, and in the text itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import IO, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.playback.document_text import written
from dashboard.screen.assets import SCRIPTS
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.flat import parts, write_remote
from dossier_realtime.ot.operations import Operation
from dossier_realtime.ot.units import to_units
from dossier_realtime.recording.recording import Recording
from dossier_realtime.recording.replay.documents import DocumentHistory, RecordedEdit
from tests.harness.eventually import HANG_SECONDS
from tests.ot.strategies import consecutive

ANSWER = """
const source = require("fs").readFileSync(process.argv[1], "utf8")
const fold = require("vm").runInThisContext(`${source}; documentText`)
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { draft, counts } = JSON.parse(line)
  const made = fold(draft)
  console.log(JSON.stringify(counts.map((count) => made.runs(count))))
})
"""

Units = list[tuple[str, str, dict[str, Any]]]
"""Each unit of a text with its author and its formatting."""


class Browser:
    """The player's own script, run by Node: `texts` after so many edits."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout

    def texts(self, history: DocumentHistory, counts: list[int]) -> list[Units]:
        draft = written(history, 0.0, float("inf"))
        self._in.write(json.dumps({"draft": draft, "counts": counts}) + "\n")
        self._in.flush()
        users = [*dict.fromkeys(edit.payload.user_id for edit in history.edits), ""]  # the last is number -1
        return [
            [
                (unit, users[run["author"]], {k: v for k, v in run["look"].items() if v is not None})
                for run in runs
                for unit in to_units(run["text"])
            ]
            for runs in json.loads(self._out.readline())
        ]


@pytest.fixture(scope="module")
def script() -> Iterator[Browser]:
    command = ["node", "-e", ANSWER, str(SCRIPTS / "document_text.js")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Browser(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(HANG_SECONDS) == 0


def history_of(document: Document, operations: list[Operation], users: list[int]) -> DocumentHistory:
    """Every part of the operations is a version, by one user after the other."""
    edits: list[RecordedEdit] = []
    for operation in operations:
        for part in parts(operation):
            user = f"u-{users[len(edits) % len(users)]}"
            version = len(edits) + 4
            edits.append(RecordedEdit(version, float(version), write_remote(part, version, user, user.upper())))
    return DocumentHistory("document:d", edits, (3, document))


def units_of(history: DocumentHistory, version: int) -> Units:
    """As the recording has it."""
    authors = [piece.user for piece in history.pieces(version) for _ in to_units(piece.text)]
    document = history.document_at(version)
    display: list[dict[str, Any]] = [{} for _ in range(document.length)]
    for run in document.format:
        look = msgspec.to_builtins(run.attributes)
        display[run.position : run.position + run.length] = [look] * run.length
    return list(zip(document.text, authors, display, strict=True))


@given(consecutive, st.lists(st.integers(0, 3), min_size=1, max_size=5))
def test_the_browser_makes_the_same_text_by_the_same_authors(
    script: Browser, row: tuple[Document, list[Operation]], users: list[int]
) -> None:
    history = history_of(*row, users)
    versions = range(history.first, history.last + 1)
    made = script.texts(history, [version - history.first for version in versions])
    assert made == [units_of(history, version) for version in versions]
    for version in versions:
        assert "".join(piece.text for piece in history.pieces(version)) == history.at(version)


def test_so_it_does_for_every_version_of_what_people_wrote(script: Browser, recording: Recording) -> None:
    names = [name for name in recording.channels().index if name.startswith("document:")]
    assert names
    for name in names:
        history = recording.document(name)
        versions = range(history.first, history.last + 1)
        made = script.texts(history, [version - history.first for version in versions])
        assert made == [units_of(history, version) for version in versions]
