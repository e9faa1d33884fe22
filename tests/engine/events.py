"""Events to publish, and what was received of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app.engine.ports.events import IdempotencyKey, Publication, PublicationEntry

CHANNEL = "dossier:country:SA"
OTHER = "workspace:7"


def event(number: int | str, channel: str = CHANNEL, *, durable: bool = True, padding: int = 0) -> PublicationEntry:
    body = {"type": "test", "channel": channel, "number": number, "padding": "x" * padding}
    return PublicationEntry(channel, json.dumps(body, separators=(",", ":")).encode(), durable)


def key(name: str, user: str = "u1", digest: bytes = b"digest") -> IdempotencyKey:
    return IdempotencyKey(user, name, digest)


def frame(publication: Publication) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(publication.frame)
    return decoded


def numbers(publications: Sequence[Publication]) -> list[Any]:
    return [frame(publication)["number"] for publication in publications]


class Received:
    """A `deliver` callback that keeps its batches."""

    def __init__(self) -> None:
        self.batches: list[list[Publication]] = []

    def __call__(self, publications: Sequence[Publication]) -> None:
        self.batches.append(list(publications))

    def on(self, channel: str) -> list[Publication]:
        return [one for batch in self.batches for one in batch if one.channel == channel]
