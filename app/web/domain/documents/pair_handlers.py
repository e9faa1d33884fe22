"""`/v1/documents/{id}/pair`: the counterpart of a document in another language, clause by clause.

Source: docs/protocol.md#two-languages.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import msgspec

from app.core import authorization
from app.journal.acts import Act
from app.journal.calls import Read
from app.services.errors import Unavailable
from app.services.pairs.pairs import PairedElsewhereError, PairSide, UnknownClauseError
from app.services.revisions.revisions import VersionNotKeptError
from app.web.domain.document_call_handler import DocumentCallHandler
from dossier_realtime.ot.units import Units, from_units
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http import pair_forms as forms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Facts, Verb
    from app.services.pairs.pairs import Pair, Sides
    from dossier_realtime.ot.document import Document
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.rich_text.clauses import Clause
    from dossier_realtime.rich_text.pairing import PairedClause


class PairCallHandler(DocumentCallHandler):
    """A call about a document and its counterpart."""

    async def sees(self, identity: Identity, document: str) -> bool:
        """Return whether the caller may know of a document; looked up in the same time where it is absent."""
        return await self.context.domain.document_access.may_read(identity, channels.document(document))

    def may_write(self, identity: Identity, *documents: str) -> bool:
        """Return whether the caller may write to one of the documents."""
        named = map(channels.document, documents)
        return any(authorization.send_denial(self.policy, identity, channel) is None for channel in named)

    async def opened(self, document_id: str, *, parts: bool = False) -> tuple[Identity, Pair] | None:
        """Return the caller and the pair, if they may see both sides and write to one; answer where not.

        `parts`: a caller who may write to the document in the path takes it apart from any counterpart, one that they
        may not read too: else a stranger could bind a document of others to a hidden one for good.
        """
        _, identity = await self.open_existing(document_id)
        if identity is None:
            return None
        pair = await self.context.domain.pairs.of(document_id)
        if pair is None:
            self.refuse_unpaired()
            return None
        other = pair.other.document
        sees = await self.sees(identity, other)

        def may() -> bool:
            if parts and self.may_write(identity, document_id):
                return True
            return self._reads(identity, document_id, other) and self.may_write(identity, document_id, other)

        if not (sees or (parts and self.may_write(identity, document_id))) or not self.require(may):
            self.forbid()
            return None
        return identity, pair

    def reads_both(self, identity: Identity, document_id: str, other: str) -> bool:
        """Return whether the caller may read both documents, from here on too."""
        return self.require(lambda: self._reads(identity, document_id, other))

    def _reads(self, identity: Identity, *documents: str) -> bool:
        named = map(channels.document, documents)
        return all(access(identity, Right.READ, channel, self.policy).entitled for channel in named)

    def refuse_unpaired(self) -> None:
        """Answer 404: the document has no counterpart."""
        self.refuse(404, ErrorCode.NOT_FOUND, "The document has no counterpart; name one with PUT")


class DocumentPairHandler(PairCallHandler):
    """`GET|PUT|DELETE /v1/documents/{id}/pair`: read the pair, make it, take it apart."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"put": ("pair_documents",), "delete": ("part_documents",)}

    async def get(self, document_id: str) -> None:
        """Answer with the clauses of both sides; of a side that the caller may not read, with nothing."""
        _, identity = await self.open_existing(document_id)
        if identity is None:
            return
        texts = self.get_query_argument("text", "false")
        if texts not in ("true", "false"):
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "text is true or false")
            return
        pairs = self.context.domain.pairs
        try:
            pair = await pairs.of(document_id)
            if pair is None:
                self.refuse_unpaired()
                return
            other = pair.other.document
            if not await self.sees(identity, other) or not self.reads_both(identity, document_id, other):
                await self._answer_hidden(identity, pair)
                return
            sides = await pairs.sides(pair)
            rows = await pairs.clauses(pair, sides)
        except Unavailable:
            self.unavailable()
            return
        self.read_of = Read(channels.document(document_id), 1, sides.own_version)
        self.also_read = (Read(channels.document(other), 1, sides.other_version),)
        self.answer(
            forms.DocumentPairAnswer(
                forms.PairedDocument(document_id, pair.own.language, sides.own_version),
                forms.PairedDocument(other, pair.other.language, sides.other_version),
                clauses=[_row(row, sides, texts=texts == "true") for row in rows],
            )
        )

    async def _answer_hidden(self, identity: Identity, pair: Pair) -> None:
        """Answer that there is a counterpart, and nothing of it."""
        own = channels.document(pair.own.document)
        if not self.require(lambda: access(identity, Right.READ, own, self.policy).entitled):
            self.forbid()
            return
        version = (await self.context.domain.documents.committed(own)).version
        told = forms.PairedDocument(pair.own.document, pair.own.language, version)
        self.answer(forms.DocumentPairAnswer(told, hidden=True))

    async def put(self, document_id: str) -> None:
        """Make the document in the body the counterpart, or set the languages of both."""
        _, identity = await self.open_existing(document_id)
        if identity is None:
            return
        said = self.read_body(forms.PairSettings)
        if said is None:
            return
        own, other = PairSide(document_id, said.language), PairSide(said.counterpart, said.counterpart_language)
        if own.document == other.document or own.language.lower() == other.language.lower():
            text = "A counterpart is another document in another language"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path="$.counterpart")
            return
        try:
            if not await self.sees(identity, other.document) or not self.require(
                lambda: (
                    self._reads(identity, own.document, other.document)
                    and self.may_write(identity, own.document, other.document)
                )
            ):
                self.forbid()
                return
            before = await self.context.domain.pairs.of(document_id)
            self.unchanged = before is not None and (before.own, before.other) == (own, other)
            had = _UNPAIRED if before is None else _facts(before.own)
            await self.act(_act("pair_documents", own, other, before=had, after=_facts(own)))
            if not self.unchanged:
                await self.context.domain.pairs.join(own, other)
        except PairedElsewhereError:
            text = "One of the documents has another counterpart; take that pair apart first (DELETE)"
            self.refuse(409, ErrorCode.VERSION_CONFLICT, text)
            return
        except Unavailable:
            self.unavailable()
            return
        self.answer(said)

    async def delete(self, document_id: str) -> None:
        """Take the pair apart; its marks go with it."""
        try:
            opened = await self.opened(document_id, parts=True)
            if opened is None:
                return
            _, pair = opened
            await self.act(_act("part_documents", pair.own, pair.other, before=_facts(pair.own), after=_UNPAIRED))
            self.unchanged = not await self.context.domain.pairs.part(document_id)
        except Unavailable:
            self.unavailable()
            return
        self.answer(forms.PairRemoved(document_id))


