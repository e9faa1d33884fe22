"""Clients for tests: `Raw` speaks bytes, however hostile; `Client` speaks the protocol, in dicts.

Everything waits at most `HANG_SECONDS` seconds and then fails with what did come.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, Self

import msgspec

from tests.harness.connections.dialling import dialled
from tests.harness.eventually import HANG_SECONDS
from tests.node.rfc6455_cases import CLOSE, PING, PONG, TEXT, close, frame, header

KEY = "dGhlIHNhbXBsZSBub25jZQ=="

Message = dict[str, Any]
Header = tuple[str, str]


class Reachable(Protocol):
    """An address to connect to, such as a `Service`."""

    @property
    def port(self) -> int: ...


class Response(NamedTuple):
    """The head and body of an HTTP answer; header names in lower case. Status 0: closed without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Frame(NamedTuple):
    opcode: int
    payload: bytes

    @property
    def code(self) -> int:
        """The code of a close frame: 1005 where it has none."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else 1005


def upgrade(
    target: str = "/v1", *extra: Header, host: str = "localhost", without: Iterable[str] = (), **changed: str
) -> bytes:
    """Return the bytes of a handshake, `without` these headers; `changed` replaces: sec_websocket_key="x"."""
    headers = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade"}
    headers |= {"Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
    replaced = {name.replace("_", "-"): value for name, value in changed.items()}
    headers = {name: replaced.pop(name.lower(), value) for name, value in headers.items()}
    assert not replaced, f"not among the headers of a handshake: {replaced}"
    dropped = {name.lower() for name in without}
    return request("GET", target, *((n, v) for n, v in headers.items() if n.lower() not in dropped), *extra)


def request(method: str, target: str, *headers: Header, body: bytes = b"") -> bytes:
    """Return the bytes of an HTTP request: these headers and no others (no Host, no Content-Length by itself)."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def text(payload: bytes | str | Message) -> bytes:
    """Return a text frame with a mask of zeros, which costs nothing; `rfc6455_cases.frame` makes any other."""
    if isinstance(payload, dict):
        payload = msgspec.json.encode(payload)
    elif isinstance(payload, str):
        payload = payload.encode()
    return header(TEXT, len(payload), mask=bytes(4)) + payload


