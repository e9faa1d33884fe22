"""Batches in the history of a document: its text, its authors, its table, and what the player shows."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from dashboard.playback.document_text import written
from dossier_realtime.ot.document import Document
from dossier_realtime.protocol.commands import Attributes, FlatOperation
from dossier_realtime.protocol.events import RemoteOperationPayload
from dossier_realtime.recording import tables
from dossier_realtime.recording.replay.documents import DocumentHistory, Piece, RecordedEdit

SCRIPT = Path(__file__).parents[2] / "dashboard" / "assets" / "js" / "document_text.js"
BOLD = Attributes(bold=True)
OPERATIONS = (
    FlatOperation("delete", 4, length=3),
    FlatOperation("insert", 4, "😀", attributes=BOLD),
    FlatOperation("insert", 0, "> "),
    FlatOperation("format", 2, length=3, attributes=Attributes(italic=True)),
)


def history() -> DocumentHistory:
    payload = RemoteOperationPayload(
        user_id="noura", user_name="Noura", operation_type="batch", version=1, operations=OPERATIONS
    )
    single = RemoteOperationPayload(
        user_id="ali", user_name="Ali", operation_type="insert", position=14, version=2, content="!"
    )
    edits = [RecordedEdit(1, 10.0, payload), RecordedEdit(2, 11.0, single)]
    return DocumentHistory("document:paper", edits, (0, Document.of("one two three")))


def test_a_batch_is_one_version_of_the_text_and_of_its_authors() -> None:
    document = history()
    assert [document.at(version) for version in range(3)] == ["one two three", "> one 😀 three", "> one 😀 three!"]
    assert document.pieces(2) == [
        Piece("noura", "> "),
        Piece("", "one "),
        Piece("noura", "😀"),
        Piece("", " three"),
        Piece("ali", "!"),
    ]


def test_the_table_has_a_row_an_operation_on_the_text_after_those_above() -> None:
    table = tables.history(history())
    assert list(table["version"]) == [1, 1, 1, 1, 2]
    assert list(table["operation"]) == ["delete", "insert", "insert", "format", "insert"]
    assert list(table["length"]) == [3, 2, 2, 3, 1]
    assert list(table["attributes"]) == [None, {"bold": True}, None, {"italic": True}, None]


def test_the_player_shows_a_batch_as_one_version() -> None:
    shown = written(history(), 0, 20)
    assert len(shown["edits"]) == 2
    program = f"{SCRIPT.read_text('utf-8')}\nconst text = documentText({json.dumps(shown)})\n"
    program += "console.log(JSON.stringify([0, 1, 2].map((count) => text.runs(count))))"
    result = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    runs = json.loads(result.stdout)
    assert ["".join(run["text"] for run in each) for each in runs] == [history().at(version) for version in range(3)]
    assert [(run["text"], run["author"], run["look"]) for run in runs[1]] == [
        ("> ", 0, {}),
        ("one", -1, {"italic": True}),
        (" ", -1, {}),
        ("😀", 0, {"bold": True}),
        (" three", -1, {}),
    ]
