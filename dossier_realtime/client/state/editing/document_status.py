"""The status of a document that is edited. Pure."""

from __future__ import annotations

from enum import StrEnum

from dossier_realtime.protocol.documents.document_events import DocumentStatePayload


class DocumentStatus(StrEnum):
    """The status of an open document, the gravest that applies: `stale` before `read-only`, `refused`, and so on."""

    LIVE = "live"
    """Every local edit is confirmed and on the server's disk, and edits of others arrive."""
    SAVING = "saving"
    """Local edits are on their way; they are confirmed within fractions of a second."""
    THROTTLED = "throttled"
    """Local edits wait for the user's rate limit. They are kept, joined into few operations and sent."""
    REFUSED = "refused"
    """The server refused the last edit: it was removed from the text, or is kept and offered again every 15 s."""
    READ_ONLY = "read-only"
    """The document takes no edits now: frozen, read-only for a time, or without the right to write."""
    STALE = "stale"
    """The text may lack edits of others: not loaded yet, no connection, or the document was closed."""


def takes_no_edits(state: DocumentStatePayload) -> bool:
    """Return whether a document in this state takes no edits."""
    return state.frozen or state.deleted or state.read_only_until is not None
