"""The log of a document's channel, read as the operations of its versions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.core.domain.documents import VersionedDocument, extended, length_at_start
from app.engine.ports.errors import Unavailable
from dossier_realtime.ot.flat import read
from dossier_realtime.ot.operations import Operation
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from app.engine.ports.events import Broker, Publication

_PAGE_VERSIONS = 500  # versions read at once
_FAR_UNITS = 1 << 40  # more than a text has
_TURN_VERSIONS = 10  # versions that one turn of the loop reads, and
_LONG_BYTES = 4_096  # of a version that takes a turn by itself: a batch of scattered operations takes 10 ms


async def replay(broker: Broker, channel: str, versioned: VersionedDocument, until: int) -> None:
    """Advance a document by the log of its channel up to version `until`.

    Raises Unavailable where the log does not reach so far.
    """
    async for payload in _payloads_between(broker, channel, versioned.version, until):
        versioned.advance_by(payload)
    if versioned.version < until:
        raise Unavailable(f"the log of {channel} has a hole after version {versioned.version}")


async def operations_since(
    broker: Broker, channel: str, version: int, versioned: VersionedDocument
) -> list[Operation] | None:
    """Return the operations that lead from a version to that of `versioned`; None where the log does not reach back.

    Older ones than are in memory say nothing of the text behind their last change. Raises Unavailable.
    """
    start = versioned.log.start
    older = [read(payload, _FAR_UNITS) async for payload in _payloads_between(broker, channel, version, start)]
    if len(older) < start - version:
        return None
    return older + versioned.log.operations[max(0, version - start) :]


async def reaching_back(broker: Broker, channel: str, versioned: VersionedDocument, version: int) -> VersionedDocument:
    """Return a document whose operations since a version are in memory, as far as the log keeps them.

    Raises Unavailable.
    """
    start = versioned.log.start
    older = [payload async for payload in _payloads_between(broker, channel, version, start)]
    if not older or len(older) < start - version:
        return versioned
    log = extended(versioned.log, length_at_start(versioned), older)
    authors = [*(payload.user_id for payload in older), *versioned.authors]
    return VersionedDocument(versioned.document, log, versioned.weight, authors)


async def _payloads_between(
    broker: Broker, channel: str, version: int, until: int
) -> AsyncIterator[RemoteOperationPayload]:
    """Yield the operations behind a version up to `until`, and fewer where the log does not hold them all."""
    while version < until:
        page = await broker.read(channel, version, min(_PAGE_VERSIONS, until - version))
        if not page:
            return
        async for payload in payloads_of(page):
            yield payload
        version += len(page)


async def payloads_of(page: Iterable[Publication]) -> AsyncIterator[RemoteOperationPayload]:
    """Yield the operations that entries of a document's log hold, with turns for others in between."""
    for number, publication in enumerate(page, 1):
        yield payload_of(publication.frame)
        if number % _TURN_VERSIONS == 0 or len(publication.frame) > _LONG_BYTES:
            await asyncio.sleep(0)


def payload_of(frame: bytes) -> RemoteOperationPayload:
    """Return the operation that an entry of a document's log holds."""
    event = codec.decode_event(frame)
    assert isinstance(event, RemoteOperation)  # noqa: S101  a document's log holds nothing else
    return event.payload
