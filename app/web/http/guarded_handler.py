"""Checks that every handler makes before it reads a body, and the form of every error answer.

Host and Origin come first (`dossier_realtime.protocol.http.host_policy`); pages of allowed origins may read every
answer, refusals too (`cors`).
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
import tornado.web

from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.host_policy import STRICT_TRANSPORT, DenialSample

from . import cors

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from app.web.handler_context import HandlerContext, Site
    from app.web.transport.body_quota import BodyQuota
    from app.web.transport.connection_quota import ConnectionQuota, Ticket
    from dossier_realtime.protocol.http.host_policy import HeaderDenial

_log = structlog.get_logger("web")
_denials = DenialSample()
_TOO_BIG = "The body is too big; send less at once"


@tornado.web.stream_request_body
class GuardedHandler(tornado.web.RequestHandler):
    """A handler that checks before it reads: a body is read only after its head passed, up to `max_body`."""

    max_body = 65_536  # bytes
    too_big = _TOO_BIG
    opens_socket = False
    is_for_probes = False  # answered also while the process has as many connections as it may have
    caller = ""
    """The user whose token came with the request; "" until it is verified."""

    def initialize(self) -> None:
        """Set the state of one request; behind a trusted proxy, find its client's address."""
        self.body = bytearray()
        peer, headers = self.request.remote_ip or "", self.request.headers
        self.request.remote_ip = self.connection_quota.client(peer, headers.get_list("X-Forwarded-For"))

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

    @property
    def ticket(self) -> Ticket:
        """The ticket of the connection that the request came over."""
        connection: Any = self.request.connection
        ticket: Ticket = connection.stream.ticket
        return ticket

    def prepare(self) -> Awaitable[None] | None:
        """Check place, head and caller before the body is read."""
        self._check_place()
        if not self._finished:
            self._check_head()
        if not self._finished and cors.is_preflight(self.request) and not self.has_body():
            self._answer_preflight(self.served_methods())
        if not self._finished:
            self._check_body()
        if not self._finished and not self.opens_socket:
            return self.check_caller()
        return None

    def check_caller(self) -> Awaitable[None] | None:
        """Check who calls, before the body is read. A handler without a token takes so many calls a second."""
        self.admit_anonymous()
        return None

    def admit_anonymous(self) -> bool:
        """Count a request without a valid token; answer 429 where its address has made too many in this second.

        That ends the connection, so that requests pipelined behind it cost nothing.
        """
        if self.connection_quota.admit_anonymous(self.request.remote_ip or "", time.monotonic()):
            return True
        self.refuse_for_now(429, "Too many requests from this address; retry later")
        return False

    def data_received(self, chunk: bytes) -> None:
        """Take a chunk of the body, as far as bounds and the caller's window allow."""
        if self._finished:
            return
        if len(self.body) + len(chunk) > self.max_body:
            self.set_header("Connection", "close")
            self.refuse(413, ErrorCode.INVALID_MESSAGE_FORMAT, self.too_big)
        elif not self.has_room(len(chunk)):
            return
        elif self._body_quota.take(self.caller, len(chunk)):
            self.body += chunk
        else:
            self.refuse_for_now(503, "Too many bodies are under way; retry soon")

    def has_room(self, size: int) -> bool:
        """Return whether the caller may send `size` bytes more; answer where not."""
        return True

    @property
    def _body_quota(self) -> BodyQuota:
        return self.context.bounds.body_quota

    def on_finish(self) -> None:
        """Release the memory of the body."""
        if self.body:
            self._body_quota.release(self.caller, len(self.body))
            self.body = bytearray()

    def on_connection_close(self) -> None:
        """Release the memory of the body of a client that is gone."""
        if not self._finished:
            GuardedHandler.on_finish(self)

    def _check_place(self) -> None:
        ticket = self.ticket
        if ticket.is_over and not self.opens_socket:
            self.refuse_for_now(429, "Too many connections from this address; retry later")
        elif ticket.is_full and not self.is_for_probes:
            self.refuse_for_now(503, "The service takes no connections now; retry soon")

    def refuse_for_now(self, status: int, message: str) -> None:
        """Answer 429 or 503 with Retry-After, and end the connection."""
        self.set_header("Connection", "close")
        self.set_header("Retry-After", "1" if status == 429 else "5")
        code = ErrorCode.RATE_LIMIT_EXCEEDED if status == 429 else ErrorCode.SERVICE_UNAVAILABLE
        self.refuse(status, code, message)

    def _check_body(self) -> None:
        headers = self.request.headers
        length = headers.get("Content-Length", "0")
        if _LENGTH.fullmatch(length) is None:
            self.set_header("Connection", "close")
            self.refuse(400, *STANDARD[400])
        elif int(length) > self.max_body:
            self.set_header("Connection", "close")
            self.refuse(413, ErrorCode.INVALID_MESSAGE_FORMAT, self.too_big)
        elif self.opens_socket and (int(length) or "Transfer-Encoding" in headers):
            self.set_header("Connection", "close")
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "A handshake has no body; send none")
        elif self.request.method in ("POST", "PUT") and (
            "Content-Encoding" in headers or not _is_json(headers.get("Content-Type", "application/json"))
        ):
            self.refuse(415, *STANDARD[415])

    def has_body(self) -> bool:
        """Return whether the head announces a body."""
        return self.request.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.request.headers

    def _check_head(self) -> None:
        policy, headers = self.site.host_policy, self.request.headers
        if sum(1 for _ in headers.get_all()) > _MAX_HEADERS:
            self.refuse(431, *STANDARD[431])
        elif headers.get("Cookie", "").count(";") >= _MAX_COOKIES:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "Nothing here reads cookies; send none")
        else:
            needs_origin = self.opens_socket and policy.require_origin
            denial = policy.judge(headers.get_list("Host"), headers.get_list("Origin"), needs_origin=needs_origin)
            if denial is not None:
                self._deny(denial)

    def _deny(self, denial: HeaderDenial) -> None:
        """Refuse a foreign Host or Origin; log it with the setting that would allow it."""
        left_out = _denials.take(denial, time.monotonic())
        if left_out is not None:
            address = self.request.remote_ip
            _log.warning(str(denial), sent=denial.sent, setting=denial.setting, address=address, left_out=left_out)
        code = ErrorCode.PERMISSION_DENIED if denial.status == 403 else ErrorCode.INVALID_MESSAGE_FORMAT
        self.refuse(denial.status, code, denial.message)

    def _answer_preflight(self, methods: list[str]) -> None:
        """Answer a CORS preflight: the question of a browser before a page's script may call."""
        if not methods or not self.admit_anonymous():
            return
        self.set_status(204)
        for name, value in cors.preflight_headers(methods).items():
            self.set_header(name, value)
        self.finish()

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
        self, status: int, code: ErrorCode, message: str, *, index: int | None = None, path: str | None = None
    ) -> None:
        """Answer with an error; `index` and `path` name the event of a batch and the JSON path that are wrong."""
        if self._finished:
            return
        if status < 500:
            self._keep_waiting()
        body: dict[str, Any] = {"error_code": code, "message": message}
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

    def unavailable(self) -> None:
        """Answer 503: the store or the journal takes no change now."""
        self.set_header("Retry-After", "2")
        self.refuse(503, ErrorCode.SERVICE_UNAVAILABLE, "Changes cannot be stored now; try again later")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer a failure, or a method that is not served, in the form of every error."""
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.served_methods()))
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
        else:
            _log.error("request failed", path=self.request.path, exc_info=(typ, value, tb))


STANDARD = {
    400: (ErrorCode.INVALID_MESSAGE_FORMAT, "The request cannot be understood; check its form"),
    404: (ErrorCode.NOT_FOUND, "Nothing is served at this path"),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "This method is not served at this path"),
    413: (ErrorCode.INVALID_MESSAGE_FORMAT, _TOO_BIG),
    415: (ErrorCode.INVALID_MESSAGE_FORMAT, "Send application/json, uncompressed"),
    431: (ErrorCode.INVALID_MESSAGE_FORMAT, "Too many headers; send fewer"),
}
_MAX_HEADERS = 100
_MAX_COOKIES = 100
_LENGTH = re.compile(r"[0-9]{1,18}")


def _is_json(content_type: str) -> bool:
    kind, _, rest = content_type.partition(";")
    charset = rest.replace(" ", "").lower()
    return kind.strip().lower() == "application/json" and charset in ("", "charset=utf-8")


class NotFoundHandler(GuardedHandler):
    """Any path that the service does not serve: 404."""

    def prepare(self) -> None:
        """Answer 404, and end the connection."""
        super().prepare()
        self.set_header("Connection", "close")
        self.refuse(404, *STANDARD[404])
