"""The WebSocket handshake (RFC 6455): Tornado serves it and its checks, then `wire` reads and writes the socket."""

from __future__ import annotations

import tornado.iostream

from app.node.sockets.frames import accept_key
from app.web.http.guarded_handler import GuardedHandler
from dossier_realtime.protocol.errors import ErrorCode

_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)


class SocketHandler(GuardedHandler):
    """`GET /v1`: the handshake of a WebSocket."""

    opens_socket = True

    async def get(self) -> None:
        """Answer 101 and hand the socket over, or refuse the handshake."""
        headers = self.request.headers
        if headers.get("Upgrade", "").lower() != "websocket":
            self.set_header("Upgrade", "websocket")
            self.set_header("Connection", "Upgrade")
            self.refuse(426, ErrorCode.INVALID_MESSAGE_FORMAT, "This address speaks WebSocket; connect with ws")
            return
        tokens = {part.strip().lower() for part in headers.get("Connection", "").split(",")}
        accept = accept_key(headers.get("Sec-WebSocket-Key", ""))
        version = (self.request.version, *headers.get_list("Sec-WebSocket-Version"))
        if "upgrade" not in tokens or accept is None or version != ("HTTP/1.1", "13"):
            self.set_header("Sec-WebSocket-Version", "13")
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "This is no WebSocket handshake of RFC 6455")
            return
        if not self.admit():
            return
        ticket, release = self.ticket, self.connection_quota.release
        ticket.is_upgraded = True
        stream = self.detach()
        try:
            await stream.write(_SWITCHING % accept.encode())
            self.context.sockets.open(stream, self.request.remote_ip or "", lambda: release(ticket))
        except tornado.iostream.StreamClosedError:
            release(ticket)

    def admit(self) -> bool:
        """Return whether there is room for another connection; answer where there is not."""
        if not self.context.sockets.accepts():
            self.set_header("Retry-After", str(self.context.sockets.retry_after))
            self.refuse(503, ErrorCode.SERVICE_UNAVAILABLE, "The service takes no connections now; retry soon")
            return False
        steady = self.context.access.clock().steady
        if not self.connection_quota.admit_handshake(self.ticket, self.request.remote_ip or "", steady):
            self.refuse_for_now(429, "Too many connections from this address; retry later")
            return False
        return True
