"""`PUT|DELETE /v1/documents/{id}`: replace a document's text, merge a new one with edits since its base, or delete it.

Source: docs/protocol.md#whole-texts, docs/protocol.md#deleted-documents.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, ClassVar

from app.core import authorization
from app.core.domain.documents import EditError
from app.journal.acts import Act
from app.services.editing.edit_submission import EditAuthor, EditSubmission, WholeText
from app.services.errors import Unavailable
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
_KEY = re.compile(r"[\x21-\x7e]{1,64}")


class DocumentChangeHandler(DocumentCallHandler):
    """The calls that change one document."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"put": ("change_document",), "delete": ("delete_document",)}
    max_body = 8 << 20  # bytes: the longest document, with every unit escaped
    too_big = f"The body is bigger than {max_body} bytes; a document holds {MAX_DOCUMENT} UTF-16 units: shorten it"

    async def put(self, document_id: str) -> None:
        """Replace the whole text: at version 0, at the version in If-Match, or merged with what came after `base`."""
        channel, identity = await self.open(document_id, Right.WRITE)
        if identity is None:
            return
        if not self.require(lambda: authorization.send_denial(self.policy, identity, channel) is None):
            self.forbid()
            return
        said = self._said()
        if said is None:
            return
        documents = self.context.domain.documents
        try:
            version = (await documents.state(channel)).version
            change = self._change(said, version)
            if change is None:
                return
            facts = {"units": len(to_units(change.text)), "base": change.base, "expected_version": change.expected}
            act = Act(
                "change_document",
                "document",
                document_id,
                channel,
                before={"version": version},
                after={name: number for name, number in facts.items() if number is not None},
            )
            await self.act(act)
            answered: asyncio.Future[int | EditError] = asyncio.get_running_loop().create_future()
            submission = EditSubmission(
                EditAuthor(identity.user_id, identity.name, identity.role),
                change,
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
                met = change.expected in (None, outcome.version)
                self.refuse_edit(outcome, is_base=met and said.base is not None)
            return
        self.unchanged = outcome == version
        self.set_header("Etag", f'"{outcome}"')
        self.answer({"document": document_id, "version": outcome})

    async def delete(self, document_id: str) -> None:
        """Delete the document; it may be begun anew. The journal keeps what it was."""
        channel, identity = await self.open(document_id, Right.ADMIN)
        if identity is None:
            return
        documents = self.context.domain.documents
        try:
            state = await documents.state(channel)
            if not state.version:
                self.refuse(404, ErrorCode.NOT_FOUND, "There is no such document")
                return
            match = self.request.headers.get("If-Match")
            found = None if match is None else _ETAG.fullmatch(match.strip())
            if match is not None and (found is None or int(found.group(1)) != state.version):
                text = f"The document is at version {state.version}; read it before you delete it"
                self.refuse(412, ErrorCode.VERSION_CONFLICT, text, version=state.version)
                return
            before = {"version": state.version, "units": len(to_units(state.content))}
            act = Act("delete_document", "document", document_id, channel, before=before, after={"version": 0})
            await self.act(act)
            if not await self.context.domain.deletion.delete(channel, state.version):
                version = (await documents.state(channel)).version
                text = f"The document was edited meanwhile, and is at version {version}; read it before you delete it"
                self.refuse(412, ErrorCode.VERSION_CONFLICT, text, version=version)
                return
        except Unavailable:
            self.unavailable()
            return
        self.answer({"document": document_id, "version": state.version})

    def _said(self) -> DocumentText | None:
        try:
            return codec.decode_body(bytes(self.body), DocumentText)
        except codec.InvalidMessage as wrong:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, wrong.reason, path=wrong.path)
            return None

    def _change(self, said: DocumentText, version: int) -> WholeText | None:
        """Return the new text with its conditions; answer 400 or 428 where they do not suffice."""
        key, match = self._key(), self.request.headers.get("If-Match")
        if key == "":
            return None
        expected = None
        if match is not None:
            found = _ETAG.fullmatch(match.strip())
            if found is None:
                self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "If-Match is the version that you read")
                return None
            expected = int(found.group(1))
        elif said.base is None:
            if version and key is None:  # a key may name a call that was answered before
                text = "The document has a text already; send the version that you read as If-Match, or as base"
                self.refuse(428, ErrorCode.VERSION_CONFLICT, text, version=version)
                return None
            expected = 0
        base = said.base if said.base is not None else expected or 0
        return WholeText(said.content, base, expected, said.format, key, epoch=said.epoch)

    def _key(self) -> str | None:
        """Return the Idempotency-Key, None without one; answer 400, and return "", for one that is none."""
        keys = self.request.headers.get_list("Idempotency-Key")
        if not keys:
            return None
        if len(keys) == 1 and _KEY.fullmatch(keys[0]):
            return keys[0]
        text = "An Idempotency-Key is one header of 1 to 64 ASCII characters without blanks; send a UUID"
        self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
        return ""
