"""`GET|PUT /v1/documents/{id}`: read a document's text, now or at a version, and replace it.

Source: docs/protocol.md#documents-over-http.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, ClassVar

import msgspec

from app.core import authorization
from app.core.domain.documents import EditError
from app.journal.acts import Act
from app.journal.calls import Read
from app.services.editing.edit_submission import EditAuthor, EditSubmission, WholeText
from app.services.editing.shared_texts import SharedText
from app.services.errors import Unavailable
from app.services.revisions.revisions import VersionNotKeptError
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.authorization import Right
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import MAX_DOCUMENT
from dossier_realtime.protocol.http.forms import DocumentText

from .document_call_handler import DocumentCallHandler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Verb

_ETAG = re.compile(r'(?:W/)?"?(\d{1,16})"?')


class DocumentHandler(DocumentCallHandler):
    """One document. Its version is its ETag."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"put": ("change_document",)}
    max_body = 8 << 20  # bytes: the longest document, with every unit escaped
    too_big = f"The body is bigger than {max_body} bytes; a document holds {MAX_DOCUMENT} UTF-16 units: shorten it"

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

    async def put(self, document_id: str) -> None:
        """Replace the whole text, if it is at the version in If-Match still."""
        channel, identity = await self.open(document_id, Right.WRITE)
        if identity is None:
            return
        if not self.require(lambda: authorization.send_denial(self.policy, identity, channel) is None):
            self.forbid()
            return
        body = self._text()
        if body is None:
            return
        text = body.content
        documents = self.context.domain.documents
        try:
            version = (await documents.state(channel)).version
            expected = self._expected(version)
            if expected is None:
                return
            act = Act(
                "change_document",
                "document",
                document_id,
                channel,
                before={"version": version},
                after={"units": len(to_units(text)), "expected_version": expected},
            )
            await self.act(act)
            answered: asyncio.Future[int | EditError] = asyncio.get_running_loop().create_future()
            submission = EditSubmission(
                EditAuthor(identity.user_id, identity.name, identity.role),
                WholeText(text, expected, epoch=body.epoch),
                answered.set_result,
                holds=self.holds,
            )
            await documents.replace(channel, submission)
            outcome = await answered
        except Unavailable:
            self.unavailable()
            return
        if isinstance(outcome, EditError):
            if self.recheck():
                self._refuse_edit(outcome)
            return
        self.unchanged = outcome == expected
        self.set_header("Etag", f'"{outcome}"')
        self.answer({"document": document_id, "version": outcome})

    def _text(self) -> DocumentText | None:
        try:
            return codec.decode_body(bytes(self.body), DocumentText)
        except codec.InvalidMessage as wrong:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, wrong.reason, path=wrong.path)
            return None

    def _expected(self, version: int) -> int | None:
        """Return the version that the new text replaces, from If-Match; answer 400 or 428 without one."""
        match = self.request.headers.get("If-Match")
        if match is None:
            if version == 0:
                return 0
            text = "The document has a text already; send the version that you read as If-Match"
            self.refuse(428, ErrorCode.VERSION_CONFLICT, text)
            return None
        found = _ETAG.fullmatch(match.strip())
        if found is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "If-Match is the version that you read")
            return None
        return int(found.group(1))

    def _refuse_edit(self, refusal: EditError) -> None:
        if refusal.code is ErrorCode.SERVICE_UNAVAILABLE:
            self.unavailable()
            return
        if refusal.retry_after is not None:
            self.set_header("Retry-After", str(refusal.retry_after))
            self.refuse(429, refusal.code, refusal.text)
            return
        status = 412 if refusal.code is ErrorCode.VERSION_CONFLICT else 400
        self.refuse(status, refusal.code, refusal.text)
