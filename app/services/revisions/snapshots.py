"""Signed snapshots of documents: made on request, and kept as statements (docs/protocol.md#signed-snapshots)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from app.engine.ports.errors import Moved
from app.engine.ports.records import ListPlace, RecordChange
from app.services.revisions.revisions import Revisions, VersionNotKeptError
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.documents.snapshots import (
    MAX_PRESENT,
    KeptSnapshot,
    SignedSnapshot,
    SnapshotStatement,
    SnapshotUser,
)
from dossier_realtime.recording.proof.snapshot import format_digest, snapshot_id, text_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.ports.presence import PresenceStore
    from app.engine.ports.records import RecordStore
    from app.services.publisher import EventPublisher
    from dossier_realtime.ot.document import Document
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.recording.proof.signed import Purpose

KIND: Final = "snapshot"
MAX_SNAPSHOTS: Final = 1_000  # of one document


class DocumentSigner(Protocol):
    """The signing key of the service."""

    @property
    def fingerprint(self) -> str:
        """The name of the key."""

    def sign(self, purpose: Purpose, text: bytes) -> str:
        """Return the signature of a text for a purpose, in base64. Raises OSError."""


class UnknownSnapshotError(Exception):
    """Raised for the id of no snapshot in the present history of the document."""


@dataclass(frozen=True, slots=True)
class UnsignedSnapshot:
    """A statement that is yet to be signed, and its text."""

    channel: str
    statement: SnapshotStatement
    document: Document


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """A page of kept snapshots; `more`: the place after which the next page begins, None on the last one."""

    rows: list[KeptSnapshot]
    more: str | None


class Snapshots:
    """The signed snapshots of all documents."""

    def __init__(
        self,
        revisions: Revisions,
        presence: PresenceStore,
        records: RecordStore,
        publisher: EventPublisher,
        signer: DocumentSigner,
        now: Callable[[], float],
    ) -> None:
        self._revisions, self._presence = revisions, presence
        self._records, self._publisher = records, publisher
        self._signer, self._now = signer, now

    async def prepare(
        self, channel: str, wanted: int | None, by: Identity, note: str | None, name: str | None
    ) -> UnsignedSnapshot:
        """Return the statement about a version, or the present one. Raises VersionNotKeptError and Unavailable."""
        while True:
            epoch = await self._revisions.epoch(channel)
            unsigned = await self._prepared(channel, epoch, wanted, by, (note, name))
            if await self._revisions.epoch(channel) == epoch:
                return unsigned  # else it was deleted meanwhile: the version is of another history

    async def _prepared(
        self, channel: str, epoch: str, wanted: int | None, by: Identity, words: tuple[str | None, str | None]
    ) -> UnsignedSnapshot:
        version = await self._revisions.kept(channel, wanted)
        versioned = await self._revisions.at(channel, version)
        page = await self._revisions.page(channel, version - 1, 1, join=False)
        row = next((row for row in page.rows if row.version == version), None)
        if row is None:  # of the oldest version the text may be kept, and its author not
            raise VersionNotKeptError(str(version), version + 1, page.version)
        roster = await self._presence.roster(channel) if self._publisher.keeps_presence(channel) else None
        users = [] if roster is None else [SnapshotUser(one.user_id, one.name) for one in roster.users[:MAX_PRESENT]]
        document = versioned.document
        digests = await asyncio.to_thread(_digests, document)
        statement = SnapshotStatement(
            document=channels.parse(channel).segments[-1],
            epoch=epoch,
            version=version,
            classification=self._publisher.derived((channel,)).level.label,  # type: ignore[arg-type]  # labels are the Literal
            text_sha256=digests[0],
            format_sha256=digests[1],
            author=SnapshotUser(row.user_id, row.user_name),
            committed_at=row.timestamp,
            asked_by=SnapshotUser(by.user_id, by.name),
            signed_at=round(self._now()),
            present=None if roster is None else users,
            present_count=None if roster is None else roster.count,
            note=words[0],
            name=words[1],
            key=self._signer.fingerprint,
        )
        return UnsignedSnapshot(channel, statement, document)

    async def sign(self, unsigned: UnsignedSnapshot) -> SignedSnapshot:
        """Sign a statement, and keep it. Raises Unavailable, and OSError where the key cannot sign now."""
        statement, document = unsigned.statement, unsigned.document
        signature = await asyncio.to_thread(_signed, self._signer, statement)
        kept = KeptSnapshot(id=snapshot_id(statement), statement=statement, signature=signature)
        order = f"{statement.signed_at:016d}"
        change = RecordChange(
            *(KIND, f"{unsigned.channel}/{kept.id}", 0, msgspec.json.encode(kept), (unsigned.channel,), order)
        )
        with suppress(Moved):  # the same statement, word for word, was signed a moment ago
            await self._publisher.commit([], [change])
        return SignedSnapshot(
            statement=statement, content=document.content, format=document.format, signature=signature
        )

    async def count(self, channel: str) -> int:
        """Return the number of a document's snapshots. Raises Unavailable."""
        return await self._records.count(KIND, channel)

    async def page(self, channel: str, after: str, limit: int) -> SnapshotPage:
        """Return snapshots of the document's present history, oldest first. Raises Unavailable."""
        epoch = await self._revisions.epoch(channel)
        order, _, key = after.partition("~")
        place = ListPlace(order, f"{channel}/{key}") if key else None
        found = await self._records.listed(KIND, channel, place, limit + 1)
        more = f"{found[limit - 1].order}~{found[limit - 1].key.rpartition('/')[2]}" if len(found) > limit else None
        rows = [msgspec.json.decode(record.body, type=KeptSnapshot) for record in found[:limit]]
        return SnapshotPage([row for row in rows if row.statement.epoch == epoch], more)

    async def whole(self, channel: str, name: str) -> SignedSnapshot:
        """Return a kept snapshot with its text.

        Raises UnknownSnapshotError, VersionNotKeptError where the text is not kept any more, and Unavailable.
        """
        key = f"{channel}/{name}"
        record = (await self._records.find(KIND, [key])).get(key)
        kept = None if record is None else msgspec.json.decode(record.body, type=KeptSnapshot)
        if kept is None or kept.statement.epoch != await self._revisions.epoch(channel):
            raise UnknownSnapshotError
        document = (await self._revisions.at(channel, kept.statement.version)).document
        return SignedSnapshot(
            statement=kept.statement, content=document.content, format=document.format, signature=kept.signature
        )


def _digests(document: Document) -> tuple[str, str]:
    return text_digest(document.content), format_digest(document.format)


def _signed(signer: DocumentSigner, statement: SnapshotStatement) -> str:
    return signer.sign("snapshot", msgspec.json.encode(statement))
