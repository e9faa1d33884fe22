"""`GET|PUT|DELETE /v1/documents/{id}`: read a document's text, now or at a version, replace it, and delete it.

Source: docs/protocol.md#documents-over-http.
"""

from __future__ import annotations

import msgspec

from app.journal.calls import Read
from app.services.editing.shared_texts import SharedText
from app.services.errors import Unavailable
from app.services.revisions.revisions import VersionNotKeptError

from .document_change_handler import DocumentChangeHandler


class DocumentHandler(DocumentChangeHandler):
    """One document. Its version is its ETag."""

    async def get(self, document_id: str) -> None:
        """Answer with the text and formatting, of now or of `version`."""
        channel, identity = await self.open_existing(document_id)
        if identity is None:
            return
        asked = self.version_argument("version")
        if asked == "":
            return
        try:
            if asked is None:
                state, text = await self.context.domain.documents.opened(channel)
                version, epoch = state.version, state.epoch
            else:
                revisions = self.context.domain.revisions
                versioned = await revisions.at(channel, await revisions.version_of(channel, asked))
                version, text = versioned.version, SharedText(versioned.document)
                epoch = await revisions.epoch(channel)
        except VersionNotKeptError as absent:
            self.refuse_version(absent)
            return
        except Unavailable:
            self.unavailable()
            return
        self.read_of = Read(channel, 1, version)  # the text at a version holds all before it
        self.set_header("Etag", f'"{version}"')
        about = {"document": document_id, "version": version, "epoch": epoch}
        head = msgspec.json.encode(about)[:-1] + b","
        await self.answer_parts((head, text.json, b"}"))
