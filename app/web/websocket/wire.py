"""The socket of a WebSocket connection, from the 101 to its end.

The parser is fed with the bytes that the kernel has; messages are handed to the connection one after the other. While
one of them takes time, the socket is not read, and TCP holds the peer back; so it is for a moment when the peer was
refused often. Each read and each message is a unit of the work that one turn of the loop does for all connections
(`app.node.sockets.turns`), so no connection keeps another waiting.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING

import tornado.iostream

from app.node.connections.connection import Connection
from app.node.sockets.frames import (
    CloseFrame,
    FrameParser,
    Incoming,
    PingFrame,
    PongFrame,
    Text,
    Violation,
    pong_frame,
)
from app.node.sockets.turns import Lane
from dossier_realtime.protocol.errors import CloseCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.node.node import Node

_BUFFER = memoryview(bytearray(1 << 14))  # one for all sockets: a read is parsed before the next begins
_RETRY_AFTER_SECONDS = 5
_FEW_MESSAGES = 4  # of one read; a peer that sends more at once yields to others
_BUSY = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class SocketServer:
    """The entrance to a node: the handshake asks whether there is room, and hands the socket over."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def accepts(self) -> bool:
        """Return whether another connection may come now."""
        return not self._node.draining and self._node.ready()

    @property
    def retry_after(self) -> int:
        """The seconds after which one that is not accepted may come again: at once where another node takes it."""
        return 0 if self._node.draining and self._node.is_taken_over else _RETRY_AFTER_SECONDS

    def open(self, stream: tornado.iostream.IOStream, address: str, release: Callable[[], None]) -> None:
        """Speak WebSocket over a stream whose handshake was answered; `release` is called when its socket is closed.

        Raises StreamClosedError where the peer is gone already.
        """
        Wire(stream, self._node, address, release)


class Wire:
    """One socket, from the 101 to its end."""

    __slots__ = (
        "_backlog",
        "_bulk",
        "_connection",
        "_node",
        "_parser",
        "_pause",
        "_queued",
        "_reading",
        "_release",
        "_sock",
        "_stream",
        "_tls",
        "_work",
    )

    def __init__(
        self, stream: tornado.iostream.IOStream, node: Node, address: str, release: Callable[[], None]
    ) -> None:
        if stream.closed():
            raise tornado.iostream.StreamClosedError
        self._stream = stream
        self._node = node
        self._release = release
        sock: socket.socket = stream.socket
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock: socket.socket | None = sock
        self._tls = isinstance(sock, ssl.SSLSocket)
        self._parser = FrameParser(node.limits.max_message)
        self._backlog: deque[Incoming] = deque()
        self._bulk = False  # whether the peer sends so much at once that it yields to others
        self._reading = False
        self._queued = False  # waits for a turn of the loop, in which it handles or reads something
        self._work: asyncio.Task[None] | None = None
        self._pause: asyncio.TimerHandle | None = None  # until then nothing is read or handled
        # What came in the same packet as the handshake is in Tornado's buffer; after it, the socket is ours alone.
        early = stream.read_bytes(1 << 17, partial=True)
        if stream.closed():  # looking for more, it found the peer gone
            raise tornado.iostream.StreamClosedError
        stream.io_loop.remove_handler(sock)
        stream.set_nodelay(True)  # a tick's frames leave together as it is; none waits for the peer's TCP
        self._connection = Connection(node, sock, address, self.hang_up)
        node.began(self._connection)
        if isinstance(early, asyncio.Future) and early.done():
            self._take(early.result())
        self._read()

    def hang_up(self) -> None:
        """Close the socket; safe to call again."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        self._pause_on(sock)
        if self._pause is not None:
            self._pause.cancel()
        self._backlog.clear()
        self._connection.outbox.abandon()
        self._stream.close()
        self._node.gone(self._connection)
        self._connection.let_go()
        self._release()

    @property
    def _is_held(self) -> bool:
        """Return whether the next read waits for a turn, a message at work, or a pause."""
        return self._queued or self._work is not None or self._pause is not None

    def _read(self) -> None:
        if self._sock is not None and not self._reading and not self._is_held:
            self._reading = True
            self._node.loop.add_reader(self._sock.fileno(), self._readable)
            if self._tls:
                self._node.loop.call_soon(self._readable)  # TLS may hold bytes that the kernel does not report

    def _pause_on(self, sock: socket.socket) -> None:
        if self._reading:
            self._reading = False
            self._node.loop.remove_reader(sock.fileno())

    @property
    def _lane(self) -> Lane:
        return max(self._connection.lane, Lane.BULK if self._bulk else Lane.SESSIONS)

    def _readable(self) -> None:
        if self._sock is None or not self._reading:
            return
        if self._node.turns.admit(self._lane):
            self._read_some()
        else:
            self._queue()

    def _read_some(self) -> None:
        """Read once, at most what the buffer holds, and handle what came."""
        if self._sock is None:
            return
        try:
            count = self._sock.recv_into(_BUFFER)
        except _BUSY:
            return
        except OSError:
            count = 0
        if count == 0:
            self._lost()
            return
        self._bulk = count == len(_BUFFER) or (self._bulk and self._parser.mid_frame)
        self._take(_BUFFER[:count])
        if self._reading and isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            self._node.loop.call_soon(self._readable)  # decrypted already: the kernel does not report it

    def _queue(self) -> None:
        """Wait for another turn of the loop; until then nothing is read."""
        self._queued = True
        if self._sock is not None:
            self._pause_on(self._sock)
        self._node.turns.later(self._continue, self._lane)

    def _continue(self) -> bool:
        """Do one unit of work; return True where another waits."""
        self._queued = False
        if self._work is None:
            if self._backlog:
                self._handle(self._backlog.popleft())
                self._rest()
            else:
                self._read_some()
        if self._is_held:  # it rests, or what it read was more than this turn has room for
            return False
        if self._backlog:
            self._queue()  # perhaps in another lane than before
        else:
            self._read()
        return False

    def _rest(self) -> None:
        """Begin the pause that is due after too many refusals: TCP holds the peer back meanwhile."""
        seconds = self._connection.take_pause() if self._pause is None else 0.0
        if seconds and self._sock is not None:
            self._pause_on(self._sock)
            self._node.recorder.record_pause()
            self._pause = self._node.loop.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._pause = None
        if self._sock is not None and not self._is_held:
            self._queue()

    def _lost(self) -> None:
        self._connection.wire_lost()
        self.hang_up()

    def _take(self, data: bytes | memoryview) -> None:
        items = self._parser.feed(data)
        if items:
            self._connection.mid_frame(False)
        self._connection.mid_frame(self._parser.mid_frame)
        self._backlog.extend(items)
        self._bulk = self._bulk or len(items) > _FEW_MESSAGES
        self._work_off()

    def _handle(self, item: Incoming) -> None:
        connection = self._connection
        if connection.closing is not None:
            if isinstance(item, CloseFrame):
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
            case PingFrame(payload):
                connection.control_frame(pong_frame(payload))
            case PongFrame():
                connection.control_frame(None)
            case CloseFrame(code, reason):
                connection.peer_closed(code, reason)
            case Violation(code, reason):
                connection.violated(CloseCode(code), reason)

    def _worked(self, _: asyncio.Task[None]) -> None:
        self._work = None
        self._rest()
        self._work_off()
        self._read()

    def _work_off(self) -> None:
        while self._backlog and not self._is_held:
            if not self._node.turns.admit(self._lane):
                self._queue()
                return
            self._handle(self._backlog.popleft())
            self._rest()
