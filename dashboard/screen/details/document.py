"""A document in full: its version and its text, as it stands when the dialog is opened."""

from __future__ import annotations

from dashboard.screen.blocks import Block, Cell, facts, reading
from dashboard.screen.viewer import Viewer
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.http.forms import DocumentAnswer


def document_details(answer: DocumentAnswer, viewer: Viewer) -> list[Block]:
    """Return the blocks of a document."""
    items: list[tuple[str, Cell]] = [
        ("col.channel", channels.document(answer.document)),
        ("col.version", answer.version),
        ("detail.text", reading(answer.content)),
    ]
    return [facts("detail-facts", [(viewer.say(key), cell) for key, cell in items])]
