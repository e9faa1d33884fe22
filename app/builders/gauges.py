"""Registering the figures of a service: gauges for Prometheus, rows for the operators' dashboard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from app.telemetry.stalls import longest_stall
from dossier_realtime.protocol.fields import Durability

if TYPE_CHECKING:
    from app.journal.upkeep import Upkeep
    from app.journal.writer import Journal
    from app.node.node import Node
    from app.services.editing.documents import Documents
    from app.telemetry.metrics import Metrics
    from app.web.listeners import PortListeners
    from app.web.transport.body_quota import BodyQuota
    from app.web.transport.connection_quota import ConnectionQuota
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator


@dataclass(frozen=True, slots=True)
class GaugeSources:
    """The parts of a service that figures are read from."""

    node: Node
    journal: Journal
    upkeep: Upkeep
    documents: Documents
    listeners: PortListeners
    connection_quota: ConnectionQuota
    body_quota: BodyQuota


def register_gauges(metrics: Metrics, sources: GaugeSources, durability: Durability) -> None:
    """Register the gauges that Prometheus reads."""
    metrics.state("dossier_durability", "Durability of acknowledged changes", "class", get_args(Durability), durability)
    node, journal, checkpoints = sources.node, sources.journal, sources.upkeep.checkpoints
    listeners, documents = sources.listeners, sources.documents
    connections, bodies = sources.connection_quota, sources.body_quota
    for name, text, read in (
        ("dossier_sessions", "Authenticated sessions", lambda: len(node.registry.by_session)),
        ("dossier_subscriptions", "Subscriptions", node.hub.total),
        ("dossier_documents_open", "Documents in memory", lambda: documents.open),
        ("dossier_journal_waiting", "Journal entries not yet written", lambda: journal.waiting),
        ("dossier_tcp_connections", "Open TCP connections, WebSocket and HTTP", lambda: connections.open),
        ("dossier_http_body_bytes", "Bytes of HTTP bodies in memory", lambda: bodies.held),
        ("dossier_accepts_refused", "Connections that the system did not accept", lambda: listeners.refused),
        ("dossier_work_waiting", "Units of work that wait for a turn of the loop", lambda: node.turns.waiting),
        ("dossier_work_deferred", "Units of work that had to wait so far", lambda: node.turns.deferred),
        ("dossier_tasks", "Tasks of the event loop", lambda: len(asyncio.all_tasks())),
        ("dossier_checkpoints", "Checkpoints signed since the start", lambda: checkpoints.made),
        ("dossier_checkpoints_failed", "Failures to send one on", lambda: checkpoints.failures),
        ("dossier_loop_stall_seconds", "The longest turn of the event loop in the last minute", longest_stall),
        ("dossier_journal_lost", "Journal entries that could not be recorded", lambda: journal.lost),
    ):
        metrics.gauge(name, text, read)


def register_ops_rows(
    aggregator: OpsAggregator, metrics: Metrics, node: Node, readiness: Callable[[], dict[str, bool]]
) -> None:
    """Register the rows about this node that operators receive."""

    def figures() -> dict[str, float]:
        totals = metrics.totals
        return metrics.delivery_minute.figures(time.monotonic()) | {
            "connections": len(node.registry.connections),
            "sessions": len(node.registry.by_session),
            "subscriptions": node.hub.total(),
            "deliveries_total": totals["deliveries"],
            "events_total": totals["published"],
            "loop_stall_ms": round(1000 * longest_stall(), 2),
            "loop_lag_ms": round(1000 * metrics.loop_lag.value, 2),
            "ready": float(all(readiness().values())),
        }

    aggregator.gauge("nodes", figures)
    aggregator.gauge_rows("limits", node.control.raised_limits)
    aggregator.gauge("sessions", lambda: {"open": len(node.registry.by_session)})
