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
from app.web.domain.brief_handler import CancelBriefById
from app.web.domain.commitment_handler import AcknowledgeCommitment
from app.web.domain.document_handler import DocumentById
from app.web.domain.publish_handler import PublishDoor
from app.web.http.guarded_handler import NotServed
from app.web.operators.explain_handler import ExplainHandler
from app.web.operators.journal_handler import JournalDoor
from app.web.transport.http_server import LimitedServer
from app.web.websocket.socket_handler import SocketDoor

from .operators import listing_handlers as listings
from .operators import operator_handler as operators
from .probes import health_handlers as health

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from app.journal.acts import ActRecord
    from app.journal.export import Archive
    from app.node.node import Node
    from app.node.turns import Turns
    from app.services.alerts import Alerts
    from app.services.briefs import Briefs
    from app.services.channel_admin import ChannelAdministration
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher
    from app.telemetry.metrics import Metrics
    from app.web.transport.body_quota import Bodies
    from app.web.transport.connection_quota import Addresses
    from dossier_realtime.protocol.host_policy import HostPolicy

_log = structlog.get_logger("access")
_sampler = Sampler(each=10)
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_HEAD_SECONDS = 9.0  # for a head, for a body, between two requests
_HEAD_BYTES = 8192


_CHANNEL = r"/v1/channels/([^/]+)"
ROUTES: list[Any] = [
    (r"/v1", SocketDoor),
    (r"/v1/publish", PublishDoor),
    (r"/v1/documents/([^/]+)", DocumentById),
    (r"/v1/commitments/([^/]+)/ack", AcknowledgeCommitment),
    (r"/v1/briefs/([^/]+)/cancel", CancelBriefById),
    (r"/v1/sessions", listings.Sessions),
    (r"/v1/sessions/([^/]+)", operators.SessionById),
    (r"/v1/users/([^/]+)/disconnect", operators.DisconnectUser),
    (r"/v1/users/([^/]+)/limits/lift", operators.LiftLimits),
    (r"/v1/tokens/revoke", operators.RevokeTokens),
    (r"/v1/channels", listings.Channels),
    (_CHANNEL, operators.ChannelByName),
    (_CHANNEL + "/presence", operators.ChannelPresence),
    (_CHANNEL + "/history", operators.ChannelHistory),
    (r"/v1/journal", JournalDoor),
    (r"/v1/explain", ExplainHandler),
    (r"/v1/schema.json", health.Described, {"describe": cache(json_schema)}),
    (r"/v1/asyncapi.json", health.Described, {"describe": cache(asyncapi)}),
    (r"/v1/openapi.json", health.Described, {"describe": cache(openapi)}),
    (r"/healthz", health.HealthHandler),
    (r"/readyz", health.ReadinessHandler),
    (r"/metrics", health.Measured),
    (r"/\.well-known/security\.txt", health.SecurityTxt),
]
"""Every path that the service answers, by its handler."""


def application(
    node: Node,
    publisher: EventPublisher,
    documents: Documents,
    alerts: Alerts,
    briefs: Briefs,
    administration: ChannelAdministration,
    metrics: Metrics,
    addresses: Addresses,
    bodies: Bodies,
    readiness: Callable[[], dict[str, bool]],
    archive: Archive,
    acts: ActRecord,
) -> tornado.web.Application:
    """Return every path that the service answers. The settings `public_pages` and `host_policy` are to be put in before
    it serves."""
    return tornado.web.Application(
        ROUTES,
        default_handler_class=NotServed,
        log_function=_access,
        node=node,
        publisher=publisher,
        documents=documents,
        alerts=alerts,
        briefs=briefs,
        administration=administration,
        metrics=metrics,
        addresses=addresses,
        bodies=bodies,
        readiness=readiness,
        archive=archive,
        acts=acts,
    )


def metrics_application(whole: tornado.web.Application, policy: HostPolicy) -> tornado.web.Application:
    """The metrics alone, for an address of their own; the rest as in the whole application."""
    settings = whole.settings | {"host_policy": policy}
    return tornado.web.Application([(r"/metrics", health.Measured)], **settings)


def server(
    app: tornado.web.Application, tls: ssl.SSLContext | None, addresses: Addresses, turns: Turns
) -> LimitedServer:
    """An HTTP server that no slow or big request holds up."""
    return LimitedServer(
        app,
        tls,
        addresses,
        turns,
        idle_connection_timeout=_HEAD_SECONDS,
        body_timeout=_HEAD_SECONDS,
        max_header_size=_HEAD_BYTES,
        max_body_size=1 << 40,  # the doors stop reading at their own, smaller bound, with an answer
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
