"""A balancer before several nodes: HAProxy as deploy/ sets it up, or where it is not installed one of our own."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Protocol, Self

import httpx

from tests.harness.connections.dialling import serving
from tests.harness.eventually import eventually_async
from tests.harness.ports import reserve
from tests.harness.service import ROOT, Service

_CHECK_SECONDS = 1.0
_CHECK_TIMEOUT_SECONDS = 5.0  # after so long a node that stands still is taken out
_CHUNK = 1 << 16
_ABSENT = (httpx.HTTPError, OSError)


class Balancing(Protocol):
    """A balancer that runs within `async with`; `url` is its address for WebSocket clients."""

    @property
    def url(self) -> str: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...


def balancer(nodes: Sequence[Service], folder: Path) -> Balancing:
    """Return a balancer before nodes that run."""
    return HaProxy(nodes, folder) if shutil.which("haproxy") else Balancer(nodes)


class HaProxy:
    """HAProxy with the configuration of deploy/compose, but for its certificate and its ports."""

    def __init__(self, nodes: Sequence[Service], folder: Path) -> None:
        self.port = reserve()
        servers = (f"    server {one.settings['node.id']} 127.0.0.1:{one.port}" for one in nodes)
        text = (ROOT / "deploy" / "compose" / "haproxy.cfg").read_text()
        text = re.sub(r"bind :8443 .*", f"bind 127.0.0.1:{self.port}", text)
        text = re.sub(r"^    server node-1 .*(\n    server .*)*", "\n".join(servers), text, flags=re.MULTILINE)
        text = re.sub(r"maxconn \d+", "maxconn 2000", text.replace("ssl-default-bind", "# ssl-default-bind"))
        self._file = folder / "haproxy.cfg"
        self._file.write_text(text)

    @property
    def url(self) -> str:
        """The address for WebSocket clients."""
        return f"ws://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        with self._file.with_suffix(".log").open("wb") as log:
            command = ["haproxy", "-db", "-f", str(self._file)]
            self._process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        await eventually_async(self._listens, self._file.with_suffix(".log").read_text)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.terminate()
        await self._process.wait()

    async def _listens(self) -> bool:
        assert self._process.returncode is None, self._file.with_suffix(".log").read_text()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


class Balancer:
    """Forwards each connection to the next node that was ready when it was asked last, once a second.

    `port` is its own.
    """

    def __init__(self, nodes: Sequence[Service]) -> None:
        self._nodes, self._next = nodes, count()
        self._ready = list(nodes)
        self._serving = serving(self._serve, backlog=1024)
        self.port = 0

    async def __aenter__(self) -> Self:
        self.port = await self._serving.__aenter__()
        self._checking = asyncio.create_task(self._check())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._checking.cancel()
        await asyncio.gather(self._checking, return_exceptions=True)
        await self._serving.__aexit__(None, None, None)

    @property
    def url(self) -> str:
        """The address for WebSocket clients."""
        return f"ws://127.0.0.1:{self.port}/v1"

    async def _check(self) -> None:
        headers = {"Host": "localhost"}
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=_CHECK_TIMEOUT_SECONDS) as client:
            while True:
                for node in self._nodes:
                    with suppress(*_ABSENT):
                        answer = await client.get(f"{node.http}/readyz")
                        if answer.status_code == 200:
                            if node not in self._ready:
                                self._ready.append(node)
                            continue
                    if node in self._ready:
                        self._ready.remove(node)
                await asyncio.sleep(_CHECK_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turns = list(self._ready) or self._nodes
        try:
            there, back = await asyncio.open_connection("127.0.0.1", turns[next(self._next) % len(turns)].port)
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_forward(reader, back), _forward(there, writer))
        finally:
            back.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        writer.close()
