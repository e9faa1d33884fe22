"""The places of comments in the present text of their document (docs/protocol.md#anchors-of-comments).

They are stored at some version, and moved past the versions since when they are looked at. A sweep stores them anew
before the log of the document loses those versions.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.domain.comments import places as core
from app.core.domain.comments import threads
from app.core.domain.comments.places import Places
from app.engine.ports.records import RecordChange
from app.services.editing.document_log import operations_since
from dossier_realtime.ot.places.anchors import TextAnchor, moved
from dossier_realtime.ot.units import to_units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.core.domain.documents import VersionedDocument
    from app.engine.ports.events import Broker
    from app.engine.ports.records import RecordStore
    from app.services.editing.documents import Documents
    from dossier_realtime.ot.operations import Operation

_MAX_KNOWN: Final = 256  # documents whose places are kept in memory
_NOWHERE: Final = TextAnchor(0, 0, orphaned=True)
_STRIDE: Final = 4_000  # components of operations that anchors are moved past in one turn of the loop


class PresentPlaces(NamedTuple):
    """The places in the text of now. `revision` is that of their record, 0: there is none; `stored`: its version."""

    versioned: VersionedDocument
    places: Places
    revision: int
    stored: int

    def anchor(self, name: str) -> TextAnchor:
        """Return the place of a comment; an orphan's for one that another node has removed since it was read."""
        return self.places.anchors.get(name, _NOWHERE)

    def change(self, channel: str, places: Places) -> RecordChange:
        """Return the change of the record that keeps other places."""
        return RecordChange(core.KIND, channel, self.revision, core.encode(places))


class CommentPlaces:
    """The places of the comments of all documents."""

    def __init__(self, records: RecordStore, documents: Documents, broker: Broker) -> None:
        self._records, self._documents, self._broker = records, documents, broker
        self._known: OrderedDict[str, tuple[int, Places]] = OrderedDict()  # by document: moved on in memory

    async def present(self, channel: str) -> PresentPlaces:
        """Return the places of a document's comments now. Raises Unavailable."""
        record = (await self._records.find(core.KIND, [channel])).get(channel)
        versioned = await self._documents.committed(channel)
        if record is None:
            self._known.pop(channel, None)
            return PresentPlaces(versioned, Places(versioned.version), 0, versioned.version)
        stored = core.decode(record.body)
        revision, places = self._known.get(channel, (0, stored))
        if revision != record.revision or places.version > versioned.version:
            places = stored
        moved_on = await self._moved(channel, places, versioned)
        self._known[channel] = record.revision, moved_on
        self._known.move_to_end(channel)
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
        return PresentPlaces(versioned, moved_on, record.revision, stored.version)

    async def epoch(self, channel: str) -> str:
        """Return the name of the document's present history. Raises Unavailable."""
        return (await self._broker.position(channel)).epoch

    def forget(self, channel: str) -> None:
        """Forget what is known of a document whose comments are gone."""
        self._known.pop(channel, None)

    async def since(self, channel: str, version: int, versioned: VersionedDocument) -> Sequence[Operation] | None:
        """Return the operations after a version; None where the log has no longer all. Raises Unavailable."""
        return await operations_since(self._broker, channel, version, versioned)

    async def _moved(self, channel: str, places: Places, versioned: VersionedDocument) -> Places:
        """Return the places in the text of a later version. Raises Unavailable."""
        version = versioned.version
        if places.version == version or not places.anchors:
            return Places(version, places.made, places.anchors)
        later = None
        if places.version < version:
            later = await self.since(channel, places.version, versioned)
        if later is None:
            quotes = await self._quotes(channel, list(places.anchors))
            text = versioned.document.text
            found = {name: core.found_again(text, to_units(quotes.get(name, ""))) for name in places.anchors}
            return Places(version, places.made, found)
        anchors = await _moved_past(places.anchors, later, {})
        lost = [name for name, anchor in anchors.items() if anchor.orphaned]
        if lost:
            # Their text may have come back: that takes the text of each, which is kept with its thread.
            quotes = await self._quotes(channel, lost)
            anchors |= await _moved_past({name: places.anchors[name] for name in lost}, later, quotes)
        return Places(version, places.made, anchors)

    async def _quotes(self, channel: str, names: Sequence[str]) -> Mapping[str, str]:
        found = await self._records.find(threads.KIND, [key_of(channel, name) for name in names])
        comments = [threads.decode(record.body).comment for record in found.values()]
        return {comment.id: comment.quote for comment in comments}


async def _moved_past(
    anchors: Mapping[str, TextAnchor], operations: Sequence[Operation], quotes: Mapping[str, str]
) -> dict[str, TextAnchor]:
    """Return the anchors after operations; other work has its turn meanwhile."""
    texts = {name: to_units(quotes.get(name, "")) for name in anchors}
    now = dict(anchors)
    work = 0
    for operation in operations:
        if not operation.changes:
            continue
        after: dict[str, TextAnchor] = {}
        for name, anchor in now.items():
            after[name] = moved(anchor, operation, texts[name])
            work += len(operation.components)
            if work >= _STRIDE:
                work = 0
                await asyncio.sleep(0)
        now = after
    return now


def key_of(channel: str, name: str) -> str:
    """Return the key of a thread's record."""
    return f"{channel}/{name}"
