"""The surroundings of all scenarios: the service's address, tokens, participants, and the end of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from demo.content.people import Person
from demo.flaky_proxy import FlakyProxy
from demo.participant import Participant
from demo.report import SimulationReport
from dossier_realtime.client import DossierRealtimeClient, Publisher, PublishError, TokenSource
from dossier_realtime.protocol.http.loopback import is_loopback

Mint = Callable[[str, str, str, Sequence[str], str], str]
"""Return a token of (sub, name, role, permissions, clearance)."""

_HANDSHAKE_INTERVAL_SECONDS = 1 / 25  # half of the rate that the service allows one address


class ScenarioContext:
    """The state that scenarios share. When `finished` is set, pauses end at once and no new scenario begins.

    `run` is in the ids that the run makes: a service remembers those of an earlier one.
    """

    def __init__(self, url: str, mint: Mint, seed: int) -> None:
        self.url = url
        self.run = uuid4().hex[:8]
        self.report = SimulationReport()
        self.finished = asyncio.Event()
        self.participants: dict[str, Participant] = {}
        self._mint = mint
        self._seed = seed
        self._publishers: dict[str, Publisher] = {}
        self._next_handshake = 0.0

    @property
    def http(self) -> str:
        """The root of the service's HTTP addresses, without a slash at its end."""
        parts = urlsplit(self.url)
        return urlunsplit(("https" if parts.scheme == "wss" else "http", parts.netloc, "", "", ""))

    @property
    def is_local(self) -> bool:
        """True when the service runs on this machine, so that a proxy can stand between."""
        return is_loopback(urlsplit(self.url).hostname or "")

    def rng(self, name: str) -> Random:
        """Return a random generator for `name`: the same for the same seed, independent of all others."""
        return Random(f"{self._seed}/{name}")  # noqa: S311  it chooses scenarios, no secrets

    async def pause(self, rng: Random, low: float, high: float) -> None:
        """Wait between `low` and `high` seconds, or until the run is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(rng.uniform(low, high)):
                await self.finished.wait()

    async def wait_handshake_turn(self) -> None:
        """Wait until the service's handshake rate allows one more handshake."""
        now = asyncio.get_running_loop().time()
        self._next_handshake = max(now, self._next_handshake + _HANDSHAKE_INTERVAL_SECONDS)
        await asyncio.sleep(self._next_handshake - now)

    # --- people -------------------------------------------------------------------------------------

    def token(self, person: Person) -> str:
        """Return a fresh token."""
        return self._mint(person.user_id, person.name, person.role, person.permissions, person.clearance)

    def tokens(self, person: Person) -> TokenSource:
        """Return a source of fresh tokens for an SDK client."""

        async def fresh() -> str:
            return self.token(person)

        return fresh

    def participant(self, person: Person, *, laptop: bool = False) -> Participant:
        """Return a participant that is not connected yet; a laptop gets a proxy when the service is local."""
        proxy = FlakyProxy(self.url) if laptop and self.is_local else None
        return Participant(person, self.url, self.tokens(person), self.report, proxy)

    def client(self, person: Person) -> DossierRealtimeClient:
        """Return an SDK client for a person outside the office."""
        return DossierRealtimeClient(self.tokens(person), self.url)

    def connected_participants(self, *roles: str) -> list[Participant]:
        """Return the connected participants of these roles (or of any), in the order of their start."""
        return [
            participant
            for participant in self.participants.values()
            if participant.connected and (not roles or participant.person.role in roles)
        ]

    # --- programs -----------------------------------------------------------------------------------

    async def publish(self, program: Person, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events over HTTP, all or none. Raises PublishError."""
        count = sum(len(event["channels"]) if "channels" in event else 1 for event in events)
        self.report.sent += count
        publisher = self._publishers.get(program.user_id)
        if publisher is None:
            publisher = self._publishers[program.user_id] = Publisher(self.tokens(program), self.http)
        try:
            places = await publisher.publish(events)
        except PublishError:
            self.report.sent -= count  # the service has answered: none of them was accepted
            raise
        for published in places:
            self.report.record_ack(published.channel, published.offset)

    async def close(self, participants: Iterable[Participant]) -> None:
        """Close all participants and publishers."""
        await asyncio.gather(*(participant.close() for participant in participants))
        for publisher in self._publishers.values():
            await publisher.close()
