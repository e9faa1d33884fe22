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
from app.web.domain import brief_request_handlers as briefs
from app.web.domain import brief_worker_handlers as workers
from app.web.domain.brief_handler import BriefCancelHandler
from app.web.domain.comments import comment_handlers as comments
from app.web.domain.commitments import commitment_handlers as commitments
from app.web.domain.commitments.acknowledgement_handler import CommitmentAckHandler
from app.web.domain.document_handler import DocumentHandler
from app.web.domain.document_restore_handler import DocumentRestoreHandler
from app.web.domain.documents import snapshot_handlers as snapshots
from app.web.domain.documents.export_handler import DocumentExportHandler
from app.web.domain.documents.pair_handlers import DocumentPairHandler, TranslatedClausesHandler
from app.web.domain.inbox_handler import InboxAckHandler, InboxHandler, InboxSnoozeHandler
from app.web.domain.publish_handler import PublishHandler
from app.web.domain.relationships import relationship_handlers as relationships
from app.web.domain.task_handler import TaskListHandler
from app.web.http.guarded_handler import NotFoundHandler
from app.web.operators import channel_handlers as channels
from app.web.operators import user_handlers as users
from app.web.operators.explain_handler import ExplainHandler
from app.web.operators.journal_handler import JournalHandler
from app.web.pages import guest_handlers as guests
from app.web.pages import page_handlers as pages
from app.web.transport.http_server import LimitedServer
from app.web.websocket.socket_handler import SocketHandler

from .domain import revision_handlers as revisions
from .operators import listing_handlers as listings
from .operators import standing_handlers as standing
from .probes import health_handlers as health

if TYPE_CHECKING:
    import ssl

    from .handler_context import Bounds, HandlerContext, Site

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
    (r"/v1/documents/([^/]+)/history", revisions.DocumentRevisionsHandler),
    (r"/v1/documents/([^/]+)/versions", revisions.NamedVersionsHandler),
    (r"/v1/documents/([^/]+)/versions/([^/]+)", revisions.NamedVersionHandler),
    (r"/v1/documents/([^/]+)/restore", DocumentRestoreHandler),
    (r"/v1/documents/([^/]+)/comments", comments.CommentsHandler),
    (r"/v1/documents/([^/]+)/comments/([^/]+)", comments.CommentHandler),
    (r"/v1/documents/([^/]+)/comments/([^/]+)/replies", comments.CommentRepliesHandler),
    (r"/v1/documents/([^/]+)/comments/([^/]+)/([^/]+)", comments.CommentStepHandler),
    (r"/v1/documents/([^/]+)/diff", revisions.DocumentDifferenceHandler),
    (r"/v1/documents/([^/]+)/export", DocumentExportHandler),
    (r"/v1/documents/([^/]+)/pair", DocumentPairHandler),
    (r"/v1/documents/([^/]+)/pair/translated", TranslatedClausesHandler),
    (r"/v1/documents/([^/]+)/snapshots", snapshots.DocumentSnapshotsHandler),
    (r"/v1/documents/([^/]+)/snapshots/([^/]+)", snapshots.DocumentSnapshotHandler),
    (r"/v1/commitments", commitments.CommitmentListHandler),
    (r"/v1/commitments/dry-run", commitments.CommitmentDryRunHandler),
    (r"/v1/commitments/([^/]+)", commitments.CommitmentHandler),
    (r"/v1/commitments/([^/]+)/ack", CommitmentAckHandler),
    (r"/v1/commitments/([^/]+)/complete", commitments.CommitmentCompleteHandler),
    (r"/v1/commitments/([^/]+)/snooze", commitments.CommitmentSnoozeHandler),
    (r"/v1/commitments/([^/]+)/delegate", commitments.CommitmentDelegateHandler),
    (r"/v1/briefs", briefs.BriefListHandler),
    (r"/v1/briefs/claim", workers.BriefClaimHandler),
    (r"/v1/briefs/([^/]+)/progress", workers.BriefProgressHandler),
    (r"/v1/briefs/([^/]+)/complete", workers.BriefCompleteHandler),
    (r"/v1/briefs/([^/]+)/failed", workers.BriefFailedHandler),
    (r"/v1/briefs/([^/]+)", briefs.BriefHandler),
    (r"/v1/briefs/([^/]+)/cancel", BriefCancelHandler),
    (r"/v1/relationships", relationships.RelationshipListHandler),
    (r"/v1/relationships/([^/]+)", relationships.RelationshipHandler),
    (r"/v1/relationships/([^/]+)/score", relationships.RelationshipScoreHandler),
    (r"/v1/relationships/([^/]+)/facts", relationships.RelationshipFactsHandler),
    (r"/v1/relationships/([^/]+)/why", relationships.RelationshipWhyHandler),
    (r"/v1/inbox", InboxHandler),
    (r"/v1/inbox/ack", InboxAckHandler),
    (r"/v1/inbox/snooze", InboxSnoozeHandler),
    (r"/v1/tasks", TaskListHandler),
    (r"/v1/sessions", listings.SessionListHandler),
    (r"/v1/sessions/([^/]+)", users.SessionHandler),
    (r"/v1/users/([^/]+)/disconnect", users.DisconnectUserHandler),
    (r"/v1/users/([^/]+)/limits/lift", users.LiftLimitsHandler),
    (r"/v1/tokens/revoke", users.RevokeTokensHandler),
    (r"/v1/nodes", standing.NodeListHandler),
    (r"/v1/limits", standing.LimitListHandler),
    (r"/v1/channels", listings.ChannelListHandler),
    (_CHANNEL, channels.ChannelSettingsHandler),
    (_CHANNEL + "/presence", channels.ChannelPresenceHandler),
    (_CHANNEL + "/history", channels.ChannelHistoryHandler),
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


PAGE_ROUTES: list[Any] = [
    (r"/", pages.LandingHandler),
    (r"/room", pages.RoomHandler),
    (r"/room/assets/([a-z._-]{1,64})", pages.PageFileHandler),
    (r"/room/guests", guests.AdmissionHandler),
    (r"/room/tokens", guests.GuestTokenHandler),
    (r"/room/links", guests.LinkHandler),
    (r"/room/operators", guests.OperatorTokenHandler),
]
"""The pages for browsers, and the calls that only these pages make. Where a site has no guests, each is a 404."""


def application(context: HandlerContext, site: Site) -> tornado.web.Application:
    """Return an application that answers at every path, by the rules of one address."""
    return _application(ROUTES + PAGE_ROUTES, context, site)


def metrics_application(context: HandlerContext, site: Site) -> tornado.web.Application:
    """Return an application that answers at `/metrics` alone, for an address of its own."""
    return _application([(r"/metrics", health.MetricsHandler)], context, site)


def _application(routes: list[Any], context: HandlerContext, site: Site) -> tornado.web.Application:
    return tornado.web.Application(
        routes, default_handler_class=NotFoundHandler, log_function=_access, context=context, site=site
    )


def server(app: tornado.web.Application, tls: ssl.SSLContext | None, bounds: Bounds) -> LimitedServer:
    """Return an HTTP server that no slow or big request holds up."""
    return LimitedServer(
        app,
        tls,
        bounds.connection_quota,
        bounds.turns,
        _HEAD_SECONDS,
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
    if (request.path in _PROBES or getattr(handler, "is_polled", False)) and status < 400:
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
