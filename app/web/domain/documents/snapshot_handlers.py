"""Signed snapshots of a document: signing a version, and reading what was signed.

Source: docs/protocol.md#signed-snapshots.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import structlog

from app.core import authorization
from app.journal.acts import Act, Facts
from app.journal.calls import Read
from app.services.errors import Unavailable
from app.services.revisions.revisions import MAX_NAMED, VersionNotKeptError
from app.services.revisions.snapshots import MAX_SNAPSHOTS, UnknownSnapshotError
from app.web.domain.document_call_handler import DocumentCallHandler, is_name
from dossier_realtime.protocol.authorization import Right
from dossier_realtime.protocol.documents.snapshots import KeptSnapshots, SnapshotRequest
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.revisions import MAX_VERSION_NAME
from dossier_realtime.recording.proof.snapshot import snapshot_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Verb
    from dossier_realtime.protocol.authorization import Identity

_PLACE = re.compile(r"[0-9]{16}~[0-9a-f]{32}")
_MAX_ROWS = 100
_log = structlog.get_logger("web")


class DocumentSnapshotsHandler(DocumentCallHandler):
    """`POST|GET /v1/documents/{id}/snapshots`: sign a version; list what was signed."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("sign_snapshot",)}

    async def post(self, document_id: str) -> None:
        """Sign the version in the body, or the present one, and answer with the whole snapshot.

        A frozen document is signed too: that is often why it is frozen.
        """
        channel, identity = await self.open(document_id, Right.WRITE)
        if identity is None:
            return
        body = self.read_body(SnapshotRequest)
        if body is None or not self.is_version(body.version) or not self._may_name(body.name, identity, channel):
            return
        snapshots, revisions = self.context.domain.snapshots, self.context.domain.revisions
        try:
            if not await self.context.domain.documents.exists(channel) or body.version == 0:
                self.refuse(404, ErrorCode.NOT_FOUND, "The document has no version yet; write to it first")
                return
            before = await snapshots.count(channel)
            if before >= MAX_SNAPSHOTS:
                text = f"The document has {MAX_SNAPSHOTS} snapshots; sign versions of another one"
                self.refuse(409, ErrorCode.VERSION_CONFLICT, text)
                return
            named = {} if body.name is None else {one.name: one for one in await revisions.named(channel)}
            if body.name is not None and body.name not in named and len(named) >= MAX_NAMED:
                self.refuse(409, ErrorCode.VERSION_CONFLICT, f"The document has {MAX_NAMED} names; move one of them")
                return
            wanted = await revisions.given(channel, body.version)
            unsigned = await snapshots.prepare(channel, wanted, identity, body.note, body.name)
            told = unsigned.statement
            after: Facts = {
                "snapshots": before + 1,
                "snapshot": snapshot_id(told),
                "version": told.version,
                "text_sha256": told.text_sha256,
                "note": told.note,
                "name": told.name,
                "present": told.present_count,
            }
            await self.act(
                Act("sign_snapshot", "document", document_id, channel, before={"snapshots": before}, after=after)
            )
            if body.name is not None:
                await revisions.name(channel, body.name, told.version, identity)
            snapshot = await snapshots.sign(unsigned)
        except VersionNotKeptError as absent:
            self.refuse_version(absent)
            return
        except Unavailable:
            self.unavailable()
            return
        except OSError as wrong:
            _log.error("a snapshot could not be signed", reason=str(wrong))
            self.unavailable()
            return
        self.answer(snapshot)

    def _may_name(self, name: str | None, identity: Identity, channel: str) -> bool:
        """Return whether the version may get the name that is asked for; answer where not."""
        if name is None:
            return True
        if not is_name(name):
            text = f"A version's name is one line of at most {MAX_VERSION_NAME} characters, and no number (at $.name)"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path="$.name")
            return False
        if not self.require(lambda: authorization.send_denial(self.policy, identity, channel) is None):
            self.forbid()
            return False
        return True

    async def get(self, document_id: str) -> None:
        """Answer with a page of the statements that were signed."""
        channel, identity = await self.open_existing(document_id)
        if identity is None:
            return
        after, limit = self.get_query_argument("after", ""), self.get_query_argument("limit", str(_MAX_ROWS))
        if after and _PLACE.fullmatch(after) is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "after is the next of a page before")
            return
        if not limit.isascii() or not limit.isdigit() or len(limit) > 3 or not 1 <= int(limit) <= _MAX_ROWS:
            text = f"limit is a whole number from 1 to {_MAX_ROWS}"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return
        try:
            page = await self.context.domain.snapshots.page(channel, after, int(limit))
        except Unavailable:
            self.unavailable()
            return
        self.read_of = Read(channel)
        self.answer(KeptSnapshots(document_id, page.rows, page.more))


class DocumentSnapshotHandler(DocumentCallHandler):
    """`GET /v1/documents/{id}/snapshots/{snapshot}`: a signed snapshot, to be kept as a file."""

    async def get(self, document_id: str, name: str) -> None:
        """Answer with the snapshot and its text, byte for byte as when it was signed."""
        channel, identity = await self.open_existing(document_id)
        if identity is None:
            return
        try:
            snapshot = await self.context.domain.snapshots.whole(channel, name)
        except UnknownSnapshotError:
            self.refuse(404, ErrorCode.NOT_FOUND, "The document has no such snapshot; list them without an id")
            return
        except VersionNotKeptError as absent:
            self.refuse_version(absent)
            return
        except Unavailable:
            self.unavailable()
            return
        self.read_of = Read(channel)
        self.answer(snapshot)
