"""Rights of users on documents that may be absent (docs/protocol.md#subscribing)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.namespaces import NAMESPACES, namespace_of

if TYPE_CHECKING:
    from app.engine.ports.events import Broker
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelPolicy


class DocumentAccess:
    """The decision on reading a channel, where a document that is absent must look like one above the clearance."""

    def __init__(self, broker: Broker, policy: ChannelPolicy) -> None:
        self._broker, self._policy = broker, policy

    async def may_read(self, identity: Identity, channel: str) -> bool:
        """Return whether a user may read a channel now. Raises Unavailable."""
        right = await self.reading_right(identity, channel)
        return access(identity, right, channel, self._policy).entitled

    async def is_closed(self, identity: Identity, channel: str) -> bool:
        """Return True for a document that a permission reaches, and that is absent or above the clearance.

        Raises Unavailable.
        """
        if namespace_of(channel) is not NAMESPACES["document"]:
            return False
        permitted = access(identity, Right.READ, channel, self._policy).permitted
        return permitted and not await self.may_read(identity, channel)

    async def reading_right(self, identity: Identity, channel: str) -> Right:
        """Return the right that reading a channel needs. Raises Unavailable.

        An absent document is empty to those who may begin it, and hidden from all others. A document that a permission
        reaches is looked for, also where the clearance does not reach: so neither an answer nor its time tells a
        document above the clearance from one that is absent.
        """
        if namespace_of(channel) is not NAMESPACES["document"]:
            return Right.READ
        permitted = access(identity, Right.READ, channel, self._policy).permitted
        exists = permitted and await self._broker.has_events(channel)
        return Right.READ if exists else Right.WRITE
