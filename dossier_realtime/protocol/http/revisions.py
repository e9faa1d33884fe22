"""Bodies and answers of the calls about versions of a document. Times are Unix seconds."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..fields import Count, Id, Timestamp

MAX_VERSION_NAME = 100  # characters

VersionRef = Annotated[str, Meta(min_length=1, max_length=MAX_VERSION_NAME)] | Count
"""A version, by its number or its name."""


class VersionName(Struct, forbid_unknown_fields=True):
    """The version that gets a name, by its number or a name that it has; the present one where it is left out."""

    version: VersionRef | None = None


class DocumentRestore(Struct, forbid_unknown_fields=True):
    """The version that a document is to be as again: its number or its name."""

    version: VersionRef


class RestoredVersion(Struct):
    """The version `restored`, and the version by which the document is as it was then."""

    document: Id
    version: Count
    restored: Count


class DocumentRevision(Struct, omit_defaults=True):
    """A version with its author and time, or the versions `first` to `version` of one author where rows are joined.

    `timestamp`: when it was committed; `began`: when the first of several was; absent in versions of older services.
    """

    version: Count
    user_id: Id
    user_name: str
    timestamp: Timestamp | None = None
    first: Count | None = None
    began: Timestamp | None = None
    names: list[str] = []


class DocumentRevisions(Struct, omit_defaults=True):
    """A page of a document's versions, oldest first. `version`: the present one; `oldest`: the oldest with a text.

    `next`: ask again with it as `after`; absent on the last page.
    """

    document: Id
    version: Count
    oldest: Count
    versions: list[DocumentRevision]
    next: Count | None = None


class NamedDocumentVersion(Struct):
    """A named version, and who named it when."""

    document: Id
    name: str
    version: Count
    user_id: Id
    user_name: str
    timestamp: Timestamp


class NamedDocumentVersions(Struct):
    """The named versions of a document, in their order."""

    document: Id
    versions: list[NamedDocumentVersion]


class WordDifference(Struct):
    """A stretch of whole words: in both texts, or only in the old (`delete`) or the new one (`insert`)."""

    kind: Literal["equal", "delete", "insert"]
    text: str


class DocumentDifference(Struct, rename={"from_": "from"}):
    """The difference of two versions by word, in the order of the text."""

    document: Id
    from_: Count
    to: Count
    changes: list[WordDifference]
