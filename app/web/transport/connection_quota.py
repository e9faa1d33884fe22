"""Bounds of the connections of one address and of the process (docs/protocol.md#connections-of-an-address).

Every TCP connection counts, whatever is spoken over it. A few beyond the bounds are taken in, so that they can be told
why they are refused; the others are closed unheard.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.core.refusal_budget import RefusalBudgets, RefusalLimits
from dossier_realtime.protocol.http.forwarded import bucket, client_address, is_trusted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dossier_realtime.protocol.http.forwarded import Network

_MAX_ANSWERED_PER_ADDRESS = 256  # connections past an address' bound that are answered 429, not closed unheard
_MAX_ANSWERED = 64  # connections past the process' bound that are answered 503


@dataclass(frozen=True, slots=True)
class AddressLimits:
    """Bounds of one address, and of the process (`total`)."""

    connections: int = 1000
    handshakes_per_second: int = 50
    strangers_per_second: int = 500
    accepts_per_second: int = 2000
    total: int = 10_000
    refusals: RefusalLimits = field(default_factory=RefusalLimits)


@dataclass(slots=True, eq=False)
class Ticket:
    """One TCP connection that was counted. `is_over`: past its address' bound; `is_full`: past the process' bound.

    Behind a trusted proxy a connection counts for no address until it becomes a WebSocket of one client.
    """

    address: str
    behind_proxy: bool = False
    is_over: bool = False
    is_full: bool = False
    is_upgraded: bool = False
    is_released: bool = False


@dataclass(slots=True)
class ConnectionQuota:
    """Counts of connections, handshakes and refusals by address.

    Its size is bounded: it holds the last second, the addresses that have a connection, and those refused of late.
    """

    limits: AddressLimits = field(default_factory=AddressLimits)
    trusted: Sequence[Network] = ()
    _open: Counter[str] = field(default_factory=Counter)
    _second: Counter[tuple[str, str]] = field(default_factory=Counter)
    _since: float = 0.0
    _total: int = 0
    _refused: RefusalBudgets = field(init=False)

    def __post_init__(self) -> None:
        self._refused = RefusalBudgets(self.limits.refusals)

    @property
    def open(self) -> int:
        """The number of connections of the process."""
        return self._total

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return the address of the client behind a request."""
        return client_address(peer, forwarded, self.trusted) if self.trusted else peer

    def acquire(self, peer: str, steady: float) -> Ticket | None:
        """Count a connection, and return its ticket; None where it is to be closed at once."""
        is_full = self._total >= self.limits.total
        if self._total >= self.limits.total + _MAX_ANSWERED:
            return None
        if is_trusted(peer, self.trusted):
            ticket = Ticket("", behind_proxy=True, is_full=is_full)
        else:
            address, bound = bucket(peer), self.limits.connections
            accepts = self._count("accept", address, steady)
            if accepts > self.limits.accepts_per_second or self._open[address] >= bound + _MAX_ANSWERED_PER_ADDRESS:
                return None
            ticket = Ticket(address, is_over=self._open[address] >= bound, is_full=is_full)
            self._open[address] += 1
        self._total += 1
        return ticket

    def admit_handshake(self, ticket: Ticket, client: str, steady: float) -> bool:
        """Count a handshake; return False when the address has made too many, or has too many connections."""
        address = bucket(client)
        if ticket.behind_proxy and not ticket.address:
            ticket.address = address
            ticket.is_over = self._open[address] >= self.limits.connections
            self._open[address] += 1
        return self._count("handshake", address, steady) <= self.limits.handshakes_per_second and not ticket.is_over

    def admit_anonymous(self, client: str, steady: float) -> bool:
        """Count a request without a valid token; return False when the address has made too many in this second."""
        return self._count("stranger", bucket(client), steady) <= self.limits.strangers_per_second

    def refused(self, client: str, steady: float) -> float:
        """Count a refused call; return the seconds for which its answer is held back."""
        budget = self._refused.of(bucket(client), steady)
        budget.refused(steady)
        return budget.pause(steady)

    def is_refused_often(self, ticket: Ticket, steady: float) -> bool:
        """Return whether the address of a connection was refused so often of late that it yields to others."""
        return self._refused.is_often(ticket.address, steady)

    def release(self, ticket: Ticket) -> None:
        """Uncount a connection; safe to call again."""
        if ticket.is_released:
            return
        ticket.is_released = True
        self._total -= 1
        if ticket.address:
            self._open[ticket.address] -= 1
            if self._open[ticket.address] <= 0:
                del self._open[ticket.address]

    def _count(self, kind: str, address: str, steady: float) -> int:
        if steady - self._since >= 1.0:
            self._since = steady
            self._second.clear()
        self._second[kind, address] += 1
        return self._second[kind, address]
