"""The farewells of a node that drains: when each client is sent away, and when it is asked to come back.

Pure. Where another node takes clients, the moments are the same: a client that stays away longer than it must is a
client without service. Where none does, clients are asked to come back after the drain, when the service may be there
again. Either way the moments are spread, so that not all clients come at once (docs/protocol.md#drain).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.engine.ports.sessions import NodeRecord

FRESH_SECONDS: Final = 5  # age of a report, written each second, that still counts
_FIRST_SHARE: Final = 0.1  # of the drain, in which balancers notice that this node takes nobody
_LAST_SHARE: Final = 0.8  # of the drain: the rest is for the closing handshakes
_MIN_AWAY_SECONDS: Final = 0.5
_MIN_SPREAD_SECONDS: Final = 1.0
_MIN_LOOK_SECONDS: Final = 3.0


class Farewell(NamedTuple):
    """The end of one connection and the delay that its client is told, both in seconds from now."""

    closes_in: float
    retry_after: float


def takes_over(records: Iterable[NodeRecord], name: str, now: int) -> bool:
    """Return whether a node other than `name` takes clients; `now` in Unix seconds."""
    return any(bool(one.values.get("ready")) and one.node != name and one.at >= now - FRESH_SECONDS for one in records)


def look_seconds(drain_seconds: float) -> float:
    """Return for how long a node looks for another one that takes clients.

    One that has just started is known by its first report, a second or two later; a busy one takes longer.
    """
    return min(drain_seconds / 2, max(_MIN_LOOK_SECONDS, _FIRST_SHARE * drain_seconds))


def farewell(drain_seconds: float, chances: tuple[float, float], *, is_taken_over: bool) -> Farewell:
    """Return the farewell of one client. `chances`: random numbers, 0 ≤ n < 1."""
    end = _LAST_SHARE * drain_seconds
    if is_taken_over:
        closes_in = drain_seconds * (_FIRST_SHARE + (_LAST_SHARE - _FIRST_SHARE) * chances[0])
        return Farewell(closes_in, round(closes_in, 2))
    first, last = max(_MIN_AWAY_SECONDS, end), max(_MIN_SPREAD_SECONDS, drain_seconds)
    return Farewell(end * chances[0], round(first + (last - first) * chances[1], 2))
