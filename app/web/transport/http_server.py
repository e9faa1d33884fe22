"""An HTTP server that accepts a bounded number of connections in a turn of the loop, and rests while files run out."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

import structlog
import tornado.httpserver
import tornado.iostream

from app.node.sockets.turns import Lane

from .lingering import Lingering

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable

    from app.node.sockets.turns import Turns

    from .connection_quota import ConnectionQuota, Ticket

_log = structlog.get_logger("accept")
_ACCEPTS_PER_TURN = 2
_MAX_UNSENT_BYTES = 1 << 17  # that the kernel takes ahead of the peer: its default is megabytes outside of any bound
_REST_SECONDS = 0.5  # without accepting, after the system refused a connection
_LOG_SECONDS = 60.0  # between two lines of the log about it


class _InTurn:
    """A stream whose requests take turns with all other work of the loop, and whose last answer arrives.

    An answer can be held back: it is sent, and the next request read, when the pause is over.
    """

    turns: Turns
    ticket: Ticket
    lingering: Lingering
    is_lingering = False
    connection_quota: ConnectionQuota
    head_seconds: float
    closed: Callable[[], bool]
    close: Any  # Tornado's, which takes an error or nothing
    error: BaseException | None
    socket: Any

    _pause: asyncio.TimerHandle | None = None
    _held: tuple[Any, asyncio.Future[None]] | None = None

    def hold(self, seconds: float) -> None:
        """Hold back the answer that is written within the next `seconds`."""
        if self._pause is None:
            self._pause = asyncio.get_running_loop().call_later(seconds, self._go_on)

    def write(self, data: bytes | memoryview) -> asyncio.Future[None]:
        """Send bytes, after the pause where there is one."""
        if self._pause is None:
            written: asyncio.Future[None] = super().write(data)  # type: ignore[misc]  # of the stream mixed in
            return written
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._held = (data, sent)
        return sent

    def _go_on(self) -> None:
        self._pause = None
        held, self._held = self._held, None
        if held is None:
            return
        data, sent = held
        writing: asyncio.Future[None] = super().write(data)  # type: ignore[misc]  # likewise
        writing.add_done_callback(lambda done: _pass_on(done, sent))

    def close_fd(self) -> None:
        """Close the socket: at once after an error, otherwise as soon as its client has had the answer."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        held, self._held = self._held, None
        if held is not None:
            held[1].set_exception(tornado.iostream.StreamClosedError())
            held[1].exception()  # retrieved here: asyncio would log it as never retrieved
        sock, ticket = self.socket, self.ticket
        if self.error is None and not ticket.is_upgraded:
            self.is_lingering = self.lingering.take(sock, lambda: self.connection_quota.release(ticket))
        self.socket = None
        if not self.is_lingering:
            sock.close()

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        """Read the head of a request, and wait for its turn."""
        return asyncio.ensure_future(self._read_in_turn(regex, max_bytes))

    async def _read_in_turn(self, regex: bytes, max_bytes: int | None) -> bytes:
        reading: asyncio.Future[bytes] = super().read_until_regex(regex, max_bytes)  # type: ignore[misc]  # mixed in
        try:
            async with asyncio.timeout(self.head_seconds):
                await reading
        except TimeoutError:
            if reading.cancelled():  # otherwise the head came in this same turn, after a standstill
                self.close()
                raise tornado.iostream.StreamClosedError from None
        head = reading.result()
        is_often = self.connection_quota.is_refused_often(self.ticket, time.monotonic())
        await self.turns.wait(lane=Lane.REFUSED if is_often else Lane.NEWCOMERS)
        if self.closed():  # Tornado goes on with what was pipelined behind the last answer
            raise tornado.iostream.StreamClosedError
        return head


def _pass_on(done: asyncio.Future[None], to: asyncio.Future[None]) -> None:
    if to.done():
        return
    wrong = asyncio.CancelledError() if done.cancelled() else done.exception()
    if wrong is None:
        to.set_result(None)
    else:
        to.set_exception(wrong)
        to.exception()  # retrieved here: asyncio would log it as never retrieved


class _PlainStream(_InTurn, tornado.iostream.IOStream):
    pass


class _TlsStream(_InTurn, tornado.iostream.SSLIOStream):
    pass


Stream = _PlainStream | _TlsStream


class LimitedServer(tornado.httpserver.HTTPServer):
    """Tornado's HTTP server with another accept loop: Tornado's own spins and logs while no file can be opened."""

    def initialize(  # type: ignore[override]  # Tornado's way to construct
        self,
        app: Any,
        tls: ssl.SSLContext | None,
        connection_quota: ConnectionQuota,
        turns: Turns,
        head_seconds: float,
        **bounds: Any,
    ) -> None:
        """Take the bounds that Tornado's server knows, and those of this one.

        A whole head has to come within `head_seconds` after the connection was accepted or the answer before it sent.
        """
        super().initialize(app, **bounds)
        # Tornado would count the seconds in which a whole head waits for its turn, as if its client were slow.
        self.conn_params.header_timeout = None
        self._head_seconds = head_seconds
        self._tls = tls
        self._connection_quota = connection_quota
        self._turns = turns
        self._lingering = Lingering(turns)
        self._listening: list[socket.socket] = []
        self._said = float("-inf")
        self.refused = 0
        """The number of connections that the system did not accept."""

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on these listening sockets, until `stop`."""
        for listening in sockets:
            self._listening.append(listening)
            self._watch(listening)

    def stop(self) -> None:
        """Accept no more."""
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            loop.remove_reader(listening.fileno())
            listening.close()
        self._listening.clear()

    async def close_all_connections(self) -> None:
        """Close all connections, without waiting for clients."""
        await super().close_all_connections()
        self._lingering.close()

    def on_close(self, server_conn: object) -> None:
        """Release the ticket of an HTTP connection that is closed; a WebSocket keeps its ticket until it ends."""
        super().on_close(server_conn)
        stream: Stream = server_conn.stream  # type: ignore[attr-defined]  # every one has a stream of ours
        if not (stream.ticket.is_upgraded or stream.is_lingering):
            self._connection_quota.release(stream.ticket)

    def _watch(self, listening: socket.socket) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening.fileno(), self._acceptable, listening)

    def _acceptable(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                connection, address = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as wrong:
                self._rest(listening, wrong)
                return
            self._take_in(connection, address)

    def _rest(self, listening: socket.socket, wrong: OSError) -> None:
        """Stop accepting for a moment: the listening socket stays readable, and the loop would spin on it."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening.fileno())
        loop.call_later(_REST_SECONDS, self._watch, listening)
        self.refused += 1
        now = time.monotonic()
        if now - self._said >= _LOG_SECONDS:
            self._said = now
            _log.error("no connection can be accepted; raise the limit of open files", reason=str(wrong))

    def _take_in(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        ticket = self._connection_quota.acquire(str(address[0]), time.monotonic())
        if ticket is None:
            connection.close()
            return
        bounds = {"max_buffer_size": self.max_buffer_size, "read_chunk_size": self.read_chunk_size}
        stream: Stream
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MAX_UNSENT_BYTES)
            if self._tls is None:
                stream = _PlainStream(connection, **bounds)
            else:
                wrapped = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                stream = _TlsStream(wrapped, **bounds)
        except OSError:  # gone already
            connection.close()
            self._connection_quota.release(ticket)
            return
        stream.ticket, stream.turns, stream.head_seconds = ticket, self._turns, self._head_seconds
        stream.lingering, stream.connection_quota = self._lingering, self._connection_quota
        self.handle_stream(stream, address)
