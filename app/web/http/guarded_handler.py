"""Checks that every handler makes before it reads a body: place, head, caller, body.

Host and Origin come first (`dossier_realtime.protocol.http.host_policy`).
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
import tornado.web

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.host_policy import DenialSample

from . import cors
from .answering_handler import STANDARD, TOO_BIG, AnsweringHandler

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from app.web.transport.body_quota import BodyQuota
    from app.web.transport.connection_quota import Ticket
    from dossier_realtime.protocol.http.host_policy import HeaderDenial

T = TypeVar("T")

_log = structlog.get_logger("web")
_denials = DenialSample()
_MAX_HEADERS = 100
_MAX_COOKIES = 100
_LENGTH = re.compile(r"[0-9]{1,18}")


@tornado.web.stream_request_body
class GuardedHandler(AnsweringHandler):
    """A handler that checks before it reads: a body is read only after its head passed, up to `max_body`."""

    max_body = 65_536  # bytes
    too_big = TOO_BIG
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

    def read_body(self, form: type[T]) -> T | None:
        """Return the body as a Struct; answer 400 where it does not fit."""
        try:
            return codec.decode_body(bytes(self.body) or b"{}", form)
        except codec.InvalidMessage as wrong:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, wrong.reason, path=wrong.path)
            return None

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
