"""TCP connections of the loopback, made and taken: none stays open after the one who asked for it gave up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def dialled(port: int, *, host: str = "127.0.0.1", receive_buffer: int = 0) -> socket.socket:
    """Return a connected socket that does not block.

    `receive_buffer`: bytes that the kernel keeps for a reader who does not read. It is set before the socket connects,
    or TCP has agreed on more. A cancelled caller leaves no socket to the garbage collector.

    Raises:
        OSError: nobody listens there.
    """
    sock = socket.socket()
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
    except BaseException:
        sock.close()
        raise
    return sock


@asynccontextmanager
async def serving(handle: Handler, *, backlog: int = 100) -> AsyncIterator[int]:
    """Handle each connection by `handle`, and yield the port. A connection is closed when its handler ends.

    Handlers that still run at the end are cancelled and waited for.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handle(reader, writer)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(handled(reader, writer))  # asyncio 3.11 logs an error for its own, if cancelled
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also where it was cancelled before it began

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=backlog)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        running = list(tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()
