"""The embedded engine: opening its store, and its parts."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.core.domain.alerts import AlertRecipient
from app.core.domain.briefs import BriefTransition
from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.clocks import engine_clocks
from app.engine.embedded.control import EmbeddedControl
from app.engine.embedded.cursors import EmbeddedCursors
from app.engine.embedded.events import alerts, briefs, history
from app.engine.embedded.events.alerts import EmbeddedAlerts
from app.engine.embedded.events.briefs import EmbeddedBriefs
from app.engine.embedded.events.broker import EmbeddedBroker
from app.engine.embedded.events.documents import EmbeddedDocuments
from app.engine.embedded.events.event_log import EventLog
from app.engine.embedded.events.log_access import LogAccess
from app.engine.embedded.events.operation_ids import OperationIds
from app.engine.embedded.events.records import EmbeddedRecords
from app.engine.embedded.events.revisions import EmbeddedRevisions
from app.engine.embedded.nodes import EmbeddedNodes
from app.engine.embedded.presence import EmbeddedPresence
from app.engine.embedded.quotas import EmbeddedQuotas, stored_quotas
from app.engine.embedded.rates import EmbeddedRates
from app.engine.embedded.revocations import EmbeddedRevocations, stored_revocations
from app.engine.embedded.sessions import EmbeddedSessions, ended_sessions
from app.engine.embedded.settings import EmbeddedSettings, stored_settings
from app.engine.embedded.storage import mark
from app.engine.embedded.storage.schema import FILE, open_database
from app.engine.limits import EngineLimits
from app.engine.ports.control import ControlBus
from app.engine.ports.documents import DocumentStore
from app.engine.ports.domain import AlertStore, BriefStore
from app.engine.ports.errors import EngineError, Unavailable
from app.engine.ports.events import Broker, PublicationEntry
from app.engine.ports.limits import ChannelSettingsStore, QuotaStore, RateStore
from app.engine.ports.presence import CursorStore, PresenceStore
from app.engine.ports.records import RecordStore
from app.engine.ports.revisions import RevisionStore
from app.engine.ports.sessions import NodeStore, RevocationStore, SessionStore
from app.engine.sqlite.connection import StoreError, lock_folder
from app.engine.sqlite.reader import Reader
from app.engine.sqlite.writer import Writer
from dossier_realtime.protocol.fields import Durability

UPKEEP_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class OpenStore:
    """The locked file of an engine. `moved` says why it is a copy or was restored; "" where it lies as it was left."""

    lock: int
    file: Path
    database: sqlite3.Connection
    store: str
    moved: str


async def open_embedded(
    data: Path, *, limits: EngineLimits, rates: RateLimiter, clock: Callable[[], Instant], recorded: int = 0
) -> EmbeddedEngine:
    """Open the engine on a folder that no other process uses.

    `recorded` is the last commit that the journal holds, so far as it is known: a store behind it was restored. Raises
    EngineError.
    """
    try:
        lock = lock_folder(data)
        try:
            database, store = open_database(data)
            try:
                moved = mark.moved(database, data / FILE, recorded)
                if moved:
                    store = mark.begin_anew(database, recorded)
                mark.put(database, data / FILE)
                return EmbeddedEngine(OpenStore(lock, data / FILE, database, store, moved), limits, rates, clock)
            except StoreError:
                database.close()
                raise
            except sqlite3.Error as error:
                database.close()
                raise StoreError(f"The event store {data / FILE} cannot be read ({error}): restore the file") from error
        except BaseException:
            os.close(lock)
            raise
    except StoreError as refused:
        raise EngineError(str(refused)) from refused


class EmbeddedEngine:
    """`ports.Engine` in one process."""

    def __init__(
        self, opened: OpenStore, limits: EngineLimits, rates: RateLimiter, clock: Callable[[], Instant]
    ) -> None:
        database, start = opened.database, clock().wall
        self.moved = opened.moved
        self.durability: Durability = "fsync"  # a WAL that is synced with each commit
        self.last_commit = mark.last_commit(database)
        clocks = engine_clocks(clock)
        now = clocks.unix
        # The stored state is read here, before the connection belongs to the writer's thread.
        found = history.heads(database, opened.store), history.last_number(database)
        ended = ended_sessions(database, start, limits.resume_seconds)
        revoked, settings = stored_revocations(database), stored_settings(database)
        quotas = stored_quotas(database)
        ids = OperationIds(limits.idempotency_seconds, limits.operation_id_bytes)
        log = EventLog(opened.store, limits.idempotency_seconds, _keep_facts, ids)
        self._lock = opened.lock
        self._reader = Reader(opened.file, Unavailable)
        self._writer = writer = Writer(database, Unavailable, log.forget)
        access = LogAccess(writer, self._reader, log, opened.store)
        self._broker = EmbeddedBroker(access, found, limits, clocks)
        self._presence = EmbeddedPresence(self._broker.joined, limits.grace, limits.roster_cap, clocks.steady)
        self._sessions = EmbeddedSessions(writer, ended, limits.resume_seconds, now)
        self._revocations = EmbeddedRevocations(writer, revoked, limits.revocation_seconds, now)
        self._quotas = EmbeddedQuotas(writer, quotas, now)
        self._alerts = EmbeddedAlerts(access, self._broker, limits, now)
        self._briefs = EmbeddedBriefs(access, self._broker, limits, now)
        self._records = EmbeddedRecords(writer, self._reader, now)
        self.broker: Broker = self._broker
        self.documents: DocumentStore = EmbeddedDocuments(access, self._broker, now)
        self.revisions: RevisionStore = EmbeddedRevisions(access)
        self.alerts: AlertStore = self._alerts
        self.briefs: BriefStore = self._briefs
        self.records: RecordStore = self._records
        self.presence: PresenceStore = self._presence
        self.cursors: CursorStore = EmbeddedCursors()
        self.sessions: SessionStore = self._sessions
        self.revocations: RevocationStore = self._revocations
        self.nodes: NodeStore = EmbeddedNodes(now)
        self.settings: ChannelSettingsStore = EmbeddedSettings(writer, settings)
        self.quotas: QuotaStore = self._quotas
        self.rates: RateStore = EmbeddedRates(rates)
        self.control: ControlBus = EmbeddedControl()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(UPKEEP_SECONDS, self._tick)

    def healthy(self) -> bool:
        return self._writer.healthy

    async def close(self) -> None:
        self._timer.cancel()
        self._presence.close()
        await self._reader.close()
        await self._writer.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def upkeep(self) -> None:
        """Remove data whose time is over. The engine does it by itself once a minute."""
        self._broker.upkeep()
        self._sessions.upkeep()
        self._revocations.upkeep()
        self._quotas.upkeep()
        self._alerts.upkeep()
        self._briefs.upkeep()
        self._records.upkeep()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(UPKEEP_SECONDS, self._tick)  # first: an upkeep that fails is tried again
        self.upkeep()


def _keep_facts(db: sqlite3.Connection, entries: Sequence[PublicationEntry], now: float) -> None:
    steps = [entry.domain_fact for entry in entries if isinstance(entry.domain_fact, BriefTransition)]
    told = [entry.domain_fact for entry in entries if isinstance(entry.domain_fact, AlertRecipient)]
    changed = briefs.stepped(db, steps)
    claims = alerts.bound(db, told)
    alerts.refuse_too_many(db, told, claims)
    for brief in changed:
        briefs.keep(db, brief, now)
    alerts.take_over(db, claims)
    for one in told:
        alerts.keep(db, one, claims.get(one.commitment_id), now)
