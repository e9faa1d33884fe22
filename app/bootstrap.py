"""The composition root: the only file that knows everybody. It builds a service from a configuration and runs it."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from app.builders.gauges import GaugeSources, register_gauges, register_ops_rows
from app.builders.stores import open_stores
from app.builders.web import handler_access, handler_bounds, operator_services
from app.configuration.limits import node_limits, rate_limits
from app.core.instant import Instant
from app.journal.acts import ActRecord
from app.journal.exports.export import Archive
from app.journal.signatures.signing import Signer
from app.journal.upkeep import Upkeep
from app.journal.writer import Journal
from app.node.node import Node
from app.node.parts import NodeParts, Services
from app.node.recorder import Recorder
from app.security import tls, token_secrets
from app.security.auth import TokenVerifier
from app.services.alerts import Alerts
from app.services.briefs import Briefs
from app.services.channel_admin import ChannelAdmin
from app.services.editing.cursors import Cursors
from app.services.editing.documents import Documents
from app.services.ops_report import report
from app.services.publisher import EventPublisher
from app.services.quotas import Quotas
from app.telemetry.metrics import Metrics
from app.web.handler_context import CallRecords, DomainServices, HandlerContext, Probes
from app.web.listeners import PortListeners
from app.web.websocket.wire import SocketServer
from dossier_realtime.protocol.classification import ChannelPolicy
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

if TYPE_CHECKING:
    import ssl

    from app.configuration.config import Config
    from app.engine.ports.engine import Engine
    from app.web.transport.body_quota import BodyQuota
    from app.web.transport.connection_quota import ConnectionQuota

_log = structlog.get_logger("service")
_SWEEP_SECONDS = 10.0  # seconds between two looks for documents at rest
_DAY_SECONDS = 86_400.0
_KEY_REFRESH_SECONDS = 300.0  # seconds between two looks at a key set behind a URL


def now() -> Instant:
    """Return this moment on both clocks."""
    return Instant(time.monotonic(), time.time())


class Service:
    """A running service. `port` is the one that it listens on, also where the configuration said 0."""

    def __init__(
        self, config: Config, engine: Engine, journal: Journal, signer: Signer, tls_context: ssl.SSLContext | None
    ) -> None:
        self.config = config
        self.engine = engine
        self.journal = journal
        self.port = 0
        self._tls = tls_context
        self._policy = ChannelPolicy((row.pattern, row.level) for row in config.channels.classification)
        self._metrics = Metrics()
        self._aggregator = OpsAggregator(config.node.id)
        self._quotas = quotas = Quotas(rate_limits(config, _DAY_SECONDS), now, engine.quotas)
        publisher = EventPublisher(
            engine.broker, engine.alerts, self._policy, self._aggregator, lambda: journal.healthy, quotas
        )
        alerts = Alerts(engine.alerts, publisher, self._aggregator)
        briefs = Briefs(engine.briefs, publisher, self._aggregator)
        self._documents = Documents(
            engine.documents,
            engine.broker,
            lambda: journal.healthy,
            lambda channel: bool(self.node.hub.members(channel)),
            quotas,
        )
        cursors = Cursors(self._documents, engine.broker)
        administration = ChannelAdmin(engine, self._policy)
        self.verifier = TokenVerifier(config.auth)
        recorder = Recorder(journal, self._metrics, self._policy, self._aggregator)
        acts = ActRecord(journal, recorder.level_of)
        services = Services(publisher, self._documents, cursors, alerts, briefs, administration, acts)
        parts = NodeParts(engine, self._policy, self.verifier, recorder, node_limits(config))
        self.node = Node(config.node.id, parts, services, now, lambda: str(uuid.uuid4()))
        data = Path(config.storage.data)
        self._signer = signer
        self._upkeep = Upkeep(
            data / "journal",
            config.node.id,
            signer,
            config.journal,
            lambda detail: journal.record("checkpoint", detail=detail),
        )
        bounds = handler_bounds(config, self.node)
        context = HandlerContext(
            handler_access(engine, self.node),
            DomainServices(publisher, self._documents, alerts, briefs),
            operator_services(engine, self.node, administration),
            CallRecords(recorder, acts, Archive(data / "journal", config.node.id, signer)),
            bounds,
            Probes(self._metrics, self.readiness),
            SocketServer(self.node),
        )
        self.listeners = PortListeners(config, context, tls_context)
        self._measure(bounds.connection_quota, bounds.body_quota)
        self._stopped = asyncio.Event()
        self._signals = 0

    def readiness(self) -> dict[str, bool]:
        """Return the conditions under which the service is given clients and changes."""
        return {
            "engine": self.engine.healthy(),
            "journal": self.journal.healthy and not self._upkeep.trouble,
            "accepting": self.node.ready(),
        }

    async def start(self) -> None:
        """Listen to the engine, complete the journal (which asks for the channels' levels), listen to the port."""
        self.node.start()
        if self.engine.moved:
            _log.warning(
                "the event store was copied or restored: all channels and documents begin new epochs, and clients are "
                "told that what they missed cannot be had",
                reason=self.engine.moved,
            )
            self.journal.record("restored", detail={"why": self.engine.moved})
        await self._complete_journal()
        background = self.node.background
        background.repeat("report", lambda: report(self._aggregator, self.engine.broker, self.node.hub.members, now))
        tasks = {"documents": self._sweep_documents, "quotas": self._quotas.run, **self._upkeep.tasks()}
        for name, task in tasks.items():
            background.repeat(name, task)
        if self.config.auth.jwks_url:
            background.repeat("keys", self._refresh_keys)
        self.listeners.open()
        self.port = self.listeners.port

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; then drain. SIGHUP reads keys and certificate again."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        await self._stopped.wait()
        await self.stop()

    def reload(self) -> None:
        """Read the keys of tokens and the certificate again; connections that stand keep what they have."""
        try:
            self.verifier.renew(token_secrets.read_files(self.config.auth, production=self.config.server.production))
            self.listeners.publish_pages()
        except ValueError as wrong:
            _log.error("the keys of tokens were not read again; the old ones stay", reason=str(wrong))
        else:
            _log.info("the keys of tokens were read again")
        if self._tls is None:
            return
        try:
            certificate, key = self.config.server.tls_certificate, self.config.server.tls_key
            tls.reload(self._tls, Path(certificate), Path(key), time.time())
        except (OSError, ValueError) as wrong:
            _log.error("the certificate was not read again; the old one stays", reason=str(wrong))
        else:
            _log.info("the certificate was read again")

    async def stop(self) -> None:
        """End what is left, in the order in which it depends on each other."""
        self.listeners.stop()
        await self.node.stop()
        await self.listeners.close()
        self._quotas.keep()
        await self.engine.close()
        unwritten = self.journal.close()
        if unwritten:
            _log.error("the journal could not be written to its end", entries=unwritten)
        await asyncio.to_thread(self._upkeep.close)

    def _asked_to_stop(self) -> None:
        self._signals += 1
        if self._signals == 1:
            self.node.background.start(self._drain())
        else:
            self._stopped.set()  # asked again: at once

    async def _drain(self) -> None:
        with suppress(asyncio.CancelledError):
            await self.node.drain()
        self._stopped.set()

    async def _complete_journal(self) -> None:
        """Record the events that were committed before a crash and are not in the journal yet."""
        found = 0
        while page := await self.engine.broker.commits_after(self.journal.last_commit, 500):
            for publication in page:
                self.journal.record(
                    "recovered",
                    channel=publication.channel,
                    offset=publication.offset,
                    epoch=publication.epoch,
                    commit=publication.commit,
                    level=self._policy.settings(publication.channel).level.label,
                    frame=publication.frame,
                )
            found += len(page)
            await asyncio.sleep(0)
        if found:
            _log.info("the journal was completed after a crash", entries=found)

    async def _refresh_keys(self) -> None:
        while True:
            await self.verifier.refresh()
            await asyncio.sleep(_KEY_REFRESH_SECONDS)

    async def _sweep_documents(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._documents.sweep()

    def _measure(self, connection_quota: ConnectionQuota, body_quota: BodyQuota) -> None:
        documents, upkeep, listeners = self._documents, self._upkeep, self.listeners
        sources = GaugeSources(self.node, self.journal, upkeep, documents, listeners, connection_quota, body_quota)
        register_gauges(self._metrics, sources)
        register_ops_rows(self._aggregator, self._metrics, self.node, self.readiness)


async def build(config: Config) -> Service:
    """Open what the configuration names and put it together. Raises EngineError and JournalError."""
    stores = await open_stores(config, now)
    config, context = stores.config, None
    if config.server.tls_certificate:
        certificate, key = Path(config.server.tls_certificate), Path(config.server.tls_key)
        context = tls.server_context(certificate, key, time.time())
    return Service(config, stores.engine, stores.journal, stores.signer, context)