class TranslatedClausesHandler(PairCallHandler):
    """`POST /v1/documents/{id}/pair/translated`: mark clauses as translated."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("mark_translated",)}

    async def post(self, document_id: str) -> None:
        """Mark the clauses in the body, or all, as translated at the versions in the body, or the present ones."""
        pairs = self.context.domain.pairs
        try:
            opened = await self.opened(document_id)
            if opened is None:
                return
            identity, pair = opened
            said = self.read_body(forms.TranslatedClauses)
            if said is None:
                return
            sides = await pairs.sides(pair, said.version, said.counterpart_version)
            asked = "all" if said.clauses is None else ", ".join(said.clauses)[:500]
            facts: Facts = {"clauses": asked, "version": sides.own_version}
            act = _act("mark_translated", pair.own, pair.other, before={"marked": len(pair.marks)}, after=facts)
            # Replays of the journal find the marked words by these: `clauses` in the facts may be cut.
            items = tuple(msgspec.json.encode(key).decode() for key in said.clauses or ())
            versions = (sides.own_version, sides.other_version)
            await self.act(dataclasses.replace(act, items=items, versions=versions))
            keys = await pairs.mark(pair, sides, said.clauses, identity.user_id)
        except UnknownClauseError as unknown:
            text = f"There is no clause {unknown.key[:64]!r} in both documents; GET …/pair lists them"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path="$.clauses")
            return
        except VersionNotKeptError as absent:
            self.refuse_version(absent)
            return
        except Unavailable:
            self.unavailable()
            return
        self.unchanged = not keys
        self.answer(forms.MarkedClauses(document_id, sides.own_version, sides.other_version, keys))


def _act(verb: Verb, own: PairSide, other: PairSide, *, before: Facts, after: Facts) -> Act:
    """Return the act on both documents. Its facts say nothing of the other one, which fewer people may read."""
    names = (channels.document(own.document), channels.document(other.document))
    return Act(verb, "document", own.document, channels=names, before=before, after=after)


_UNPAIRED: Facts = {"paired": False}


def _facts(side: PairSide) -> Facts:
    return {"paired": True, "language": side.language}


def _row(row: PairedClause, sides: Sides, *, texts: bool) -> forms.ClausePair:
    mark = row.mark
    return forms.ClausePair(
        row.key,
        row.status,
        _clause(row.first, sides.own if texts else None),
        _clause(row.second, sides.other if texts else None),
        ["document" if side == "first" else "counterpart" for side in row.changed],
        None if mark is None else forms.ClauseMark(*mark.versions, mark.user_id, mark.at),
    )


def _clause(clause: Clause | None, document: Document | None) -> forms.ClauseText | None:
    if clause is None:
        return None
    told = forms.ClauseText(clause.position, clause.length, clause.title, clause.direction)
    if document is not None:
        told.text = from_units(Units(document.text[clause.position : clause.position + clause.length]))
    return told
