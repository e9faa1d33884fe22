"""Documents and their counterparts in another language: the pair, and its clauses that were marked as translated.

A pair is one record, and one more for each side, which names the pair: a document has one counterpart at most.

Source: docs/protocol.md#two-languages.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct, structs

from app.engine.ports.errors import Moved
from app.engine.ports.records import RecordChange
from dossier_realtime.protocol import channels
from dossier_realtime.rich_text.clauses import clauses
from dossier_realtime.rich_text.pairing import PairedClause, TranslationMark, marked, paired

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.engine.ports.records import Record, RecordStore
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher
    from app.services.revisions.revisions import Revisions
    from dossier_realtime.ot.document import Document

KIND: Final = "document_pair"
_SIDE: Final = "document_pair_side"


class PairedElsewhereError(Exception):
    """Raised where one of two documents has another counterpart already."""


class UnknownClauseError(Exception):
    """Raised where a clause that is to be marked is not in both documents; `key` names it."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class PairSide(Struct, frozen=True):
    """One document of a pair, and its language (BCP 47)."""

    document: str
    language: str


class _Pair(Struct, frozen=True):
    sides: tuple[PairSide, PairSide]
    marks: list[TranslationMark] = []


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair as one of its documents has it. `swapped`: this document is the second one in the record."""

    own: PairSide
    other: PairSide
    swapped: bool
    record: Record
    marks: list[TranslationMark]


class Sides(NamedTuple):
    """The texts of both sides, at a version each."""

    own: Document
    own_version: int
    other: Document
    other_version: int


_pairs = msgspec.json.Decoder(_Pair)


class Pairs:
    """The pairs of documents."""

    def __init__(
        self, records: RecordStore, publisher: EventPublisher, documents: Documents, revisions: Revisions
    ) -> None:
        self._records, self._publisher = records, publisher
        self._documents, self._revisions = documents, revisions

    async def of(self, document: str) -> Pair | None:
        """Return the pair that a document is in. Raises Unavailable."""
        side = (await self._records.find(_SIDE, [document])).get(document)
        if side is None:
            return None
        key = side.body.decode()
        record = (await self._records.find(KIND, [key])).get(key)
        if record is None:  # taken apart between the two looks
            return None
        pair = _pairs.decode(record.body)
        swapped = pair.sides[0].document != document
        own, other = reversed(pair.sides) if swapped else pair.sides
        return Pair(own, other, swapped, record, pair.marks)

    async def join(self, own: PairSide, other: PairSide) -> None:
        """Make two documents a pair, or set the languages of one. Raises PairedElsewhereError and Unavailable."""
        while True:
            has = await self.of(own.document)
            try:
                if has is not None and has.other.document == other.document:
                    sides = (other, own) if has.swapped else (own, other)
                    await self._keep(has.record, _Pair(sides, has.marks))
                    return
                if has is not None or await self.of(other.document) is not None:
                    raise PairedElsewhereError
                key = f"{own.document}|{other.document}"
                body = msgspec.json.encode(_Pair((own, other)))
                changes = [RecordChange(KIND, key, 0, body)]
                changes += [RecordChange(_SIDE, side.document, 0, key.encode()) for side in (own, other)]
                await self._publisher.commit([], changes)
                return
            except Moved:
                continue  # another call was first: decide again

    async def part(self, document: str) -> bool:
        """Take the pair of a document apart; return whether there was one. Raises Unavailable."""
        while (pair := await self.of(document)) is not None:
            names = [pair.own.document, pair.other.document]
            sides = await self._records.find(_SIDE, names)
            changes = [RecordChange(KIND, pair.record.key, pair.record.revision, None)]
            changes += [RecordChange(_SIDE, name, sides[name].revision, None) for name in names if name in sides]
            try:
                await self._publisher.commit([], changes)
            except Moved:
                continue
            return True
        return False

    async def sides(self, pair: Pair, own_version: int | None = None, other_version: int | None = None) -> Sides:
        """Return the texts of a pair, by default the present ones. Raises VersionNotKeptError and Unavailable."""
        own, version = await self._text(pair.own.document, own_version)
        other, counterpart = await self._text(pair.other.document, other_version)
        return Sides(own, version, other, counterpart)

    async def clauses(self, pair: Pair, sides: Sides) -> list[PairedClause]:
        """Return the clauses of both texts with their status; `first` is of the own document."""
        return await asyncio.to_thread(_paired, pair, sides)  # long texts have many lines

    async def mark(self, pair: Pair, sides: Sides, keys: Sequence[str] | None, user_id: str) -> list[str]:
        """Mark clauses, or all that both texts have, as translated at these versions; return their keys.

        Raises UnknownClauseError and Unavailable.
        """
        rows = {
            row.key: row for row in await self.clauses(pair, sides) if row.first is not None and row.second is not None
        }
        chosen = list(rows) if keys is None else list(dict.fromkeys(keys))
        new: list[TranslationMark] = []
        for key in chosen:
            row = rows.get(key)
            if row is None or row.first is None or row.second is None:
                raise UnknownClauseError(key)
            digests, versions = (row.first.digest, row.second.digest), (sides.own_version, sides.other_version)
            if pair.swapped:
                digests, versions = digests[::-1], versions[::-1]
            new.append(TranslationMark(key, digests, versions, user_id, int(time.time())))
        present: Pair | None = pair
        while present is not None and present.record.key == pair.record.key:
            kept = _pairs.decode(present.record.body)
            try:
                await self._keep(present.record, structs.replace(kept, marks=marked(kept.marks, new)))
            except Moved:
                present = await self.of(pair.own.document)
                continue
            return chosen
        return []

    async def _text(self, document: str, version: int | None) -> tuple[Document, int]:
        channel = channels.document(document)
        if version is None:
            versioned = await self._documents.committed(channel)
        else:
            versioned = await self._revisions.at(channel, version)
        return versioned.document, versioned.version

    async def _keep(self, record: Record, pair: _Pair) -> None:
        await self._publisher.commit([], [RecordChange(KIND, record.key, record.revision, msgspec.json.encode(pair))])


def _paired(pair: Pair, sides: Sides) -> list[PairedClause]:
    marks = pair.marks
    if pair.swapped:
        marks = [structs.replace(mark, digests=mark.digests[::-1], versions=mark.versions[::-1]) for mark in marks]
    return paired(clauses(sides.own), clauses(sides.other), marks)
