"""Where the scenes play: the service's address, everybody's tokens, who is here, and when the day is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from demo.content.people import Person
from demo.flaky_proxy import Link
from demo.participant import Desk
from demo.report import Facts
from dossier_realtime.client import DossierRealtimeClient, Publisher, PublishError, TokenSource
from dossier_realtime.protocol.http.loopback import is_loopback

Mint = Callable[[str, str, str, Sequence[str], str], str]
"""Makes a token of (sub, name, role, permissions, clearance)."""

_HANDSHAKE_GAP = 1 / 25  # seconds; half of what the service allows one address


class Stage:
    """`over` is set when the day is over: nobody waits any more, what was begun is finished."""

    def __init__(self, url: str, mint: Mint, seed: int) -> None:
        self.url = url
        self.facts = Facts()
        self.over = asyncio.Event()
        self.desks: dict[str, Desk] = {}
        self._mint = mint
        self._seed = seed
        self._publishers: dict[str, Publisher] = {}
        self._next_handshake = 0.0

    @property
    def http(self) -> str:
        """The root of the service's HTTP addresses."""
        parts = urlsplit(self.url)
        return urlunsplit(("https" if parts.scheme == "wss" else "http", parts.netloc, "", "", ""))

    @property
    def is_near(self) -> bool:
        """Whether the service runs on this machine, so that a link can stand between."""
        return is_loopback(urlsplit(self.url).hostname or "")

    def rng(self, name: str) -> Random:
        """Chance of one's own: the same for the same seed, whatever others do meanwhile."""
        return Random(f"{self._seed}/{name}")  # noqa: S311  it chooses scenes, no secrets

    async def pause(self, rng: Random, low: float, high: float) -> None:
        """Some seconds; none once the day is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), rng.uniform(low, high))

    async def turn(self) -> None:
        """Wait for one's turn to shake hands with the service."""
        now = asyncio.get_running_loop().time()
        self._next_handshake = max(now, self._next_handshake + _HANDSHAKE_GAP)
        await asyncio.sleep(self._next_handshake - now)

    # --- people -------------------------------------------------------------------------------------

    def token(self, person: Person) -> str:
        """A fresh token."""
        return self._mint(person.user_id, person.name, person.role, person.permissions, person.clearance)

    def tokens(self, person: Person) -> TokenSource:
        """Where a client gets its tokens."""

        async def fresh() -> str:
            return self.token(person)

        return fresh

    def desk(self, person: Person, *, laptop: bool = False) -> Desk:
        """A desk for somebody who is about to come. A laptop has a link of its own, where that can be."""
        link = Link(self.url) if laptop and self.is_near else None
        return Desk(person, self.url, self.tokens(person), self.facts, link)

    def client(self, person: Person) -> DossierRealtimeClient:
        """A bare client, for somebody who does not come to work."""
        return DossierRealtimeClient(self.tokens(person), self.url)

    def colleagues(self, *roles: str) -> list[Desk]:
        """Those who are here, of these roles or of any, in the order of coming."""
        return [desk for desk in self.desks.values() if desk.here and (not roles or desk.person.role in roles)]

    # --- programs -----------------------------------------------------------------------------------

    async def publish(self, program: Person, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events over HTTP, all or none."""
        count = sum(len(event["channels"]) if "channels" in event else 1 for event in events)
        self.facts.sent += count
        publisher = self._publishers.get(program.user_id)
        if publisher is None:
            publisher = self._publishers[program.user_id] = Publisher(self.tokens(program), self.http)
        try:
            places = await publisher.publish(events)
        except PublishError:
            self.facts.sent -= count  # it was answered: nothing of it is under way
            raise
        for published in places:
            self.facts.acked(published.channel, published.offset)

    async def close(self, desks: Iterable[Desk]) -> None:
        """Everybody goes home."""
        await asyncio.gather(*(desk.leave() for desk in desks))
        for publisher in self._publishers.values():
            await publisher.close()
