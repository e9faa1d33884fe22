"""Publishing: encode once, commit, deliver (decisions, section 5). The socket and HTTP both come here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.namespaces import namespace_of
from app.engine.ports import Entry, IdempotencyKey, Placed, Unavailable
from dossier_realtime.protocol import codec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.classification import ChannelPolicy
    from app.engine.ports import Broker
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.recording.digest import Digest


class Publisher:
    """Takes events that were judged and stamped."""

    def __init__(
        self, broker: Broker, policy: ChannelPolicy, digest: Digest, journal_ready: Callable[[], bool]
    ) -> None:
        self._broker = broker
        self._policy = policy
        self._digest = digest
        self._journal_ready = journal_ready

    async def publish(self, events: Sequence[tuple[str, Event]], key: IdempotencyKey | None = None) -> list[Placed]:
        """Commit (channel, event) pairs, all or none; returns when they are durable and delivered.

        Raises KeyConflict, and Unavailable where the store or the journal cannot take a change now.
        """
        if not self._journal_ready():
            raise Unavailable("the journal cannot be written")
        entries = [
            Entry(
                channel,
                codec.encode(event),
                namespace_of(channel).history and self._policy.settings(channel).history,
            )
            for channel, event in events
        ]
        placed = await self._broker.publish(entries, key)
        if not any(place.repeated for place in placed):
            for _, event in events:
                self._digest.published(event)
        return placed
