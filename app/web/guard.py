"""What every door checks first: the Host, the Origin; and how it says no.

Tornado skips its own Origin check when Origin equals Host, which a rebound name makes true: so the check is ours and
comes before anything else (docs/protocol.md#hosts-and-origins).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
import tornado.web

from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.host_header import is_allowed_host

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection

    from dossier_realtime.protocol.host_header import HostHeader

    from .addresses import Addresses, Ticket
    from .bodies import Bodies

_log = structlog.get_logger("web")


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Callers who may knock. Hosts without a port match any port; origins match exactly (scheme, host, port).

    `strict_transport`: browsers are told to come over TLS only from now on (RFC 6797).
    """

    hosts: Collection[HostHeader]
    origins: Collection[str]
    require_origin: bool = False
    strict_transport: bool = False

    def host_ok(self, host: str) -> bool:
        """Whether the Host header names this service."""
        return is_allowed_host(host, self.hosts)

    def origin_ok(self, origins: list[str], *, socket: bool) -> bool:
        """Whether the Origin headers may use this service; to have one can be asked of sockets alone."""
        if not origins:
            return not (socket and self.require_origin)
        return len(origins) == 1 and origins[0].lower() in self.origins


@tornado.web.stream_request_body
class Guarded(tornado.web.RequestHandler):
    """A door with its guard. A body is read only after the head was found good, and only up to its bound."""

    max_body = 65_536  # bytes
    opens_socket = False
    is_for_probes = False  # answered where the process has its fill of connections, too
    caller = ""
    """The user whose token came with the request; none until it was verified."""

    def initialize(self) -> None:
        self.body = bytearray()
        peer, headers = self.request.remote_ip or "", self.request.headers
        self.request.remote_ip = self.addresses.client(peer, headers.get_list("X-Forwarded-For"))

    @property
    def addresses(self) -> Addresses:
        """The bounds of addresses."""
        addresses: Addresses = self.settings["addresses"]
        return addresses

    @property
    def ticket(self) -> Ticket:
        """The place of the connection that the request came over."""
        connection: Any = self.request.connection
        ticket: Ticket = connection.stream.ticket
        return ticket

    def prepare(self) -> Awaitable[None] | None:
        self._check_place()
        if not self._finished:
            self._check_head()
        if not self._finished:
            self._check_body()
        if not self._finished and not self.opens_socket:
            return self.check_caller()
        return None

    def check_caller(self) -> Awaitable[None] | None:
        """Check who calls, before the body is read. Doors without a token are open to so many calls a second."""
        self.counted_as_stranger()
        return None

    def counted_as_stranger(self) -> bool:
        """Count a request by nobody known; answers 429 where its address has made too many, and ends the connection,
        so that what is pipelined behind it costs nothing."""
        if self.addresses.stranger(self.request.remote_ip or "", time.monotonic()):
            return True
        self.busy(429, "Too many requests from this address; retry later")
        return False

    def data_received(self, chunk: bytes) -> None:
        if self._finished:
            return
        if len(self.body) + len(chunk) > self.max_body:
            self.set_header("Connection", "close")
            self.refuse(413, *STANDARD[413])
        elif not self.has_room(len(chunk)):
            return
        elif self._bodies.take(self.caller, len(chunk)):
            self.body += chunk
        else:
            self.busy(503, "Too many bodies are under way; retry soon")

    def has_room(self, size: int) -> bool:
        """Return whether the caller may send so many bytes more; answers where not."""
        return True

    @property
    def _bodies(self) -> Bodies:
        bodies: Bodies = self.settings["bodies"]
        return bodies

    def on_finish(self) -> None:
        """Let go of the body."""
        if self.body:
            self._bodies.release(self.caller, len(self.body))
            self.body = bytearray()

    def on_connection_close(self) -> None:
        """The client is gone: so is its body."""
        if not self._finished:
            Guarded.on_finish(self)

    def _check_place(self) -> None:
        ticket = self.ticket
        if ticket.is_over and not self.opens_socket:
            self.busy(429, "Too many connections from this address; retry later")
        elif ticket.is_full and not self.is_for_probes:
            self.busy(503, "The service takes no connections now; retry soon")

    def busy(self, status: int, message: str) -> None:
        """Refuse for now, and end the connection."""
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
            self.refuse(413, *STANDARD[413])
        elif self.opens_socket and (int(length) or "Transfer-Encoding" in headers):
            self.set_header("Connection", "close")
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "A handshake has no body; send none")
        elif self.request.method in ("POST", "PUT") and (
            "Content-Encoding" in headers or not _is_json(headers.get("Content-Type", "application/json"))
        ):
            self.refuse(415, *STANDARD[415])

    def has_body(self) -> bool:
        """Return whether a body comes behind the head."""
        return self.request.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.request.headers

    def _check_head(self) -> None:
        keeper: Doorkeeper = self.settings["doorkeeper"]
        headers = self.request.headers
        hosts = headers.get_list("Host")
        if sum(1 for _ in headers.get_all()) > _MAX_HEADERS:
            self.refuse(431, *STANDARD[431])
        elif headers.get("Cookie", "").count(";") >= _MAX_COOKIES:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "Nothing here reads cookies; send none")
        elif len(hosts) != 1:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "A request has one Host header")
        elif not keeper.host_ok(hosts[0]):
            self.refuse(421, ErrorCode.INVALID_MESSAGE_FORMAT, "This service is not called so; check the address")
        elif not keeper.origin_ok(headers.get_list("Origin"), socket=self.opens_socket):
            self.refuse(403, ErrorCode.PERMISSION_DENIED, "This origin is not allowed here")

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        if self.settings["doorkeeper"].strict_transport:
            self.set_header("Strict-Transport-Security", f"max-age={_STRICT_SECONDS}")

    def answer(self, body: Any, status: int = 200) -> None:
        """A JSON body."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(msgspec.json.encode(body))

    def refuse(
        self, status: int, code: ErrorCode, message: str, *, index: int | None = None, path: str | None = None
    ) -> None:
        """The error body that every refusal has."""
        if self._finished:
            return
        body: dict[str, Any] = {"error_code": code, "message": message}
        if index is not None:
            body["index"] = index
        if path is not None:
            body["path"] = path
        self.answer(body, status)

    def unavailable(self) -> None:
        """The store or the journal takes no change now."""
        self.set_header("Retry-After", "2")
        self.refuse(503, ErrorCode.SERVICE_UNAVAILABLE, "Changes cannot be stored now; try again later")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if status_code == 405:
            self.set_header("Allow", ", ".join(m for m in self.SUPPORTED_METHODS if self.serves(m.lower())))
        code, message = STANDARD.get(status_code, (ErrorCode.INTERNAL_ERROR, "Something broke here; try again"))
        self.refuse(status_code, code, message)

    def serves(self, method: str) -> bool:
        """Return whether the door has an answer to a method."""
        return getattr(type(self), method) is not getattr(tornado.web.RequestHandler, method)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if isinstance(value, tornado.web.HTTPError):
            _log.info("refused", status=value.status_code, path=self.request.path)
        else:
            _log.error("request failed", path=self.request.path, exc_info=(typ, value, tb))


STANDARD = {
    400: (ErrorCode.INVALID_MESSAGE_FORMAT, "The request cannot be understood; check its form"),
    404: (ErrorCode.NOT_FOUND, "Nothing is served at this path"),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "This method is not served at this path"),
    413: (ErrorCode.INVALID_MESSAGE_FORMAT, "The body is too big; send less at once"),
    415: (ErrorCode.INVALID_MESSAGE_FORMAT, "Send application/json, uncompressed"),
    431: (ErrorCode.INVALID_MESSAGE_FORMAT, "Too many headers; send fewer"),
}
_STRICT_SECONDS = 365 * 86_400
_MAX_HEADERS = 100
_MAX_COOKIES = 100
_LENGTH = re.compile(r"[0-9]{1,18}")


def _is_json(content_type: str) -> bool:
    kind, _, rest = content_type.partition(";")
    charset = rest.replace(" ", "").lower()
    return kind.strip().lower() == "application/json" and charset in ("", "charset=utf-8")


class NotServed(Guarded):
    """Every path that is none of ours."""

    def prepare(self) -> None:
        super().prepare()
        self.set_header("Connection", "close")
        self.refuse(404, *STANDARD[404])
