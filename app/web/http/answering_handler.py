"""The answers of every handler: JSON bodies, the form of every error, and the headers that all answers have.

Pages of allowed origins may read every answer, refusals too (`cors`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
import tornado.web

from app.services.errors import Unavailable
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.host_policy import STRICT_TRANSPORT

from . import cors

if TYPE_CHECKING:
    from app.web.handler_context import HandlerContext, Site
    from app.web.transport.connection_quota import ConnectionQuota

_log = structlog.get_logger("web")

NOT_READ = "The store does not answer now; try again later"
NOT_STORED = "Changes cannot be stored now; try again later"
_READS = "GET", "HEAD"
TOO_BIG = "The body is bigger than 65,536 bytes (64 KiB); send less at once"
STANDARD = {
    400: (ErrorCode.INVALID_MESSAGE_FORMAT, "The request cannot be understood; check its form"),
    404: (ErrorCode.NOT_FOUND, "Nothing is served at this path; /v1/openapi.json lists the calls"),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "This method is not served at this path; use one of the Allow header"),
    413: (ErrorCode.INVALID_MESSAGE_FORMAT, TOO_BIG),
    415: (ErrorCode.INVALID_MESSAGE_FORMAT, "Send application/json, uncompressed"),
    431: (ErrorCode.INVALID_MESSAGE_FORMAT, "Too many headers; send fewer"),
}
"""The error code and the message of statuses that need no words of their own."""


class AnsweringHandler(tornado.web.RequestHandler):
    """A handler that knows the parts of the service, and the form of its answers."""

    @property
    def context(self) -> HandlerContext:
        """The parts of the service that handlers call."""
        context: HandlerContext = self.settings["context"]
        return context

    @property
    def site(self) -> Site:
        """The rules of the address that the request came to."""
        site: Site = self.settings["site"]
        return site

    @property
    def connection_quota(self) -> ConnectionQuota:
        """The bounds of addresses."""
        return self.context.bounds.connection_quota

    def refuse_for_now(self, status: int, message: str) -> None:
        """Answer 429 or 503 with Retry-After, and end the connection."""
        self.set_header("Connection", "close")
        self.set_header("Retry-After", "1" if status == 429 else "5")
        code = ErrorCode.RATE_LIMIT_EXCEEDED if status == 429 else ErrorCode.SERVICE_UNAVAILABLE
        self.refuse(status, code, message)

    def set_default_headers(self) -> None:
        """Set the headers that every answer has."""
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        if self.site.host_policy.strict_transport:
            self.set_header("Strict-Transport-Security", STRICT_TRANSPORT)
        allowed = self.site.host_policy.allowed_origin(self.request.headers.get_list("Origin"))
        for name, value in cors.answer_headers(allowed).items():
            self.set_header(name, value)

    def answer(self, body: Any, status: int = 200) -> None:
        """Answer with a JSON body."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(msgspec.json.encode(body))

    def refuse(
        self,
        status: int,
        code: ErrorCode,
        message: str,
        *,
        index: int | None = None,
        path: str | None = None,
        **more: int,
    ) -> None:
        """Answer with an error; `index` and `path` name the event of a batch and the JSON path that are wrong.

        `more`: other fields of `HttpError`.
        """
        if self._finished:
            return
        if status < 500:
            self._keep_waiting()
        body: dict[str, Any] = {"error_code": code, "message": message, **more}
        if index is not None:
            body["index"] = index
        if path is not None:
            body["path"] = path
        self.answer(body, status)

    def _keep_waiting(self) -> None:
        """Hold the answer back for a moment where the client was refused often: its next call is read after it."""
        seconds = self.connection_quota.refused(self.request.remote_ip or "", time.monotonic())
        if seconds:
            connection: Any = self.request.connection
            connection.stream.hold(seconds)
            self.context.records.recorder.record_pause()

    def unavailable(self, message: str = "") -> None:
        """Answer 503. Without a message: the store does not answer, or the journal takes no entry now."""
        self.set_header("Retry-After", "2")
        message = message or (NOT_READ if self.request.method in _READS else NOT_STORED)
        self.refuse(503, ErrorCode.SERVICE_UNAVAILABLE, message)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer a failure, or a method that is not served, in the form of every error."""
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.served_methods()))
        if isinstance(kwargs.get("exc_info", (None, None))[1], Unavailable):
            self.unavailable()
            return
        code, message = STANDARD.get(status_code, (ErrorCode.INTERNAL_ERROR, "Something broke here; try again"))
        self.refuse(status_code, code, message)

    def serves(self, method: str) -> bool:
        """Return whether the handler has an answer to a method."""
        return getattr(type(self), method) is not getattr(tornado.web.RequestHandler, method)

    def served_methods(self) -> list[str]:
        """Return the methods that the handler has an answer to."""
        return [method for method in self.SUPPORTED_METHODS if self.serves(method.lower())]

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log a failed request as an error, and a refusal by Tornado itself as information."""
        if isinstance(value, tornado.web.HTTPError):
            _log.info("refused", status=value.status_code, path=self.request.path)
        elif isinstance(value, Unavailable):
            _log.info("refused", status=503, path=self.request.path)
        else:
            _log.error("request failed", path=self.request.path, exc_info=(typ, value, tb))
