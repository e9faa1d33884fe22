"""The routes, and Tornado's bounds."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog
import tornado.web

from app.core.schema.asyncapi import asyncapi
from app.core.schema.json_schema import json_schema
from app.core.schema.openapi import openapi
from app.telemetry.logs import Sampler
from app.web.domain.brief_handler import BriefCancelHandler
from app.web.domain.commitment_handler import CommitmentAckHandler
from app.web.domain.document_handler import DocumentHandler
from app.web.domain.publish_handler import PublishHandler
from app.web.http.guarded_handler import NotFoundHandler
from app.web.operators.explain_handler import ExplainHandler
from app.web.operators.journal_handler import JournalHandler
from app.web.transport.http_server import LimitedServer
from app.web.websocket.socket_handler import SocketHandler

from .operators import listing_handlers as listings
from .operators import operator_handler as operators
from .probes import health_handlers as health

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from app.journal.acts import ActRecord
    from app.journal.exports.export import Archive
    from app.node.node import Node
    from app.node.sockets.turns import Turns
    from app.services.alerts import Alerts
    from app.services.briefs import Briefs
    from app.services.channel_admin import ChannelAdmin
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher
    from app.telemetry.metrics import Metrics
    from app.web.transport.body_quota import BodyQuota
    from app.web.transport.connection_quota import ConnectionQuota
    from dossier_realtime.protocol.http.host_policy import HostPolicy

_log = structlog.get_logger("access")
_sampler = Sampler(each=10)
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_HEAD_SECONDS = 9.0  # for a head, for a body, between two requests
_HEAD_BYTES = 8192


_CHANNEL = r"/v1/channels/([^/]+)"
ROUTES: list[Any] = [
    (r"/v1", SocketHandler),
    (r"/v1/publish", PublishHandler),
    (r"/v1/documents/([^/]+)", DocumentHandler),
    (r"/v1/commitments/([^/]+)/ack", CommitmentAckHandler),
    (r"/v1/briefs/([^/]+)/cancel", BriefCancelHandler),
    (r"/v1/sessions", listings.SessionListHandler),
    (r"/v1/sessions/([^/]+)", operators.SessionHandler),
    (r"/v1/users/([^/]+)/disconnect", operators.DisconnectUserHandler),
    (r"/v1/users/([^/]+)/limits/lift", operators.LiftLimitsHandler),
    (r"/v1/tokens/revoke", operators.RevokeTokensHandler),
    (r"/v1/channels", listings.ChannelListHandler),
    (_CHANNEL, operators.ChannelSettingsHandler),
    (_CHANNEL + "/presence", operators.ChannelPresenceHandler),
    (_CHANNEL + "/history", operators.ChannelHistoryHandler),
    (r"/v1/journal", JournalHandler),
    (r"/v1/explain", ExplainHandler),
    (r"/v1/schema.json", health.SchemaHandler, {"describe": cache(json_schema)}),
    (r"/v1/asyncapi.json", health.SchemaHandler, {"describe": cache(asyncapi)}),
    (r"/v1/openapi.json", health.SchemaHandler, {"describe": cache(openapi)}),
    (r"/healthz", health.HealthHandler),
    (r"/readyz", health.ReadinessHandler),
    (r"/metrics", health.MetricsHandler),
    (r"/\.well-known/security\.txt", health.SecurityTxtHandler),
]
"""Every path that the service answers, by its handler."""


def application(
    node: Node,
    publisher: EventPublisher,
    documents: Documents,
    alerts: Alerts,
    briefs: Briefs,
    administration: ChannelAdmin,
    metrics: Metrics,
    connection_quota: ConnectionQuota,
    body_quota: BodyQuota,
    readiness: Callable[[], dict[str, bool]],
    archive: Archive,
    acts: ActRecord,
) -> tornado.web.Application:
    """Return every path that the service answers. The settings `public_pages` and `host_policy` are to be put in before
    it serves."""
    return tornado.web.Application(
        ROUTES,
        default_handler_class=NotFoundHandler,
        log_function=_access,
        node=node,
        publisher=publisher,
        documents=documents,
        alerts=alerts,
        briefs=briefs,
        administration=administration,
        metrics=metrics,
        connection_quota=connection_quota,
        body_quota=body_quota,
        readiness=readiness,
        archive=archive,
        acts=acts,
    )


def metrics_application(whole: tornado.web.Application, policy: HostPolicy) -> tornado.web.Application:
    """The metrics alone, for an address of their own; the rest as in the whole application."""
    settings = whole.settings | {"host_policy": policy}
    return tornado.web.Application([(r"/metrics", health.MetricsHandler)], **settings)


def server(
    app: tornado.web.Application, tls: ssl.SSLContext | None, connection_quota: ConnectionQuota, turns: Turns
) -> LimitedServer:
    """An HTTP server that no slow or big request holds up."""
    return LimitedServer(
        app,
        tls,
        connection_quota,
        turns,
        idle_connection_timeout=_HEAD_SECONDS,
        body_timeout=_HEAD_SECONDS,
        max_header_size=_HEAD_BYTES,
        max_body_size=1 << 40,  # handlers stop at their own, smaller bound, with an answer
        max_buffer_size=1 << 20,
    )


def _access(handler: Any) -> None:
    request, status, now = handler.request, handler.get_status(), time.monotonic()
    told = _sampler.counted(now)
    if told:
        _log.info("requests counted", **told)
    if (request.path in _PROBES or getattr(handler, "polled", False)) and status < 400:
        return
    if not _sampler.allows(f"{request.method} {status}"[:20], request.remote_ip or "", now):
        return
    log = _log.info if status < 500 else _log.error
    log(
        "request",
        method=request.method,
        path=request.path,
        status=status,
        ms=round(1000 * request.request_time(), 1),
        address=request.remote_ip,
    )
