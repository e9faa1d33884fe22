"""The versions of documents as readers ask for them.

Source: docs/protocol.md#history-of-a-document.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.domain import documents as core
from app.core.domain.documents import VersionedDocument
from app.core.domain.revision_rows import NamedVersion, RevisionRow, give_names, joined, row_of
from app.core.domain.word_changes import WordChange, word_changes
from app.engine.ports.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.engine.ports.documents import DocumentStore
    from app.engine.ports.events import Broker
    from app.engine.ports.revisions import RevisionStore
    from app.services.editing.differences import Differences
    from dossier_realtime.ot.document import Document
    from dossier_realtime.protocol.authorization import Identity

MAX_NAMED = 1_000  # versions of one document
_PAGE_VERSIONS = 500  # read at once
_TURN_VERSIONS = 25  # applied in one turn of the loop
_MAX_JOINED = 20_000  # versions that one page of joined rows looks at

_VERSION = re.compile(r"[0-9]{1,16}")


class VersionNotKeptError(Exception):
    """A version without a text: it is yet to come, or it is older than what is kept, or the name is not given.

    `oldest`: the oldest version with a text; `version`: the present one.
    """

    def __init__(self, asked: str, oldest: int, version: int) -> None:
        if not _VERSION.fullmatch(asked):
            why = f"No version is named {asked}; GET …/versions lists the names"
        elif int(asked) > version:
            why = f"There is no version {asked} yet"
        else:
            why = f"Version {asked} is not kept; the oldest kept is {oldest}"
        super().__init__(f"{why}, the document is at {version}")
        self.oldest, self.version = oldest, version


@dataclass(frozen=True, slots=True)
class RevisionPage:
    """A page of versions. `next`: ask for those after it; None on the last page."""

    version: int
    oldest: int
    rows: Sequence[RevisionRow]
    next: int | None


class Revisions:
    """All versions of documents."""

    def __init__(
        self, store: RevisionStore, documents: DocumentStore, broker: Broker, differences: Differences
    ) -> None:
        self._store, self._documents, self._broker = store, documents, broker
        self._differences = differences

    async def page(self, channel: str, after: int, limit: int, *, join: bool) -> RevisionPage:
        """Return at most `limit` rows of the versions after `after`, or after what is not kept any more.

        `join`: a row holds consecutive versions of one author. Raises Unavailable.
        """
        tip, oldest = (await self._broker.position(channel)).offset, await self._store.oldest(channel)
        at, rows = max(after, oldest), list[RevisionRow]()
        most = at + (_MAX_JOINED if join else limit)
        while at < tip and at < most and len(rows) <= limit:
            found = await self._store.read(channel, at, min(_PAGE_VERSIONS, most - at))
            if not found:
                break
            at = found[-1].version
            rows.extend(map(row_of, found))
            if join:
                rows = joined(rows)
        if len(rows) > limit:  # the last row may go on: it is begun anew on the next page
            rows = rows[:limit]
            at = rows[-1].version
        give_names(rows, await self._store.named(channel))
        return RevisionPage(tip, oldest, rows, at if at < tip else None)

    async def version_of(self, channel: str, asked: str) -> int:
        """Return the number of a version given as number or name. Raises VersionNotKeptError and Unavailable."""
        if _VERSION.fullmatch(asked):
            return int(asked)
        for named in await self._store.named(channel):
            if named.name == asked:
                return named.version
        tip, oldest = (await self._broker.position(channel)).offset, await self._store.oldest(channel)
        raise VersionNotKeptError(asked, oldest, tip)

    async def given(self, channel: str, asked: int | str | None) -> int | None:
        """Return the number of a version given as number or name; None for the present one. Raises as `version_of`."""
        return None if asked is None else await self.version_of(channel, str(asked))

    async def at(self, channel: str, version: int) -> VersionedDocument:
        """Return the document as it was at a version. Raises VersionNotKeptError and Unavailable."""
        await self.kept(channel, version)
        found = await self._documents.snapshot(channel, version)
        versioned = VersionedDocument() if found is None else core.unpack(found[1])
        while versioned.version < version:
            missing = min(_PAGE_VERSIONS, version - versioned.version)
            page = await self._store.read(channel, versioned.version, missing)
            if not page:
                raise Unavailable(f"the history of {channel} has a hole after version {versioned.version}")
            for number, payload in enumerate(page, 1):
                versioned.advance_by(payload)
                if number % _TURN_VERSIONS == 0:  # of a long text each is copied
                    await asyncio.sleep(0)
        return versioned

    async def changes(self, old: Document, new: Document) -> list[WordChange]:
        """Return the difference of two texts by word."""
        hunks = await self._differences.between(old.text, new.text)
        return await asyncio.to_thread(word_changes, old.text, new.text, hunks)  # a long text has many words

    async def epoch(self, channel: str) -> str:
        """Return the name of the history that the document's versions count in."""
        return (await self._broker.position(channel)).epoch

    async def kept(self, channel: str, version: int | None) -> int:
        """Return `version`, or the present one, if it has a text. Raises VersionNotKeptError and Unavailable."""
        tip, oldest = (await self._broker.position(channel)).offset, await self._store.oldest(channel)
        version = tip if version is None else version
        if not oldest <= version <= tip:
            raise VersionNotKeptError(str(version), oldest, tip)
        return version

    async def named(self, channel: str) -> Sequence[NamedVersion]:
        """Return the named versions of a document, in their order. Raises Unavailable."""
        return await self._store.named(channel)

    async def name(self, channel: str, name: str, version: int, author: Identity) -> NamedVersion:
        """Give a version a name, or move the name to it. Raises Unavailable."""
        named = NamedVersion(name, version, author.user_id, author.name, time.time())
        await self._store.name(channel, named)
        return named
