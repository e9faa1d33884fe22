"""A proxy between nodes and Redis that loses hints of events, and nothing else of what Redis says."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Self

from tests.harness.connections.dialling import serving
from tests.harness.wire import Reachable

_HINTS = (b"*3\r\n$7\r\nmessage\r\n", b"*3\r\n$8\r\nsmessage\r\n")
_HINT_OF_EVENTS = b"}:hint:"
_LINES = b"+-:"


class HintProxy:
    """Forwards to `to`. `loss`: the share of hints that do not arrive, chosen by chance; `lost` counts them."""

    def __init__(self, to: Reachable, loss: float) -> None:
        self.loss, self.lost, self.passed = loss, 0, 0
        self.port = 0
        self._to, self._dice = to, random.Random(7)  # noqa: S311  the same dice each run, no secret
        self._serving = serving(self._serve)

    async def __aenter__(self) -> Self:
        self.port = await self._serving.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._serving.__aexit__(None, None, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to.port)
        except OSError:
            return
        try:
            await asyncio.gather(_forward(reader, far_writer), self._answer(far_reader, writer))
        finally:
            far_writer.close()

    async def _answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        kept = b""
        with suppress(OSError):
            while data := await source.read(1 << 16):
                kept += data
                passed, at = [], 0
                while (end := end_of_reply(kept, at)) is not None:
                    if not self._is_lost(kept[at:end]):
                        passed.append(kept[at:end])
                    at = end
                kept = kept[at:]
                sink.write(b"".join(passed))
                await sink.drain()
            sink.write_eof()

    def _is_lost(self, reply: bytes) -> bool:
        if not reply.startswith(_HINTS) or _HINT_OF_EVENTS not in reply[:300]:
            return False
        is_lost = self._dice.random() < self.loss
        self.lost += is_lost
        self.passed += not is_lost
        return is_lost


def end_of_reply(data: bytes, at: int = 0) -> int | None:
    """Return where the reply that begins at `at` ends; None where it is not complete. RESP2."""
    line = data.find(b"\r\n", at)
    if line < 0:
        return None
    kind, rest, end = data[at : at + 1], data[at + 1 : line], line + 2
    if kind in _LINES:
        return end
    size = int(rest)
    if kind == b"$":
        end += 0 if size < 0 else size + 2
        return end if end <= len(data) else None
    assert kind == b"*", f"a reply begins with {kind!r}"
    for _ in range(size):
        inner = end_of_reply(data, end)
        if inner is None:
            return None
        end = inner
    return end


async def _forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
