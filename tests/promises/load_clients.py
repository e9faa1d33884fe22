"""Many clients in one process: cheap sockets, readers and publishers that write down in a `Ledger` what they see.

Written against the contract alone: nothing here is the SDK's or the service's.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Self, TypeVar

import httpx
import msgspec

from tests.harness.connections.dialling import dialled
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Overrides
from tests.harness.wire import Message, Reachable, text, upgrade
from tests.node.rfc6455_cases import CLOSE, PING, PONG, TEXT, frame
from tests.promises.checker import Ledger, Place, Reader

CHANNEL = "dossier:country:SA"

CROWD: Overrides = {
    "limits.refusals_per_second": 1_000_000,
    "limits.general": 1_000_000,
    "limits.ping": 1_000_000,
    "limits.read": 1_000_000,
    "limits.bytes_mib": 1_000_000,
    "limits.channels": 1_000_000,
    "limits.stored_mib": 1_000_000,
    "limits.connections_per_user": 10_000,
    "limits.connections_per_address": 100_000,
    "limits.handshakes_per_second": 100_000,
    "session.auth_timeout": 120,
}
"""Limits that many clients of one address do not reach, nor those whose machine gives them no core for seconds."""

T = TypeVar("T")


_open: set[Peer] = set()


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, and every connection that is left open ends with it."""

    async def to_its_end() -> T:
        try:
            return await main
        finally:
            for peer in list(_open):
                peer.reset()
            await asyncio.sleep(0)

    return asyncio.run(to_its_end())


class LoginError(Exception):
    """Raised when the service refuses the token."""


def now() -> float:
    """Return the clock of ledgers: steady, in seconds."""
    return time.monotonic()


