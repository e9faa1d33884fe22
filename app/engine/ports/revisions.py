"""The versions of documents beyond their log, and the names that people gave to some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.core.domain.revision_rows import NamedVersion
from dossier_realtime.protocol.events import RemoteOperationPayload


class RevisionStore(Protocol):
    """All versions of documents, as long as the documents live: what left the log is kept packed."""

    async def oldest(self, channel: str) -> int:
        """Return the oldest version whose text can be made; every later one can be too. Raises Unavailable."""

    async def read(self, channel: str, after: int, limit: int) -> list[RemoteOperationPayload]:
        """Return at most `limit` versions after a version, in their order and without gap.

        Fewer come where the log begins in between; none where the first is not kept any more, or is yet to come.
        Raises Unavailable.
        """

    async def name(self, channel: str, named: NamedVersion) -> None:
        """Give a version a name; a name that another version of the document has moves. Raises Unavailable."""

    async def named(self, channel: str) -> Sequence[NamedVersion]:
        """Return the named versions of a document in their order. Raises Unavailable."""
