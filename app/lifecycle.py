"""A running service: its start, its signals and its end."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from app.journal.commits import RecordedCommits
from app.security import tls, token_secrets
from app.services.ops_report import report
from dossier_realtime.protocol import codec

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from app.configuration.config import Config
    from app.core.instant import Instant
    from app.engine.ports.engine import Engine
    from app.engine.ports.events import Publication
    from app.journal.lanes import Waiting
    from app.journal.upkeep import Upkeep
    from app.journal.writer import Journal
    from app.node.node import Node
    from app.services.briefs.jobs import BriefJobs
    from app.services.commenting.comments import Comments
    from app.services.commitments.replanning import Replanning
    from app.services.due_clock import DueClock
    from app.services.editing.documents import Documents
    from app.services.nodes.head_exchange import HeadExchange
    from app.services.quotas import Quotas
    from app.web.listeners import PortListeners
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

_log = structlog.get_logger("service")
_SWEEP_SECONDS = 10.0  # between two looks for documents without readers
_KEY_REFRESH_SECONDS = 300.0  # from a good fetch of a key set behind a URL to the next
_ROOM_SECONDS = 0.25  # until a journal that had no room is asked again
_PAGE = 500  # events that are read at once to complete the journal


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """The parts that a service starts and stops."""

    engine: Engine
    journal: Journal
    upkeep: Upkeep
    node: Node
    documents: Documents
    comments: Comments
    quotas: Quotas
    due_clock: DueClock
    aggregator: OpsAggregator
    listeners: PortListeners
    briefs: BriefJobs
    replanning: Replanning
    heads: HeadExchange | None
    """The exchange of journals' heads with other nodes; None where there can be none."""


class Service:
    """A running service. `port` is the one that it listens on, also where the configuration said 0."""

    def __init__(
        self, config: Config, parts: ServiceParts, tls_context: ssl.SSLContext | None, clock: Callable[[], Instant]
    ) -> None:
        self.config = config
        self.engine = parts.engine
        self.journal = parts.journal
        self.node = parts.node
        self.verifier = parts.node.verifier
        self.listeners = parts.listeners
        self.replanning = parts.replanning
        self.port = 0
        self._parts = parts
        self._documents = parts.documents
        self._tls, self._clock = tls_context, clock
        self._stopped = asyncio.Event()
        self._signals = 0

    async def start(self) -> None:
        """Start the node, complete the journal, then listen on the port. Raises OSError where that cannot be done.

        The node comes first, because the journal asks it for the levels of channels.
        """
        self.node.start()
        if self.engine.moved:
            _log.warning(
                "the event store was copied or restored: all channels and documents begin new epochs, and clients are "
                "told that what they missed cannot be had",
                reason=self.engine.moved,
            )
            self.journal.record("restored", detail={"why": self.engine.moved})
        await self._complete_journal()
        if not self._signals:
            self.listeners.open()
        self.port = self.listeners.port
        self._start_tasks()  # not before the port is had: a start that fails did nothing and says one thing

    def _start_tasks(self) -> None:
        background = self.node.background
        background.repeat("report", self._report)
        parts = self._parts
        tasks = {"documents": self._sweep_documents, "quotas": parts.quotas.run, "due": parts.due_clock.run}
        tasks |= {"briefs": parts.briefs.runner.run, "silent briefs": parts.briefs.silent.run}
        tasks |= {"moments of commitments": self.replanning.run}
        tasks |= {"clearances": self.node.services.clearances.run, **parts.upkeep.tasks()}
        if parts.heads is not None:
            tasks["heads of journals"] = parts.heads.run
        for name, task in tasks.items():
            background.repeat(name, task)
        if self.config.auth.jwks_url:
            background.repeat("keys", self._follow_keys)

    def handle_signals(self) -> None:
        """Let SIGTERM and SIGINT end `run` with a drain, and SIGHUP read keys and certificate again.

        It is called before `start`: from the moment that the port is bound, no signal ends the service without a drain.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)

    async def run(self) -> None:
        """Serve until the service is asked to stop, then stop it."""
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
        await self._parts.due_clock.stop()
        await self.node.stop()
        await self.listeners.close()
        self._parts.quotas.keep()
        await self.engine.close()
        unwritten = self.journal.close()
        if unwritten:
            _log.error("the journal could not be written to its end", entries=unwritten)
        await asyncio.to_thread(self._parts.upkeep.close)

    def ask_to_stop(self) -> None:
        """Let `run` end after a drain; asked again, at once."""
        self._signals += 1
        if self._signals == 1:
            self.node.background.start(self._drain())
        else:
            self._stopped.set()  # asked again: at once

    async def _drain(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                await self._parts.due_clock.stop()
                self.listeners.leave_shared()
                await self.node.drain()
        finally:  # whatever fails: who asked once waits for the end
            self._stopped.set()

    async def _complete_journal(self) -> None:
        """Record the events that were committed before a crash and are not in the journal yet."""
        found = 0
        recorded = RecordedCommits(self.journal.last_commit, frozenset())
        if self.config.storage.shared:  # there the highest number may be another node's
            recorded = await asyncio.to_thread(self.journal.recorded_commits)
        after = recorded.until
        has_room = True
        while not self._signals and (page := await self.engine.broker.commits_after(after, _PAGE)):
            for publication in page:
                if publication.commit not in recorded.known:
                    has_room = self._record_recovered(publication) is not None
                    if not has_room:  # from here again
                        break
                    found += 1
                after = publication.commit
            await asyncio.sleep(0 if has_room else _ROOM_SECONDS)
        if found:
            _log.info("the journal was completed after a crash", entries=found)

    def _record_recovered(self, publication: Publication) -> Waiting | None:
        return self.journal.record(
            "recovered",
            channel=publication.channel,
            offset=publication.offset,
            epoch=publication.epoch,
            commit=publication.commit,
            level=self.node.policy.settings(publication.channel).level.label,
            type=codec.type_of(publication.frame),
            frame=publication.frame,
        )

    async def _report(self) -> None:
        await report(self._parts.aggregator, self.engine, self.node.hub.members, self._clock)

    async def _follow_keys(self) -> None:
        await self.verifier.follow(_KEY_REFRESH_SECONDS)

    async def _sweep_documents(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self._parts.comments.sweep()
            self._documents.sweep()
