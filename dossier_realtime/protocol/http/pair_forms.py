"""Bodies and answers of the calls about a document and its counterpart in another language. Times are Unix seconds."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..fields import END, Count, Direction, Id, Timestamp

MAX_CLAUSE_KEY = 160
Language = Annotated[str, Meta(max_length=35, pattern=f"^[A-Za-z]{{2,3}}(-[A-Za-z0-9]{{2,8}}){{0,4}}{END}")]
"""A language by its tag (BCP 47), such as "en", "ar" or "ar-SA"."""
ClauseKey = Annotated[str, Meta(min_length=1, max_length=MAX_CLAUSE_KEY)]


class PairSettings(Struct, forbid_unknown_fields=True):
    """The counterpart that a document is to have, the language of the document and that of the counterpart."""

    counterpart: Id
    language: Language
    counterpart_language: Language


class TranslatedClauses(Struct, forbid_unknown_fields=True):
    """The clauses that are translated, by default all; the versions that were compared, by default the present ones."""

    clauses: Annotated[list[ClauseKey], Meta(max_length=1_000)] | None = None
    version: Count | None = None
    counterpart_version: Count | None = None


class PairedDocument(Struct):
    """One side of a pair: the document, its language, and the version that the clauses are of."""

    document: Id
    language: str
    version: Count


class ClauseText(Struct, omit_defaults=True):
    """A clause of one side: its place in UTF-16 code units, its first line, its direction; its text where asked for."""

    position: Count
    length: Count
    title: str
    direction: Direction
    text: str | None = None


class ClauseMark(Struct):
    """The versions of document and counterpart at which a clause was last marked as translated, by whom and when."""

    version: Count
    counterpart_version: Count
    user_id: Id
    timestamp: Timestamp


class ClausePair(Struct, omit_defaults=True):
    """A clause of the document and that of its counterpart; where one has none, it is absent and `status` missing.

    `changed`: the sides whose words changed since it was marked.
    """

    key: str
    status: Literal["translated", "changed", "untranslated", "missing"]
    document: ClauseText | None = None
    counterpart: ClauseText | None = None
    changed: list[Literal["document", "counterpart"]] = []
    translated: ClauseMark | None = None


class DocumentPairAnswer(Struct, omit_defaults=True):
    """A document and its counterpart. `hidden`: it has one that the caller may not read, of which nothing is told."""

    document: PairedDocument
    counterpart: PairedDocument | None = None
    hidden: bool = False
    clauses: list[ClausePair] = []


class MarkedClauses(Struct):
    """The keys of the clauses that were marked, and the versions that they are translated at."""

    document: Id
    version: Count
    counterpart_version: Count
    clauses: list[str]


class PairRemoved(Struct):
    """The document that has no counterpart any more."""

    document: Id
