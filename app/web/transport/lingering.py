"""Lingering close: a connection is half-closed, then read and dropped for a while, so that its answer arrives.

A socket that is closed while its client still sends is reset, and the reset destroys the answer that was under way
(RFC 9112, section 9.6).
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.node.sockets.turns import Lane

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.node.sockets.turns import Turns

MAX_SOCKETS = 256  # at once; more are closed at once
MAX_BYTES = 16 << 20  # that one client may still send
MAX_SECONDS = 5.0
_CHUNK = 1 << 16


@dataclass(slots=True, eq=False)
class _Ending:
    sock: socket.socket
    closed: Callable[[], None]
    left: int = MAX_BYTES
    timer: asyncio.TimerHandle | None = None


class Lingering:
    """The connections that were answered for the last time, and whose clients have not closed yet."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._endings: dict[int, _Ending] = {}
        self._dropped = bytearray(_CHUNK)  # bytes that are dropped

    def __len__(self) -> int:
        return len(self._endings)

    def take(self, sock: socket.socket, closed: Callable[[], None]) -> bool:
        """Take over a non-blocking socket until its client closes or a bound is reached; then close it, call `closed`.

        Return False, and leave the socket alone, where the client is gone or there is no room.
        """
        if len(self._endings) >= MAX_SOCKETS:
            return False
        try:
            sock.shutdown(socket.SHUT_WR)  # of a TLS socket too: from here on it yields what comes undecrypted
        except OSError:
            return False
        loop, number = asyncio.get_running_loop(), sock.fileno()
        ending = self._endings[number] = _Ending(sock, closed)
        loop.add_reader(number, self._readable, number)
        ending.timer = loop.call_later(MAX_SECONDS, self._end, number)
        return True

    def close(self) -> None:
        """Close all of them now."""
        for number in list(self._endings):
            self._end(number)

    def _readable(self, number: int) -> None:
        ending = self._endings[number]
        if self._turns.admit(Lane.NEWCOMERS):
            self._drop(number, ending)
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(number)  # else the loop, which finds it readable, does not rest until its turn has come

        def step() -> bool:
            if self._endings.get(number) is ending:
                loop.add_reader(number, self._readable, number)
                self._drop(number, ending)
            return False

        self._turns.later(step, Lane.NEWCOMERS)

    def _drop(self, number: int, ending: _Ending) -> None:
        try:
            count = ending.sock.recv_into(self._dropped)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            count = 0
        ending.left -= count
        if count == 0 or ending.left <= 0:
            self._end(number)

    def _end(self, number: int) -> None:
        ending = self._endings.pop(number)
        if ending.timer is not None:
            ending.timer.cancel()
        asyncio.get_running_loop().remove_reader(number)
        ending.sock.close()
        ending.closed()
