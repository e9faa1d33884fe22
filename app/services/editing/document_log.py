"""The log of a document's channel, read as the operations of its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.ports.errors import Unavailable
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload

if TYPE_CHECKING:
    from app.core.domain.documents import VersionedDocument
    from app.engine.ports.events import Broker

_PAGE_VERSIONS = 500  # versions read at once


async def replay(broker: Broker, channel: str, versioned: VersionedDocument, until: int) -> None:
    """Advance a document by the log of its channel up to version `until`.

    Raises Unavailable where the log does not reach so far.
    """
    while versioned.version < until:
        page = await broker.read(channel, versioned.version, min(_PAGE_VERSIONS, until - versioned.version))
        if not page:
            raise Unavailable(f"the log of {channel} has a hole after version {versioned.version}")
        for publication in page:
            versioned.advance_by(payload_of(publication.frame))


def payload_of(frame: bytes) -> RemoteOperationPayload:
    """Return the operation that an entry of a document's log holds."""
    event = codec.decode_event(frame)
    assert isinstance(event, RemoteOperation)  # noqa: S101  a document's log holds nothing else
    return event.payload
