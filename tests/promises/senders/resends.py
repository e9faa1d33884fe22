"""Senders of each event several times, over sockets and HTTP of one node or several, whatever becomes of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Self

import httpx

from tests.harness.wire import Message, Reachable
from tests.promises.checker import Ledger, Place
from tests.promises.load_clients import CHANNEL, Peer, door, now, post, until_connected, update

IN_FLIGHT = 32


def shuffled_sends(events: int, dice: random.Random) -> list[str]:
    """Return the names of so many events, each one to five times, in any order."""
    sends = [f"e{number}" for number in range(events) for _ in range(dice.randint(1, 5))]
    dice.shuffle(sends)
    return sends


class _SocketWay:
    """A way by a socket, which is connected again when it is gone."""

    def __init__(self, to: Reachable, token: str) -> None:
        self._to, self._token = to, token
        self._peer: Peer | None = None
        self._connecting = asyncio.Lock()

    async def send(self, ledger: Ledger, event: str) -> None:
        """Send once. Raises ConnectionError where no answer came, or one that asks to try again."""
        async with self._connecting:
            if self._peer is None or self._peer.closed.done():
                self._peer = await Peer.connect(self._to, self._token)
        ledger.sent(event, CHANNEL, now())
        answer = await _asked(self._peer, update(event) | {"idempotency_key": event})
        assert answer["type"] == "ack", answer
        ledger.acked(event, Place(answer["epoch"], answer["offset"]), now())


class Senders:
    """A socket and HTTP to each address, of which each send takes one by chance."""

    def __init__(self, to: Sequence[Reachable], token: str, ledger: Ledger, dice: random.Random) -> None:
        self._to, self._token, self._ledger, self._dice = to, token, ledger, dice
        self._stack = AsyncExitStack()
        self._ways: list[Callable[[Ledger, str], Awaitable[None]]] = []
        self.unanswered = 0
        """Sends to which no answer came, or one that asks to try again; each was sent once more."""

    async def __aenter__(self) -> Self:
        for one in self._to:
            client = await self._stack.enter_async_context(door(one, self._token))
            self._ways += [_SocketWay(one, self._token).send, _by_http(client)]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def send(self, events: Sequence[str]) -> None:
        """Send all, many at once, each until it is answered."""
        gate = asyncio.Semaphore(IN_FLIGHT)
        async with asyncio.TaskGroup() as group:
            for event in events:
                await gate.acquire()
                task = group.create_task(self._until_answered(event))
                task.add_done_callback(lambda _: gate.release())

    async def _until_answered(self, event: str) -> None:
        async def send() -> None:
            try:
                await self._dice.choice(self._ways)(self._ledger, event)
            except (ConnectionError, httpx.TransportError) as gone:
                self.unanswered += 1
                raise ConnectionError(str(gone)) from gone

        await until_connected(send)


def _by_http(client: httpx.AsyncClient) -> Callable[[Ledger, str], Awaitable[None]]:
    async def send(ledger: Ledger, event: str) -> None:
        response = _served(await post(client, ledger, [update(event)], event))
        assert response.status_code == 200, response.text

    return send


async def _asked(peer: Peer, message: Message) -> Message:
    answer = await peer.ask(message)
    if answer.get("error_code") == "SERVICE_UNAVAILABLE":
        raise ConnectionError(answer["message"])
    return answer


def _served(response: httpx.Response) -> httpx.Response:
    if response.status_code == 503:
        raise ConnectionError(response.text)
    return response


async def use_keys_for_other_events(to: Sequence[Reachable], token: str, keys: Sequence[str]) -> None:
    """Assert that each key is refused for another body, over each socket and HTTP."""
    for one in to:
        peer = await Peer.connect(one, token)
        async with door(one, token) as client:
            for key in keys:
                await until_connected(partial(_use_by_socket, peer, key))
                await until_connected(partial(_use_by_http, client, key))


async def _use_by_socket(peer: Peer, key: str) -> None:
    answer = await _asked(peer, update(f"other-{key}") | {"idempotency_key": key})
    assert (answer["type"], answer.get("error_code")) == ("error", "INVALID_MESSAGE_FORMAT"), answer


async def _use_by_http(client: httpx.AsyncClient, key: str) -> None:
    body: Message = {"events": [update(f"other-{key}")]}
    response = _served(await client.post("/publish", json=body, headers={"Idempotency-Key": key}))
    assert response.status_code == 409, response.text
