"""The engine as a whole."""

from __future__ import annotations

from typing import Protocol

from app.engine.ports.control import ControlBus
from app.engine.ports.documents import DocumentStore
from app.engine.ports.domain import AlertStore, BriefStore
from app.engine.ports.events import Broker
from app.engine.ports.limits import ChannelSettingsStore, QuotaStore, RateStore
from app.engine.ports.presence import CursorStore, PresenceStore
from app.engine.ports.records import RecordStore
from app.engine.ports.revisions import RevisionStore
from app.engine.ports.sessions import NodeStore, RevocationStore, SessionStore
from dossier_realtime.protocol.fields import Durability


class Engine(Protocol):
    """All stores of one backend."""

    broker: Broker
    documents: DocumentStore
    revisions: RevisionStore
    alerts: AlertStore
    briefs: BriefStore
    records: RecordStore
    presence: PresenceStore
    cursors: CursorStore
    sessions: SessionStore
    revocations: RevocationStore
    nodes: NodeStore
    settings: ChannelSettingsStore
    quotas: QuotaStore
    rates: RateStore
    control: ControlBus
    durability: Durability
    """The state of a change at its acknowledgement: in memory, synced to the disk, or at replicas too."""
    moved: str
    """The reason for which the store counts as copied or restored, so that all its epochs are new; else ""."""
    last_commit: int
    """The number of the last event that had been committed when it was opened."""

    def healthy(self) -> bool:
        """Return True where changes can be committed now."""

    async def close(self) -> None:
        """Finish what is under way, then stop."""
