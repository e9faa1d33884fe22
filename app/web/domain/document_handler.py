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
from app.services.errors import Unavailable
from app.web.http.authenticated_handler import AuthenticatedHandler
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import MAX_DOCUMENT
from dossier_realtime.protocol.http.forms import DocumentText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Verb
    from dossier_realtime.protocol.authorization import Identity

_VERSION = re.compile(r"\d{1,16}")
_ETAG = re.compile(r'(?:W/)?"?(\d{1,16})"?')


class DocumentHandler(AuthenticatedHandler):
    """One document. Its version is its ETag."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"put": ("change_document",)}
    max_body = 8 << 20  # bytes: the longest document, with every unit escaped
    too_big = f"The body is bigger than {max_body} bytes; a document holds {MAX_DOCUMENT} UTF-16 units: shorten it"

    async def get(self, document_id: str) -> None:
        """Answer with the text and formatting, of now or of `version`."""
        channel, identity = await self._open_existing(document_id)
        if identity is None:
            return
        asked = self.get_query_argument("version", None)
        if asked is not None and _VERSION.fullmatch(asked) is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "version is a whole number")
            return
        documents = self.context.domain.documents
        try:
            now = await documents.opened(channel)
            found = now if asked is None else await documents.at(channel, int(asked))
        except Unavailable:
            self.unavailable()
            return
        if found is None:
            self.refuse(404, ErrorCode.NOT_FOUND, f"Version {asked} is not kept; the document is at {now[0].version}")
            return
        state, text = found
        self.read_of = Read(channel, 1, state.version)  # the text at a version holds all before it
        self.set_header("Etag", f'"{state.version}"')
        head = (
            msgspec.json.encode({"document": document_id, "version": state.version, "epoch": state.epoch})[:-1] + b","
        )
        await self.answer_parts((head, text.json, b"}"))

    async def put(self, document_id: str) -> None:
        """Replace the whole text, if it is at the version in If-Match still."""
        channel, identity = await self._open(document_id, Right.WRITE)
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

    async def _open(self, document_id: str, right: Right) -> tuple[str, Identity | None]:
        """Return the channel, and the caller if they have the right; answer where not."""
        channel, identity = await self._caller(document_id)
        return channel, self._entitled(identity, right, channel)

    async def _open_existing(self, document_id: str) -> tuple[str, Identity | None]:
        """Return the channel, and the caller if they may read the document; answer where not.

        A document that a permission reaches is looked for before it is refused, also where the clearance does not
        reach: so that neither the answer nor its time tells a document above the clearance from one that is absent.
        """
        channel, identity = await self._caller(document_id)
        if identity is None:
            return channel, None
        policy, documents = self.policy, self.context.domain.documents
        known = access(identity, Right.READ, channel, policy).permitted
        known = known and await documents.exists(channel)
        right = Right.READ if known else Right.WRITE  # an unknown document is empty to those who may write it
        return channel, self._entitled(identity, right, channel)

    async def _caller(self, document_id: str) -> tuple[str, Identity | None]:
        """Return the channel and the caller; answer where the id or the token is bad."""
        channel = channels.document(document_id)
        denial = authorization.channel_denial(channel)
        if denial is not None:
            self.refuse(400, denial.code, denial.text)
            return channel, None
        return channel, await self.authenticate()

    def _entitled(self, identity: Identity | None, right: Right, channel: str) -> Identity | None:
        """Return a caller who has the right, from here on too; answer 403 to any other."""
        if identity is None or self.require(lambda: access(identity, right, channel, self.policy).entitled):
            return identity
        self.forbid()
        return None

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
