"""Parts that the handlers of HTTP calls need, built from the configuration, the engine and the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.node.connections.connections_view import ConnectionsView
from app.services.callers import Callers
from app.services.channel_history import ChannelHistory
from app.services.operators import Operators
from app.services.presence import PresenceRosters
from app.web.handler_context import Access, Bounds, OperatorServices
from app.web.transport.body_quota import BodyQuota
from app.web.transport.connection_quota import AddressLimits, ConnectionQuota
from dossier_realtime.protocol.http.forwarded import networks

if TYPE_CHECKING:
    from app.configuration.config import Config
    from app.core.instant import Instant
    from app.engine.ports.engine import Engine
    from app.node.node import Node
    from app.services.channel_admin import ChannelAdmin
    from app.services.quotas import Quotas

# Connections a second of one address for each WebSocket handshake that it may make: those over TLS cost more.
_TCP_PER_HANDSHAKE, _TLS_PER_HANDSHAKE = 40, 10


def handler_access(engine: Engine, node: Node) -> Access:
    """Return the rules of access; handlers have the node's clock, whichever it has at the time."""

    def clock() -> Instant:
        return node.clock()

    callers = Callers(node.verifier, engine.revocations, engine.rates, clock, node.services.clearances.seen)
    return Access(node.name, node.policy, clock, callers)


def handler_bounds(config: Config, node: Node) -> Bounds:
    """Return the bounds of connections and bodies that the configuration sets."""
    limits = config.limits
    per_handshake = _TLS_PER_HANDSHAKE if config.server.tls_certificate else _TCP_PER_HANDSHAKE
    connection_quota = ConnectionQuota(
        AddressLimits(
            limits.connections_per_address,
            limits.handshakes_per_second,
            limits.strangers_per_second,
            limits.handshakes_per_second * per_handshake,
            node.limits.max_connections,
            node.limits.refusals,
        ),
        networks(config.server.trusted_proxies) if config.server.behind_proxy else (),
    )
    body_quota = BodyQuota(limits.bodies_mib << 20, limits.bodies_mib_per_user << 20)
    return Bounds(connection_quota, body_quota, node.turns, node.limits.outbox.stall_timeout)


def operator_services(engine: Engine, node: Node, channel_admin: ChannelAdmin, quotas: Quotas) -> OperatorServices:
    """Return the services behind the calls of operators and administrators."""
    return OperatorServices(
        Operators(engine, node.clock, quotas.limiter),
        channel_admin,
        PresenceRosters(engine.presence),
        ChannelHistory(engine.broker),
        ConnectionsView(node.registry, node.hub),
    )
