"""The message that tells whether a document takes edits (docs/protocol.md#state-of-a-document)."""

from __future__ import annotations

from app.engine.ports.events import PublicationEntry
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.documents.document_events import DocumentStateEvent, DocumentStatePayload


def state_entry(channel: str, payload: DocumentStatePayload) -> PublicationEntry:
    """Return the publication that tells a document's state to everybody who has it open. It is not stored."""
    body = codec.encode(DocumentStateEvent(channel=channel, payload=payload))
    return PublicationEntry(channel, body, durable=False)