class Raw:
    """One TCP connection. Bytes go out as they are; HTTP answers and frames are read strictly."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(
        cls,
        to: Reachable,
        *,
        address: str | None = None,
        tls: ssl.SSLContext | None = None,
        limit: int = 1 << 16,
        receive_buffer: int = 0,
    ) -> Self:
        """Connect, from `address` (127.0.0.2 and so on are other clients).

        `limit`: bytes read ahead of the test. `receive_buffer`: unread bytes that the kernel keeps, at most.
        """
        if receive_buffer:
            sock = await dialled(to.port, receive_buffer=receive_buffer)
            return cls(*await asyncio.open_connection(sock=sock, limit=limit))
        return cls(
            *await asyncio.open_connection(
                "127.0.0.1",
                to.port,
                ssl=tls,
                limit=limit,
                server_hostname="localhost" if tls else None,
                local_addr=(address, 0) if address else None,
            )
        )

    @classmethod
    async def upgraded(cls, to: Reachable, **how: Any) -> Self:
        """Connect and shake hands; fails unless the answer is 101."""
        raw = await cls.open(to, **how)
        await raw.send(upgrade())
        answer = await raw.response()
        assert answer.status == 101, answer
        return raw

    async def send(self, *pieces: bytes) -> None:
        """Write bytes, each piece in a packet of its own as far as TCP allows. A peer that is gone is no error."""
        with suppress(ConnectionError):
            for piece in pieces:
                self._writer.write(piece)
                await self._writer.drain()

    async def response(self, timeout_seconds: float = HANG_SECONDS) -> Response:
        """Return one HTTP answer; a 101 has no body. Status 0 when the connection ends without any."""
        async with asyncio.timeout(timeout_seconds):
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return Response(0, {}, b"")
            first, *lines = head.decode("latin-1").split("\r\n")[:-2]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            status = int(first.split(" ")[1])
            length = 0 if status in (101, 204, 304) else int(headers.get("content-length", "0"))
            return Response(status, headers, await self._reader.readexactly(length))

    async def frame(self, timeout_seconds: float = HANG_SECONDS) -> Frame | None:
        """Return the next frame, whole and unmasked; None when the connection has ended."""
        async with asyncio.timeout(timeout_seconds):
            try:
                first, second = await self._reader.readexactly(2)
                assert first & 0xF0 == 0x80, f"a server's frame begins with {first:#x}"
                assert second < 128, "a server masks no frame"
                length = second
                if second > 125:
                    length = int.from_bytes(await self._reader.readexactly(2 if second == 126 else 8), "big")
                return Frame(first & 0x0F, await self._reader.readexactly(length))
            except (asyncio.IncompleteReadError, ConnectionError):
                return None

    async def frames(self, timeout_seconds: float = HANG_SECONDS) -> list[Frame]:
        """Return every frame until the connection ends; the close frame is answered, as a good client does."""
        found: list[Frame] = []
        async with asyncio.timeout(timeout_seconds):
            while (one := await self.frame(timeout_seconds)) is not None:
                found.append(one)
                if one.opcode == CLOSE:
                    await self.send(frame(CLOSE, one.payload[:2]))
        return found

    async def ended(self, timeout_seconds: float = HANG_SECONDS) -> bytes:
        """Return the bytes that still come until the connection ends."""
        async with asyncio.timeout(timeout_seconds):
            with suppress(ConnectionError):
                return await self._reader.read()
        return b""

    def finish_writing(self) -> None:
        """Send FIN without a close frame: nothing more will be sent."""
        self._writer.write_eof()

    @property
    def local_port(self) -> int:
        """The port of this end."""
        port: int = self._writer.get_extra_info("sockname")[1]
        return port

    def reset(self) -> None:
        """Reset the connection; bytes that were not sent are lost."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        """End the TCP connection."""
        self._writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self._writer.wait_closed()


class Client:
    """A client of the protocol. A task of its own reads; pings of the server are answered.

    `messages` is everything that came, in order; `closed` is (code, reason) once the connection has ended, the code
    1006 where no close frame came. `login` holds the payload of auth_success.
    `receive` takes messages out of the mailbox, which `messages` does not notice.
    """

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.messages: list[Message] = []
        self.login: Message = {}
        self.closed: tuple[int, str] | None = None
        self.answers_pings = True
        self.in_step: Callable[[], Awaitable[None]] | None = None
        """Waits until what other nodes did is delivered by this one, where there are others."""
        self.on_message: Callable[[Message], None] | None = None
        """Called with each message as it comes, before anybody can `receive` it."""
        self._mailbox: deque[Message] = deque()
        self._news = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._task = asyncio.create_task(self._read())
        self._refs = 0

    @classmethod
    async def unauthenticated(cls, to: Reachable, **how: Any) -> Self:
        """Connect and shake hands; `how` as for `Raw.open`."""
        client = cls(await Raw.upgraded(to, **how))
        client.in_step = getattr(to, "in_step", None)
        return client

    @classmethod
    async def connect(cls, to: Reachable, token: str, session_id: str | None = None, **how: Any) -> Self:
        """Connect and authenticate; fails unless that succeeds. `session_id` resumes."""
        client = await cls.unauthenticated(to, **how)
        await client.authenticate(token, session_id)
        return client

    async def authenticate(self, token: str, session_id: str | None = None) -> Message:
        """Send `auth` and wait for `auth_success` and `connection_state`, whose whole message is returned."""
        payload = {"token": token} | ({} if session_id is None else {"session_id": session_id})
        await self.send({"type": "auth", "payload": payload})
        self.login = (await self.receive("auth_success"))["payload"]
        return await self.receive("connection_state")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- out --------------------------------------------------------------------------------------------------

    async def send(self, *messages: Message | str | bytes) -> None:
        """Send messages (dicts as JSON, text as it is), in one packet."""
        await self.raw.send(b"".join(map(text, messages)))

    async def ask(self, message: Message, timeout_seconds: float = HANG_SECONDS) -> Message:
        """Send with a fresh `ref` and return the message that carries it (subscribed, ack, error)."""
        self._refs += 1
        ref = f"r{self._refs}"
        await self.send(message | {"ref": ref})
        return await self.receive(timeout_seconds=timeout_seconds, ref=ref)

    async def subscribe(self, channel: str, **params: Any) -> Message:
        """Subscribe; fails unless that succeeds. Returns the `subscribed` message."""
        answer = await self.ask({"type": "subscribe", "channel": channel, "params": params})
        assert answer["type"] == "subscribed", answer
        return answer

    async def settle(self) -> list[Message]:
        """Wait for a pong, behind which nothing queued is left, and return the mailbox, emptied.

        Where there are several nodes, what was done on others before is delivered first.
        Counts as a ping against the rate (60 a minute unless configured).
        """
        if self.in_step is not None:
            await self.in_step()
        answer = await self.ask({"type": "ping"})
        assert answer["type"] == "pong", answer
        return self.take_all()

    # --- in ---------------------------------------------------------------------------------------------------

    async def receive(
        self,
        type: str | None = None,  # noqa: A002  the field's name
        *,
        timeout_seconds: float = HANG_SECONDS,
        **fields: Any,
    ) -> Message:
        """Take the first message of that type and with those top-level fields out of the mailbox, or wait for it.

        What does not fit stays in the mailbox. Fails when the connection ends first.
        """
        wanted = fields if type is None else {"type": type, **fields}
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    self._news.clear()
                    for message in self._mailbox:
                        if all(message.get(name) == value for name, value in wanted.items()):
                            self._mailbox.remove(message)
                            return message
                    if self.closed is not None:
                        break
                    await self._news.wait()
        except TimeoutError:
            pass
        state = f"closed with {self.closed}" if self.closed else f"silent for {timeout_seconds:g} s"
        raise AssertionError(f"no {wanted} came; {state}; the mailbox holds {list(self._mailbox)[-5:]}")

    async def expect_error(self, code: str, **fields: Any) -> Message:
        """Receive the next `error` (with those top-level fields) and assert its error_code."""
        error = await self.receive("error", **fields)
        assert error["error_code"] == code, error
        return error

    async def expect_close(self, *codes: int, timeout_seconds: float = HANG_SECONDS) -> str:
        """Wait for a close with one of these codes and return the reason."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while self.closed is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not closed within {timeout_seconds:g} s; came: {self.messages[-5:]}") from None
        assert self.closed[0] in codes, f"closed with {self.closed}; came: {self.messages[-5:]}"
        return self.closed[1]

    def take_all(self) -> list[Message]:
        """Empty the mailbox and return its messages."""
        taken = list(self._mailbox)
        self._mailbox.clear()
        return taken

    # --- its life ---------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Read nothing more: TCP will hold the service back."""
        self._reading.clear()

    def resume(self) -> None:
        """Read again."""
        self._reading.set()

    async def close(self, code: int = 1000) -> None:
        """Perform the closing handshake and end TCP. Harmless when it is closed already."""
        if self.closed is None:
            self.resume()
            await self.raw.send(close(code))
            with suppress(TimeoutError):
                async with asyncio.timeout(HANG_SECONDS):
                    await asyncio.shield(self._task)
        await self.drop()

    async def drop(self) -> None:
        """End TCP without a close frame."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self.raw.close()

    async def _read(self) -> None:
        try:
            while (one := await self.raw.frame(timeout_seconds=float("inf"))) is not None:
                await self._reading.wait()
                if one.opcode == TEXT:
                    self._take(msgspec.json.decode(one.payload))
                elif one.opcode == PING and self.answers_pings:
                    await self.raw.send(frame(PONG, one.payload))
                elif one.opcode == CLOSE:
                    self.closed = (one.code, one.payload[2:].decode())
                    await self.raw.send(frame(CLOSE, one.payload[:2]))
                    return
        finally:
            self.closed = self.closed or (1006, "")
            self._news.set()

    def _take(self, message: Message) -> None:
        self.messages.append(message)
        if self.on_message is not None:
            self.on_message(message)
        self._mailbox.append(message)
        self._news.set()
