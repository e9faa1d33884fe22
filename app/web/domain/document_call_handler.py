"""Calls about one document: its caller and their right, and its versions.

Source: docs/protocol.md#documents-over-http.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.core import authorization
from app.core.domain.documents import KeyReuseError
from app.web.http.authenticated_handler import AuthenticatedHandler
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.revisions import MAX_VERSION_NAME

if TYPE_CHECKING:
    from app.core.domain.documents import EditError
    from app.services.revisions.revisions import VersionNotKeptError
    from dossier_realtime.protocol.authorization import Identity

_NUMBER = re.compile(r"[0-9]+")
_NAME = re.compile(rf"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{{1,{MAX_VERSION_NAME}}}")


class DocumentCallHandler(AuthenticatedHandler):
    """A call about one document."""

    async def open(self, document_id: str, right: Right) -> tuple[str, Identity | None]:
        """Return the channel, and the caller if they have the right; answer where not."""
        channel, identity = await self._caller(document_id)
        return channel, self._entitled(identity, right, channel)

    async def open_existing(self, document_id: str) -> tuple[str, Identity | None]:
        """Return the channel, and the caller if they may read the document; answer where not."""
        channel, identity = await self._caller(document_id)
        if identity is None:
            return channel, None
        right = await self.context.domain.document_access.reading_right(identity, channel)
        identity = self._entitled(identity, right, channel)
        if identity is not None and await self.context.domain.documents.was_deleted(channel):
            self.refuse(404, ErrorCode.NOT_FOUND, "The document was deleted; write to it to begin a new one")
            return channel, None
        return channel, identity

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

    def version_argument(self, name: str) -> str | None:
        """Return a version of the query, its number or its name; None without one. Answer 400, and return "", for none.

        Source: docs/protocol.md#named-versions.
        """
        asked = self.get_query_argument(name, None)
        if asked is None or is_name(asked) or (_NUMBER.fullmatch(asked) is not None and len(asked) <= 16):
            return asked
        self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, f"{name} is the number of a version, or its name")
        return ""

    def is_version(self, version: int | str | None) -> bool:
        """Return whether a version in a body is a number or a name; answer 400 where not."""
        if not isinstance(version, str) or is_name(version):
            return True
        text = "A version is the number or the name of one (at $.version)"
        self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path="$.version")
        return False

    def refuse_version(self, absent: VersionNotKeptError) -> None:
        """Answer 404 with the oldest version that has a text, and the present one."""
        self.refuse(404, ErrorCode.NOT_FOUND, str(absent), oldest=absent.oldest, version=absent.version)

    def refuse_edit(self, refusal: EditError, *, is_base: bool) -> None:
        """Refuse the text; `is_base`: where that is for its version, it is for `base` and not for If-Match."""
        if refusal.code is ErrorCode.SERVICE_UNAVAILABLE:
            self.unavailable()
            return
        if refusal.retry_after is not None:
            self.set_header("Retry-After", str(refusal.retry_after))
            self.refuse(429, refusal.code, refusal.text)
            return
        present = {} if refusal.version is None else {"version": refusal.version}
        status = 400
        if refusal.code is ErrorCode.VERSION_CONFLICT:
            status = 409 if is_base else 412
        elif isinstance(refusal, KeyReuseError):
            status = 409
        self.refuse(status, refusal.code, refusal.text, path=refusal.path, **present)


def is_name(text: str) -> bool:
    """Return whether a version may have this name: one line, and no number."""
    return _NAME.fullmatch(text) is not None and text == text.strip() and _NUMBER.fullmatch(text) is None
