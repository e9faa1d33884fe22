"""A reader with the SDK that is sent from node to node, and the shares of which its moves were made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from dossier_realtime import ConnectionState, DossierRealtimeClient
from dossier_realtime.protocol.events import DossierUpdate, Event
from tests.promises.checker import Place, Reader
from tests.promises.load_clients import now, percentile

_POLL_SECONDS = 0.005


@dataclass(slots=True)
class Move:
    """One change of the connection, in seconds from its loss: the socket is open, logged in, and all missed is here."""

    lost: float
    refused: int = 0
    dialled: float = 0.0
    authenticated: float = 0.0
    live: float = 0.0


@dataclass(slots=True)
class RoamingReader:
    """One subscription with the SDK; its `account` is kept as the SDK hands events out."""

    client: DossierRealtimeClient
    account: Reader
    moves: list[Move] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    _move: Move | None = None
    _watching: asyncio.Task[None] | None = None

    @classmethod
    async def join(
        cls, url: str, token: str, account: Reader, *, presence: bool = False, insecure: bool = False
    ) -> RoamingReader:
        """Connect and subscribe to the channel of the account. `insecure`: the address is not this machine's own."""
        one = cls(DossierRealtimeClient(token, url, insecure=insecure), account)
        one.client.on_state(one._entered)
        one.client.on_error(lambda _: one._refused())
        await one.client.connect()
        subscription = one.client.subscribe(
            account.channel, on_message=one._take, on_error=one.faults.append, include_presence=presence
        )
        await subscription.ready()
        position = subscription.position
        assert position is not None
        if not one.account.spans:
            one.account.subscribed(Place(position.epoch, position.offset))
        return one

    def present(self) -> set[str]:
        """Return the users who are on the channel, as its snapshot and changes told."""
        return set(self.client.presence(self.account.channel).users)

    def _entered(self, state: ConnectionState) -> None:
        if state is ConnectionState.RECONNECTING and self._move is None:
            self._move = Move(now())
            self.account.left()
        elif self._move is not None and state is ConnectionState.CONNECTED:
            self._move.dialled = now() - self._move.lost
        elif self._move is not None and state is ConnectionState.AUTHENTICATED:
            self._move.authenticated = now() - self._move.lost
            self._watching = asyncio.create_task(self._until_live())

    def _refused(self) -> None:
        if self._move is not None:
            self._move.refused += 1

    async def _until_live(self) -> None:
        while self.client.recovering:
            await asyncio.sleep(_POLL_SECONDS)
            if self.client.state is not ConnectionState.AUTHENTICATED:
                return
        move, self._move = self._move, None
        if move is not None:
            move.live = now() - move.lost
            self.moves.append(move)
            self.account.present = True

    def _take(self, event: Event) -> None:
        assert isinstance(event, DossierUpdate)
        assert event.offset is not None
        self.account.received(event.payload.entity_id, event.offset, now())


def shares(moves: Sequence[Move]) -> str:
    """Return what the moves were made of: p50 and p99 in ms of the whole and of its parts, and the refused dials."""
    parts = {
        "whole": [one.live for one in moves],
        "until dialled": [one.dialled for one in moves],
        "login": [one.authenticated - one.dialled for one in moves],
        "recovery": [one.live - one.authenticated for one in moves],
    }
    said = [f"{name} {_ms(values, 0.5)}/{_ms(values, 0.99)}" for name, values in parts.items()]
    return f"p50/p99 in ms: {', '.join(said)}; {sum(one.refused for one in moves)} dials refused"


def _ms(values: list[float], share: float) -> int:
    return round(1000 * percentile(values, share))
