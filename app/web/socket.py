"""The door for WebSockets: Tornado serves the handshake and its checks, then the socket is read and written here.

The parser is fed with whatever the kernel has; messages are handed to the connection one after the other, and while
one of them takes time the socket is simply not read: TCP holds the peer back.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING

import tornado.iostream

from app.node.connection import Connection
from app.node.frames import Close, FrameParser, Incoming, Ping, Pong, Text, Violation, accept_key, pong_frame
from dossier_realtime.protocol.errors import CloseCode, ErrorCode

from .guard import Guarded

if TYPE_CHECKING:
    from app.node.node import Node

    from .addresses import Addresses

_BUFFER = memoryview(bytearray(1 << 16))  # one for all sockets: a read is parsed before the next begins
_UNSENT = 1 << 17  # bytes the kernel takes ahead of the peer: without it megabytes, which no outbox would count
_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)
_BUSY = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class SocketDoor(Guarded):
    """`GET /v1`."""

    opens_socket = True

    async def get(self) -> None:
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
        node: Node = self.settings["node"]
        address = self.request.remote_ip or ""
        stream = self.detach()
        try:
            await stream.write(_SWITCHING % accept.encode())
            Wire(stream, node, address, self.settings["addresses"])
        except tornado.iostream.StreamClosedError:
            self.settings["addresses"].left(address)

    def admit(self) -> bool:
        """Whether there is room for another connection; answers where there is not."""
        node: Node = self.settings["node"]
        if node.draining or not node.ready():
            self.set_header("Retry-After", "5")
            self.refuse(503, ErrorCode.SERVICE_UNAVAILABLE, "The service takes no connections now; retry soon")
            return False
        if not self.settings["addresses"].entered(self.request.remote_ip or "", node.clock().steady):
            self.set_header("Retry-After", "1")
            self.refuse(429, ErrorCode.RATE_LIMIT_EXCEEDED, "Too many connections from this address; retry later")
            return False
        return True


class Wire:
    """One socket, from the 101 to its end."""

    __slots__ = (
        "_address",
        "_addresses",
        "_backlog",
        "_connection",
        "_node",
        "_parser",
        "_reading",
        "_sock",
        "_stream",
        "_tls",
        "_work",
    )

    def __init__(self, stream: tornado.iostream.IOStream, node: Node, address: str, addresses: Addresses) -> None:
        if stream.closed():
            raise tornado.iostream.StreamClosedError
        self._stream = stream
        self._node = node
        self._address = address
        self._addresses = addresses
        sock: socket.socket = stream.socket
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock: socket.socket | None = sock
        self._tls = isinstance(sock, ssl.SSLSocket)
        self._parser = FrameParser(node.limits.max_message)
        self._backlog: deque[Incoming] = deque()
        self._reading = False
        self._work: asyncio.Task[None] | None = None
        # What came in the same packet as the handshake is in Tornado's buffer; after it, the socket is ours alone.
        early = stream.read_bytes(1 << 17, partial=True)
        if stream.closed():  # looking for more, it found the peer gone
            raise tornado.iostream.StreamClosedError
        stream.io_loop.remove_handler(sock)
        stream.set_nodelay(True)  # a tick's frames leave together as it is; none waits for the peer's TCP
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        self._connection = Connection(node, sock, address, self.hang_up)
        node.began(self._connection)
        if isinstance(early, asyncio.Future) and early.done():
            self._take(early.result())
        if self._work is None:
            self._read()

    def hang_up(self) -> None:
        """Close the socket; safe to call again."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        self._pause_on(sock)
        self._backlog.clear()
        self._connection.outbox.abandon()
        self._stream.close()
        self._node.gone(self._connection)
        self._addresses.left(self._address)

    def _read(self) -> None:
        if self._sock is not None and not self._reading:
            self._reading = True
            self._node.loop.add_reader(self._sock.fileno(), self._readable)
            if self._tls:
                self._node.loop.call_soon(self._readable)  # TLS may hold bytes that the kernel no longer shows

    def _pause_on(self, sock: socket.socket) -> None:
        if self._reading:
            self._reading = False
            self._node.loop.remove_reader(sock.fileno())

    def _readable(self) -> None:
        while self._sock is not None and self._reading:
            try:
                count = self._sock.recv_into(_BUFFER)
            except _BUSY:
                return
            except OSError:
                self._lost()
                return
            if count == 0:
                self._lost()
                return
            self._take(_BUFFER[:count])
            if not self._tls:
                return  # the loop's turn; it comes back if there is more

    def _lost(self) -> None:
        self._connection.wire_lost()
        self.hang_up()

    def _take(self, data: bytes | memoryview) -> None:
        items = self._parser.feed(data)
        if items:
            self._connection.mid_frame(False)
        self._connection.mid_frame(self._parser.mid_frame)
        self._backlog.extend(items)
        self._work_off()

    def _handle(self, item: Incoming) -> None:
        connection = self._connection
        if connection.closing is not None:
            if isinstance(item, Close):
                connection.peer_closed(item.code, item.reason)
            return
        match item:
            case Text(payload):
                work = connection.received(payload)
                if work is not None:
                    self._work = work
                    if self._sock is not None:
                        self._pause_on(self._sock)
                    work.add_done_callback(self._worked)
            case Ping(payload):
                connection.control_frame(pong_frame(payload))
            case Pong():
                connection.control_frame(None)
            case Close(code, reason):
                connection.peer_closed(code, reason)
            case Violation(code, reason):
                connection.violated(CloseCode(code), reason)

    def _worked(self, _: asyncio.Task[None]) -> None:
        self._work = None
        self._work_off()
        if self._work is None:
            self._read()

    def _work_off(self) -> None:
        while self._backlog and self._work is None:
            self._handle(self._backlog.popleft())
