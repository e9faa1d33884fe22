"""Readers and publishers of one deployment, as bare sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.nodes.deployments import Deployment
from benchmarks.wire import Socket
from dossier_realtime.protocol import channels

_CHANNEL = channels.dossier("country", "SA")
_PUBLISHERS = 2
_WINDOW = 64  # events that each publisher has under way at most


class Crowd:
    """Readers and publishers of one deployment; `delays` are those of deliveries, in seconds."""

    def __init__(self, readers: Sequence[Socket], publishers: Sequence[Socket]) -> None:
        self.readers, self.publishers = readers, publishers
        self.delays: list[float] = []
        self.deliveries = self.acks = 0
        self._news = asyncio.Event()
        for one in readers:
            one.on_frame = self._delivered
        for one in publishers:
            one.on_frame = self._answered

    @classmethod
    async def join(cls, deployment: Deployment, readers: int) -> Crowd:
        """Connect and subscribe, by turns at the nodes."""
        tokens = [node.mint("bench", "write:dossier:*") for node in deployment.nodes]
        places = [(node.port, token) for node, token in zip(deployment.nodes, tokens, strict=True)]
        opened = [await Socket.open(*places[number % len(places)]) for number in range(readers)]
        for one in opened:
            one.send({"type": "subscribe", "channel": _CHANNEL, "ref": "s"})
            await one.until(b'"type":"subscribed"')
        return cls(opened, [await Socket.open(*places[number % len(places)]) for number in range(_PUBLISHERS)])

    async def publish(self, seconds: float, rate: float = 0.0) -> tuple[int, float]:
        """Publish for so long, `rate` events a second each (0: as fast as they are acknowledged).

        Returns the number of acknowledged events and the seconds until the last of them.
        """
        self.delays, self.deliveries, self.acks, sent = [], 0, 0, 0
        began = time.perf_counter()
        while (now := time.perf_counter() - began) < seconds:
            room = _WINDOW * len(self.publishers) - (sent - self.acks)
            due = min(room, int(now * rate * len(self.publishers)) + 1 - sent) if rate else room
            for number in range(due):
                self.publishers[(sent + number) % len(self.publishers)].send(event())
            sent += max(0, due)
            if rate:
                await asyncio.sleep(0.001)
            else:
                await self._next(lambda sent=sent: self.acks > sent - _WINDOW * len(self.publishers))  # type: ignore[misc]
        await self._next(lambda: self.acks >= sent)
        took = time.perf_counter() - began
        await self._next(lambda: self.deliveries >= sent * len(self.readers))
        return sent, took

    async def _next(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._news.clear()
            await self._news.wait()

    def _delivered(self, frame: bytes) -> None:
        if b'"dossier_update"' in frame:
            self.deliveries += 1
            at = frame.index(b'"entity_id":"') + 13
            self.delays.append(time.perf_counter() - int(frame[at : frame.index(b'"', at)]) / 1e9)
            self._news.set()

    def _answered(self, frame: bytes) -> None:
        if frame.startswith(b'{"type":"ack"'):
            self.acks += 1
            self._news.set()
        elif b'"type":"error"' in frame:
            raise SystemExit(f"an event was refused: {frame.decode()}")


def event(channel: str = _CHANNEL) -> dict[str, Any]:
    """Return an event that says when it was sent."""
    fields = ["summary", "contacts", "agreements", "status"] * 10
    sent = str(time.perf_counter_ns())
    payload = {"entity_type": "country", "entity_id": sent, "operation": "update", "fields_changed": fields}
    return {"type": "dossier_update", "channel": channel, "payload": payload, "ref": "e"}
