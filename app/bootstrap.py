"""The composition root: the only file that knows all parts. It builds a service from a configuration."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from app.builders.briefs import DomainKnowledge, brief_jobs
from app.builders.comments import comments_of
from app.builders.commitments import commitment_parts
from app.builders.gauges import GaugeSources, register_gauges, register_ops_rows
from app.builders.guests import room_of
from app.builders.node import node_limits
from app.builders.relationships import relationship_parts
from app.builders.stores import Stores, open_stores
from app.builders.web import handler_access, handler_bounds, operator_services
from app.configuration.health_policy import health_policy
from app.configuration.limits import rate_limits
from app.core import read_only
from app.core.domain.projections import inbox, relationships
from app.core.domain.projections.action_links import ActionLinks
from app.core.domain.projections.raised_alerts import RaisedAlerts
from app.core.domain.projections.tasks import TaskPlaces, Tasks
from app.core.instant import Instant
from app.journal.acts import ActRecord
from app.journal.exports.export import Archive
from app.journal.upkeep import Upkeep
from app.lifecycle import Service, ServiceParts
from app.node.node import Node
from app.node.parts import NodeParts, Services
from app.node.recorder import Recorder
from app.security import tls
from app.security.auth import TokenVerifier
from app.services.briefs.cancellation import Briefs
from app.services.briefs.ledger import KIND as BRIEF_RECORDS
from app.services.channel_admin import ChannelAdmin
from app.services.document_access import DocumentAccess
from app.services.domain.inboxes import Inboxes
from app.services.domain.projections import Projections
from app.services.domain.task_list import TaskList
from app.services.due_clock import DueClock
from app.services.editing.documents import Documents
from app.services.exports.exports import Exports
from app.services.nodes.due_lease import DueLease
from app.services.nodes.head_exchange import HeadExchange
from app.services.pairs import deletion as document_deletion
from app.services.pairs.deletion import DocumentDeletion
from app.services.pairs.pairs import Pairs
from app.services.publisher import EventPublisher
from app.services.quotas import Quotas
from app.services.revisions.revisions import Revisions
from app.services.revisions.snapshots import Snapshots
from app.telemetry.metrics import Metrics
from app.web.handler_context import CallRecords, DomainServices, HandlerContext, Probes
from app.web.listeners import PortListeners
from app.web.websocket.wire import SocketServer
from dossier_realtime.protocol.classification import ChannelPolicy
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from app.configuration.config import Config
    from app.core.domain.projections.projection import Projection

_DAY_SECONDS = 86_400.0
_PROJECTIONS: Sequence[Projection] = (
    Tasks(),
    TaskPlaces(),
    RaisedAlerts(),
    inbox.InboxEntries(),
    inbox.InboxHeads(),
)
"""The records that follow from events. A capability that follows them adds its row."""


def now() -> Instant:
    """Return this moment on both clocks."""
    return Instant(time.monotonic(), time.time())


async def build(config: Config) -> Service:
    """Open the stores that the configuration names and compose the service.

    Raises EngineError, JournalError, and the errors of a certificate that cannot be used.
    """
    stores = await open_stores(config, now)
    try:
        context = None
        if stores.config.server.tls_certificate:
            certificate, key = Path(stores.config.server.tls_certificate), Path(stores.config.server.tls_key)
            context = tls.server_context(certificate, key, time.time())
        return _compose(stores, context)
    except BaseException:
        await stores.close()  # else its threads, connections and locks keep the next start out
        raise


def _compose(stores: Stores, tls_context: ssl.SSLContext | None) -> Service:
    config, engine, journal = stores.config, stores.engine, stores.journal
    policy = ChannelPolicy((row.pattern, row.level) for row in config.channels.classification)
    metrics, aggregator = Metrics(), OpsAggregator(config.node.id)

    # Services of the domain. Documents ask the node, which is made of them, whether a channel has readers.
    quotas = Quotas(rate_limits(config, _DAY_SECONDS), now, engine.quotas)
    projected = (*_PROJECTIONS, relationships.HealthChanges(health_policy(config.relationships)))
    links = ActionLinks(config.server.action_hosts)
    projections = Projections(engine.records, projected, lambda: node.clock(), links)  # noqa: PLW0108  made later
    publisher = EventPublisher(
        engine.broker, engine.alerts, policy, aggregator, lambda: journal.healthy, quotas, projections
    )
    commitments = commitment_parts(engine, config.commitments, publisher, policy, aggregator, lambda: node.clock().wall)
    alerts = commitments.alerts
    health = relationship_parts(engine, config.relationships, publisher, policy, lambda: node.clock().wall)
    inboxes = Inboxes(engine.records, publisher)
    documents = Documents(
        engine.documents,
        engine.broker,
        lambda: journal.healthy,
        lambda channel: bool(node.hub.members(channel)),
        quotas,
        engine.control,
        engine.cursors,
    )
    revisions = Revisions(engine.revisions, engine.documents, engine.broker, documents.differences)
    comments = comments_of(engine, publisher, documents, now)
    pairs = Pairs(engine.records, publisher, documents, revisions)
    deletion = DocumentDeletion(
        engine.records, engine.broker, publisher, documents, comments, pairs, lambda: node.clock().wall
    )
    cursors = documents.cursors
    # A kind of records that its service looks at when they are due is one row here.
    handlers = {inbox.KIND: inboxes.wake, "commitment": commitments.climbing.handle}
    is_shared = config.storage.engine != "embedded"
    lease = DueLease(config.node.id, engine.records, engine.broker) if is_shared else None
    due_clock = DueClock(engine.records, lambda: node.clock(), handlers, lease)  # noqa: PLW0108  the node is made later
    publisher.report_changes(due_clock.changed)
    channel_admin = ChannelAdmin(engine, policy)
    channel_admin.report_changes(due_clock.changed)
    due_clock.add(document_deletion.KIND, deletion.complete)
    due_clock.add(read_only.KIND, channel_admin.end_read_only)
    tasks = TaskList(engine.records, publisher)
    known = DomainKnowledge(commitments.registry, tasks, health.health, health.reading)
    jobs = brief_jobs(stores, publisher, policy, documents, channel_admin, aggregator, known, now)
    due_clock.add(BRIEF_RECORDS, jobs.workers.due)
    due_clock.add(relationships.KIND, health.health.due)
    briefs = Briefs(engine.briefs, publisher, aggregator, jobs.ledger, jobs.runner.forget, jobs.runner.doubt)

    recorder = Recorder(journal, metrics, policy, aggregator)
    acts = ActRecord(journal, recorder.level_of)
    seen = commitments.clearances
    services = Services(publisher, documents, cursors, alerts, seen, briefs, jobs, inboxes, channel_admin, acts)
    node_parts = NodeParts(engine, policy, TokenVerifier(config.auth), recorder, node_limits(config, engine.durability))
    node = Node(config.node.id, node_parts, services, now, lambda: str(uuid.uuid4()))

    folder = Path(config.storage.data) / "journal"
    upkeep = Upkeep(
        folder,
        config.node.id,
        stores.signer,
        config.journal,
        lambda detail: journal.record("checkpoint", detail=detail),
        lambda: journal.durable_seq,
    )
    heads = None
    if is_shared:
        heads = HeadExchange(
            config.node.id,
            (engine.records, engine.broker),
            lambda: upkeep.checkpoints.last,
            lambda detail: journal.record("witnessed", detail=detail),
            time.time,
        )

    def readiness() -> dict[str, bool]:
        return {
            "engine": engine.healthy(),
            "journal": journal.healthy and not upkeep.trouble,
            "accepting": node.ready(),
            "keys": node.verifier.has_keys,  # a set that was fetched once serves on while its issuer does not answer
        }

    bounds = handler_bounds(config, node)
    context = HandlerContext(
        handler_access(engine, node),
        DomainServices(
            publisher,
            documents,
            DocumentAccess(engine.broker, policy),
            revisions,
            Snapshots(revisions, engine.presence, engine.records, publisher, stores.signer, time.time),
            Exports(comments),
            pairs,
            deletion,
            comments,
            alerts,
            commitments.registry,
            commitments.standing,
            briefs,
            jobs,
            inboxes,
            tasks,
            health,
        ),
        operator_services(engine, node, channel_admin, quotas),
        CallRecords(recorder, acts, Archive(folder, config.node.id, stores.signer)),
        bounds,
        Probes(metrics, readiness, engine.durability),
        SocketServer(node),
    )
    listeners = PortListeners(config, context, tls_context, room_of(config, node.verifier))
    sources = GaugeSources(node, journal, upkeep, documents, listeners, bounds.connection_quota, bounds.body_quota)
    register_gauges(metrics, sources, engine.durability)
    register_ops_rows(aggregator, metrics, node, readiness)
    parts = ServiceParts(
        *(engine, journal, upkeep, node, documents, comments, quotas, due_clock, aggregator, listeners, jobs),
        replanning=commitments.replanning,
        heads=heads,
    )
    return Service(config, parts, tls_context, now)
