"""A sentinel that says what a test has told it to say."""

from __future__ import annotations

import asyncio

from tests.harness.eventually import HANG_SECONDS

Named = tuple[tuple[str, int], int, int]


class ToldSentinel:
    """A server that answers as a sentinel does. `master`: address, epoch and number of sentinels; None says none.

    `odd`: its reply about the master instead. `after`: it answers once that one has answered as often.
    """

    def __init__(self) -> None:
        self.master: Named | None = None
        self.odd: object = None
        self.after: ToldSentinel | None = None
        self._answered = 0
        self._has_answered = asyncio.Condition()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(size + 2))[:-2].decode().upper())
                await self._answer(words, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, words: list[str], writer: asyncio.StreamWriter) -> None:
        if words[0] != "SENTINEL":
            writer.write(b"+OK\r\n")
        elif words[1] == "MASTER":
            writer.write(_encoded(self._told() if self.odd is None else self.odd))
            await writer.drain()
            async with self._has_answered:
                self._answered += 1
                self._has_answered.notify_all()
        else:
            if self.after is not None:
                await self.after.has_answered(self._answered + 1)
            writer.write(_encoded(None if self.master is None else self.master[0]))
        await writer.drain()

    async def has_answered(self, times: int) -> None:
        """Return when it has answered so often."""
        async with asyncio.timeout(HANG_SECONDS), self._has_answered:
            await self._has_answered.wait_for(lambda: self._answered >= times)

    def _told(self) -> list[object]:
        if self.master is None:
            return []
        (host, port), epoch, sentinels = self.master
        fields = {"ip": host, "port": port, "flags": "master", "config-epoch": epoch}
        return [part for pair in (fields | {"num-other-sentinels": sentinels - 1}).items() for part in pair]


def _encoded(reply: object) -> bytes:
    if reply is None:
        return b"*-1\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, (list, tuple)):
        return b"*%d\r\n" % len(reply) + b"".join(_encoded(str(part)) for part in reply)
    text = str(reply).encode()
    return b"$%d\r\n%s\r\n" % (len(text), text)