def update(event: str, channel: str = CHANNEL, size: int = 0) -> Message:
    """Return a `dossier_update` that says which event it is; `size` makes it about so many bytes long."""
    fields = [f"field_{number:03}_{'x' * 50}" for number in range(min(200, max(0, size - 260) // 63))]
    payload = {"entity_type": "country", "entity_id": event, "operation": "update", "fields_changed": fields}
    return {"type": "dossier_update", "channel": channel, "payload": payload}


class Peer(asyncio.Protocol):
    """One WebSocket. `on_message` gets everything that comes, in order, before whoever asked gets the answer.

    `closed` is done with the close code when the connection has ended: 1006 where no close frame came.
    """

    def __init__(self, on_message: Callable[[Message], None] | None = None) -> None:
        self.on_message = on_message
        self.on_payload: Callable[[bytes], None] | None = None
        """Called with the bytes of each text message, before they are decoded."""
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.login: Message = {}
        self.answers_pings = True
        self._transport: asyncio.Transport
        self._upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = bytearray()
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._refs = 0

    @classmethod
    async def open(
        cls,
        to: Reachable,
        *,
        on_message: Callable[[Message], None] | None = None,
        receive_buffer: int = 0,
        host: str = "127.0.0.1",
    ) -> Self:
        """Connect and shake hands. `receive_buffer`: bytes of the kernel for what was not read, at most."""
        loop = asyncio.get_running_loop()
        sock = await dialled(to.port, host=host, receive_buffer=receive_buffer)
        _, peer = await loop.create_connection(lambda: cls(on_message), sock=sock)
        try:
            peer._transport.write(upgrade())
            await peer._within(peer._upgraded)
        except BaseException:
            peer._transport.abort()
            raise
        return peer

    @classmethod
    async def connect(cls, to: Reachable, token: str, session_id: str | None = None, **how: Any) -> Self:
        """Open and authenticate. Raises ConnectionError and LoginError."""
        peer = await cls.open(to, **how)
        try:
            await peer.authenticate(token, session_id)
        except BaseException:
            peer._transport.abort()
            raise
        return peer

    async def authenticate(self, token: str, session_id: str | None = None) -> None:
        """Log in, or renew the token."""
        payload = {"token": token} if session_id is None else {"token": token, "session_id": session_id}
        answer = await self.ask({"type": "auth", "payload": payload})
        if answer["type"] != "auth_success":
            raise LoginError(answer)
        self.login = answer["payload"]

    # --- out --------------------------------------------------------------------------------------------------

    def send(self, message: Message | str | bytes) -> None:
        """One text message."""
        self._transport.write(text(message))

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self._transport.write(data)

    async def ask(self, message: Message, timeout_seconds: float = HANG_SECONDS) -> Message:
        """Send with a fresh `ref`, and wait for what carries it. Raises ConnectionError when the connection ends."""
        if self.closed.done():
            raise ConnectionError(f"closed with {self.closed.result()}")
        self._refs += 1
        ref = str(self._refs)
        answer = self._waiting[ref] = asyncio.get_running_loop().create_future()
        self.send(message | {"ref": ref})
        return await self._within(answer, timeout_seconds)

    # --- its life ---------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Read nothing more: TCP will hold the service back."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    async def close(self) -> None:
        """Perform the closing handshake. Harmless when it is closed already."""
        if not self.closed.done():
            self.write(frame(CLOSE, (1000).to_bytes(2, "big")))
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await asyncio.shield(self.closed)
        self._transport.abort()

    def reset(self) -> None:
        """RST: the connection is torn down without a word."""
        sock = self._transport.get_extra_info("socket")
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # --- asyncio.Protocol -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _open.add(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            if not head.startswith(b"HTTP/1.1 101 "):
                self._upgraded.set_exception(ConnectionError(head.decode("latin-1")))
                return
            self._upgraded.set_result(None)
        start = 0
        while (end := self._frame(start)) > start:
            start = end
        del self._buffer[:start]

    def connection_lost(self, error: Exception | None) -> None:
        self._end(1006)
        _open.discard(self)

    def _frame(self, start: int) -> int:
        """Take the frame that begins at `start`; its end, or `start` while it is not complete."""
        buffer = self._buffer
        if len(buffer) < start + 2:
            return start
        length, at = buffer[start + 1], start + 2
        if length > 125:
            at += 2 if length == 126 else 8
            if len(buffer) < at:
                return start
            length = int.from_bytes(buffer[start + 2 : at], "big")
        end = at + length
        if len(buffer) < end:
            return start
        opcode, payload = buffer[start] & 0x0F, bytes(buffer[at:end])
        if opcode == TEXT:
            self._take(payload)
        elif opcode == PING and self.answers_pings:
            self.write(frame(PONG, payload))
        elif opcode == CLOSE:
            self._end(int.from_bytes(payload[:2], "big") or 1005)
            self.write(frame(CLOSE, payload[:2]))
        return end

    def _take(self, payload: bytes) -> None:
        if self.on_payload is not None:
            self.on_payload(payload)
        message: Message = msgspec.json.decode(payload)
        if self.on_message is not None:
            self.on_message(message)
        waiting = self._waiting.pop(message.get("ref", ""), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def _end(self, code: int) -> None:
        if not self.closed.done():
            self.closed.set_result(code)
        futures: list[asyncio.Future[Any]] = [self._upgraded, *self._waiting.values()]
        for waiting in futures:
            if not waiting.done():
                waiting.set_exception(ConnectionError(f"closed with {code}"))
                waiting.exception()  # nobody may be waiting any more
        self._waiting.clear()

    async def _within(self, future: asyncio.Future[T], timeout_seconds: float = HANG_SECONDS) -> T:
        # Not `wait_for`: that of Python 3.11 forgets a cancellation that comes together with the answer.
        async with asyncio.timeout(timeout_seconds):
            return await future


class Subscriber:
    """A reader of one channel that comes back: each time it asks for what it has missed."""

    def __init__(self, to: Reachable, ledger: Ledger, name: str, token: str, channel: str = CHANNEL) -> None:
        self.to, self.name, self.token, self.channel = to, name, token, channel
        self.account: Reader = ledger.reader(name, channel)
        self.peer: Peer | None = None
        self.recoveries: list[bool] = []
        self.on_event: Callable[[Message], None] | None = None
        self._since: Place | None = None

    async def join(self, *, since: Place | None = None, resume: bool = False, **how: Any) -> None:
        """Connect and subscribe, from where the account has come to (or from `since`). `resume` keeps the session."""
        session_id = self.peer.login["session_id"] if resume and self.peer is not None else None
        self.peer = await Peer.connect(self.to, self.token, session_id, on_message=self._take, **how)
        params: Message = {}
        if since is None and self.account.spans:
            since = self.account.since
        if since is not None:
            params = {"since": since._asdict()}
        self._since = since
        answer = await self.peer.ask({"type": "subscribe", "channel": self.channel, "params": params})
        assert answer["type"] == "subscribed", answer

    async def rejoin(self) -> None:
        """Join, however often that must be tried while the service is away."""
        await until_connected(self.join)

    def drop(self) -> None:
        """Break the connection."""
        self.account.left()
        if self.peer is not None:
            self.peer.reset()

    async def leave(self) -> None:
        """Close the connection: no further event is owed."""
        self.account.left()
        if self.peer is not None:
            await self.peer.close()

    def _take(self, message: Message) -> None:
        if message.get("channel") != self.channel:
            return
        if message["type"] == "subscribed":
            position = Place(**message["position"])
            recovered = message.get("recovered")
            assert (recovered is not None) == (self._since is not None), message
            if recovered is not None:
                self.recoveries.append(recovered)
            if recovered and self._since is not None:
                assert position.epoch == self._since.epoch, (message, self._since)
                position = position if self.account.spans else self._since
            self.account.subscribed(position, recovered=recovered)
        elif message["type"] == "dossier_update":
            self.account.received(message["payload"]["entity_id"], message["offset"], now())
            if self.on_event is not None:
                self.on_event(message)


class Publisher:
    """Publishes over one socket, each event under a key of its own, again and again until it is answered.

    `window`: how many wait for their answer at once.
    """

    def __init__(
        self, to: Reachable, ledger: Ledger, name: str, token: str, channel: str = CHANNEL, *, window: int = 64
    ) -> None:
        self.to, self.ledger, self.name, self.token, self.channel = to, ledger, name, token, channel
        self.latencies: list[float] = []
        self.resent = 0
        self._window = asyncio.Semaphore(window)
        self._peer: Peer | None = None
        self._connecting = asyncio.Lock()
        self._count = 0

    async def publish(self, count: int, *, size: int = 0, rate: float = 0.0) -> None:
        """Publish so many events, `rate` a second (0: as fast as they are answered); returns when all are answered."""
        async with asyncio.TaskGroup() as group:
            started = now()
            for number in range(count):
                await self._window.acquire()
                self._count += 1
                task = group.create_task(self._one(update(f"{self.name}.{self._count}", self.channel, size)))
                task.add_done_callback(lambda _: self._window.release())
                if rate:
                    await asyncio.sleep(max(0.0, started + (number + 1) / rate - now()))

    async def close(self) -> None:
        """End the connection."""
        if self._peer is not None:
            await self._peer.close()

    async def _one(self, message: Message) -> None:
        event = message["payload"]["entity_id"]
        started = now()
        self.ledger.sent(event, self.channel, started)
        while True:
            peer = await self._connected()
            try:
                answer = await peer.ask(message | {"idempotency_key": event})
            except ConnectionError:
                self.resent += 1
                continue
            if answer["type"] == "ack":
                self.latencies.append(now() - started)
                self.ledger.acked(event, Place(answer["epoch"], answer["offset"]), now())
                return
            if answer["error_code"] != "SERVICE_UNAVAILABLE":
                self.ledger.refused(event)
                return
            await asyncio.sleep(0.05)

    async def _connected(self) -> Peer:
        async with self._connecting:
            if self._peer is None or self._peer.closed.done():
                await until_connected(self._connect)
            assert self._peer is not None
            return self._peer

    async def _connect(self) -> None:
        self._peer = await Peer.connect(self.to, self.token)


async def until_connected(attempt: Callable[[], Awaitable[None]]) -> None:
    """Try to connect until somebody answers."""
    deadline = now() + HANG_SECONDS
    while True:
        try:
            return await attempt()
        except ConnectionError:
            if now() > deadline:
                raise
            await asyncio.sleep(0.02)


async def settled(ledger: Ledger, subscribers: Iterable[Subscriber], timeout_seconds: float = HANG_SECONDS) -> None:
    """Wait until every subscriber who is there has come to the last acknowledged event, or for `timeout_seconds`."""
    accounts = [one.account for one in subscribers]
    with suppress(AssertionError):  # the ledger's check says better what is missing
        await until(lambda: all(ledger.caught_up(one) for one in accounts if one.present), timeout_seconds, 0.02)


async def until(happened: Callable[[], bool], timeout_seconds: float = HANG_SECONDS, step: float = 0.01) -> None:
    """Wait until it has happened; fails after `timeout_seconds`."""
    deadline = now() + timeout_seconds
    while not happened():
        assert now() < deadline, f"did not happen within {timeout_seconds:g} s"
        await asyncio.sleep(step)


def door(to: Reachable, token: str) -> httpx.AsyncClient:
    """Return the HTTP twin, for one user."""
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{to.port}/v1",
        headers={"Authorization": f"Bearer {token}", "Host": "localhost"},
        timeout=HANG_SECONDS,
        trust_env=False,
    )


async def post(client: httpx.AsyncClient, ledger: Ledger, messages: list[Message], key: str) -> httpx.Response:
    """Publish events in one request, and keep account of them."""
    for message in messages:
        ledger.sent(message["payload"]["entity_id"], message["channel"], now())
    answer = await client.post("/publish", json={"events": messages}, headers={"Idempotency-Key": key})
    for index, message in enumerate(messages):
        event = message["payload"]["entity_id"]
        if answer.status_code == 200:
            result = answer.json()["results"][index]
            ledger.acked(event, Place(result["epoch"], result["offset"]), now())
        elif answer.status_code in (400, 403, 409, 413):
            ledger.refused(event)
    return answer


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that this share of them does not exceed; 0 of none."""
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else 0.0
