"""`POST /v1/documents/{id}/restore`: make a document as it was at a version.

Source: docs/protocol.md#history-of-a-document.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from app.core import authorization
from app.core.domain.documents import EditError
from app.journal.acts import Act
from app.services.editing.edit_submission import EditAuthor, EditSubmission, WholeText
from app.services.errors import Unavailable
from app.services.revisions.revisions import VersionNotKeptError
from dossier_realtime.protocol.authorization import Right
from dossier_realtime.protocol.http.revisions import DocumentRestore, RestoredVersion

from .document_call_handler import DocumentCallHandler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Verb


class DocumentRestoreHandler(DocumentCallHandler):
    """The return of a document to one of its versions, as a change of the present text."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("restore_document",)}

    async def post(self, document_id: str) -> None:
        """Make the document as it was at the version in the body, and answer with the version that did so."""
        channel, identity = await self.open(document_id, Right.WRITE)
        if identity is None:
            return
        if not self.require(lambda: authorization.send_denial(self.policy, identity, channel) is None):
            self.forbid()
            return
        said = self._said()
        if said is None:
            return
        documents, revisions = self.context.domain.documents, self.context.domain.revisions
        try:
            wanted = await revisions.at(channel, await revisions.version_of(channel, said))
            present = (await documents.committed(channel)).version
            act = Act(
                "restore_document",
                "document",
                document_id,
                channel,
                before={"version": present},
                after={"version": wanted.version},
            )
            await self.act(act)
            answered: asyncio.Future[int | EditError] = asyncio.get_running_loop().create_future()
            document = wanted.document
            submission = EditSubmission(
                EditAuthor(identity.user_id, identity.name, identity.role),
                WholeText(document.content, present, format=document.format),
                answered.set_result,
                holds=self.holds,
            )
            await documents.replace(channel, submission)
            outcome = await answered
        except VersionNotKeptError as absent:
            self.refuse_version(absent)
            return
        except Unavailable:
            self.unavailable()
            return
        if isinstance(outcome, EditError):
            if self.recheck():
                self.refuse_edit(outcome, is_base=True)
            return
        self.unchanged = outcome == present
        self.set_header("Etag", f'"{outcome}"')
        self.answer(RestoredVersion(document_id, outcome, wanted.version))

    def _said(self) -> str | None:
        """Return the version in the body, as a number or a name; answer 400 for none."""
        body = self.read_body(DocumentRestore)
        return None if body is None or not self.is_version(body.version) else str(body.version)
