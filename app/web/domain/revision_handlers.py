"""The versions of a document over HTTP: their list, their names, and the difference of two.

Source: docs/protocol.md#history-of-a-document.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from app.core import authorization
from app.journal.acts import Act, Facts
from app.journal.calls import Read
from app.services.errors import Unavailable
from app.services.revisions.revisions import MAX_NAMED, VersionNotKeptError
from dossier_realtime.protocol.authorization import Right
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.revisions import (
    MAX_VERSION_NAME,
    DocumentDifference,
    DocumentRevision,
    DocumentRevisions,
    NamedDocumentVersion,
    NamedDocumentVersions,
    VersionName,
    WordDifference,
)

from .document_call_handler import DocumentCallHandler, is_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.core.domain.revision_rows import NamedVersion, RevisionRow
    from app.journal.acts import Verb

_NUMBER = re.compile(r"[0-9]{1,16}")
_MAX_ROWS = 1_000


class DocumentRevisionsHandler(DocumentCallHandler):
    """`GET /v1/documents/{id}/history?after=&limit=&joined=`: its versions with author and time, oldest first."""

    async def get(self, document_id: str) -> None:
        """Answer with a page of versions, or of joined ones."""
        channel, identity = await self.open_existing(document_id)
        if identity is None:
            return
        after = self._number("after", 0, 0, 2**53 - 1)
        limit = None if after is None else self._number("limit", _MAX_ROWS, 1, _MAX_ROWS)
        if after is None or limit is None:
            return
        joined = self.get_query_argument("joined", "false")
        if joined not in ("true", "false"):
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "joined is true or false")
            return
        try:
            page = await self.context.domain.revisions.page(channel, after, limit, join=joined == "true")
        except Unavailable:
            self.unavailable()
            return
        self.read_of = Read(channel)
        versions = [_row(row) for row in page.rows]
        self.answer(DocumentRevisions(document_id, page.version, page.oldest, versions, page.next))

    def _number(self, name: str, default: int, low: int, high: int) -> int | None:
        text = self.get_query_argument(name, str(default))
        if _NUMBER.fullmatch(text) is None or not low <= int(text) <= high:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, f"{name} is a whole number from {low} to {high}")
            return None
        return int(text)


class NamedVersionsHandler(DocumentCallHandler):
    """`GET /v1/documents/{id}/versions`: the versions that have a name."""

    async def get(self, document_id: str) -> None:
        """Answer with all named versions."""
        channel, identity = await self.open_existing(document_id)
        if identity is None:
            return
        try:
            named = await self.context.domain.revisions.named(channel)
        except Unavailable:
            self.unavailable()
            return
        self.read_of = Read(channel)
        self.answer(NamedDocumentVersions(document_id, [_named(document_id, one) for one in named]))


class NamedVersionHandler(DocumentCallHandler):
    """`PUT /v1/documents/{id}/versions/{name}`: give a version a name."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"put": ("name_version",)}

    async def put(self, document_id: str, name: str) -> None:
        """Name the version in the body, or the present one; a name that another version has moves to it."""
        channel, identity = await self.open(document_id, Right.WRITE)
        if identity is None:
            return
        if not self.require(lambda: authorization.send_denial(self.policy, identity, channel) is None):
            self.forbid()
            return
        if not is_name(name):
            text = f"A version's name is one line of at most {MAX_VERSION_NAME} characters, and no number"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return
        body = self.read_body(VersionName)
        if body is None or not self.is_version(body.version):
            return
        revisions = self.context.domain.revisions
        try:
            had = {one.name: one for one in await revisions.named(channel)}
            version = await revisions.kept(channel, await revisions.given(channel, body.version))
            if not await self.context.domain.documents.exists(channel):
                self.refuse(404, ErrorCode.NOT_FOUND, "The document has no version yet; write to it first")
                return
            if name not in had and len(had) >= MAX_NAMED:
                self.refuse(409, ErrorCode.VERSION_CONFLICT, f"The document has {MAX_NAMED} names; move one of them")
                return
            before: Facts = {"name": name, "version": had[name].version if name in had else None}
            after: Facts = {"name": name, "version": version}
            await self.act(Act("name_version", "document", document_id, channel, before=before, after=after))
            self.unchanged = name in had and had[name].version == version
            named = had[name] if self.unchanged else await revisions.name(channel, name, version, identity)
        except VersionNotKeptError as absent:
            self.refuse_version(absent)
            return
        except Unavailable:
            self.unavailable()
            return
        self.answer(_named(document_id, named))


class DocumentDifferenceHandler(DocumentCallHandler):
    """`GET /v1/documents/{id}/diff?from=&to=`: the difference of two versions by word."""

    async def get(self, document_id: str) -> None:
        """Answer with the difference; without `to`, to the present text."""
        channel, identity = await self.open_existing(document_id)
        if identity is None:
            return
        first, last = self.version_argument("from"), self.version_argument("to")
        if first is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "from is missing; send a version's number or name")
            return
        if "" in (first, last):
            return
        revisions = self.context.domain.revisions
        try:
            old = await revisions.at(channel, await revisions.version_of(channel, first))
            to = None if last is None else await revisions.version_of(channel, last)
            new = await revisions.at(channel, await revisions.kept(channel, to))
            changes = await revisions.changes(old.document, new.document)
        except VersionNotKeptError as absent:
            self.refuse_version(absent)
            return
        except Unavailable:
            self.unavailable()
            return
        self.read_of = Read(channel, 1, max(old.version, new.version))
        told = [WordDifference(change.kind, change.text) for change in changes]
        self.answer(DocumentDifference(document_id, old.version, new.version, told))


def _row(row: RevisionRow) -> DocumentRevision:
    one = DocumentRevision(row.version, row.user_id, row.user_name, row.timestamp, names=row.names)
    if row.first != row.version:
        one.first, one.began = row.first, row.began
    return one


def _named(document_id: str, named: NamedVersion) -> NamedDocumentVersion:
    return NamedDocumentVersion(document_id, named.name, named.version, named.user_id, named.user_name, int(named.at))
