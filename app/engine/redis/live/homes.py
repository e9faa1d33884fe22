"""The runs of nodes, by leases: a run that does not renew its lease is dead, and another node clears what it left.

A *home* is one run of a node: presences and sessions name the home that serves them. A node that was silent for longer
than its lease (stopped, cut off, its store replaced) finds its home dead, begins another one, and enters everything
again that it still serves. So what a dead home left can be cleared by whoever comes first, and only that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from secrets import token_hex
from typing import Final

import structlog

from app.engine.ports.errors import Unavailable
from app.engine.redis.connection import ended
from app.engine.redis.live.access import LiveAccess

LEASE_SECONDS: Final = 5.0
RENEW_SECONDS: Final = 1.0
SWEEP_SECONDS: Final = 10.0  # that a node has a dead home alone
_STALE_RATIO: Final = 0.6  # of the lease, after which a write renews it first

_log = structlog.get_logger("redis")

Work = Callable[[], Awaitable[None]]


class Homes:
    """The lease of this node's run, and the clearing of dead ones.

    `sweeps`: what clears a dead home, in order; `moved`: what is done once this node has another home, each until it
    succeeds. None of it is done within a renewal: whoever waits for that may hold what the work needs.
    """

    def __init__(self, access: LiveAccess, lease: float = LEASE_SECONDS) -> None:
        self._access, self._lease = access, lease
        self.current = token_hex(8)
        self.sweeps: list[Callable[[str], Awaitable[None]]] = []
        self.moved: list[Work] = []
        self._owed: list[Work] = []  # of `moved`, what is still to be done for the present home
        self.ticks: list[Work] = []
        """Work after each renewal, once a second, while the store answers."""
        self.report: tuple[str, bytes] = ("", b"")
        """The node and its report, stored with the next renewal."""
        self.healthy = False
        self._renewed_at = self._up_since = float("-inf")
        self._is_begun = False
        self._renewing: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._sweeping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin the lease. Raises Unavailable."""
        await self._renew()
        self._task = asyncio.create_task(self._run())

    async def assure(self) -> str:
        """Return the home, whose lease holds for a while. Raises Unavailable."""
        if self._access.clocks.steady() - self._renewed_at > self._lease * _STALE_RATIO:
            await self._renew_once()
        return self.current

    def owe(self, work: Work) -> None:
        """Do some work as if the node had moved just now."""
        self._owed.append(work)

    async def end(self, after: float | None) -> None:
        """End the run; what it left behind is cleared after so many seconds, None where it has left nothing."""
        await ended(self._task, self._renewing, self._ticking, *self._sweeping)
        try:
            rest = "" if after is None else round(after * 1000)
            await self._access.run("home_end", self._names[:2], self.current, rest)
        except Unavailable:
            pass  # its lease ends by itself

    @property
    def names(self) -> tuple[str, str, str]:
        """The keys: homes, sweeps, and the reports of nodes."""
        keys = self._access.keys
        return keys.live("homes"), keys.live("sweeps"), keys.live("nodes")

    @property
    def _names(self) -> tuple[str, str, str]:
        return self.names

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._renew_once()
                if self._ticking is None or self._ticking.done():  # a long one must not hold the lease up
                    self._ticking = asyncio.create_task(self._tick())
            except Unavailable:
                self.healthy = False
            except Exception:
                _log.exception("lease_not_renewed")

    async def _tick(self) -> None:
        owed = self._owed  # a further move makes another list
        for work in (*owed, *self.ticks):
            try:
                await work()
            except Unavailable:
                continue  # done again with the next second; of a cluster, one server may be away
            except Exception:
                _log.exception("live_upkeep_failed")
            else:
                if work in owed:
                    owed.remove(work)

    async def _renew_once(self) -> None:
        """Renew; calls that come meanwhile wait for the same renewal."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())
        await asyncio.shield(self._renewing)

    async def _renew(self) -> None:
        began = self._access.clocks.steady()
        may_sweep = self.healthy and began - self._up_since > self._lease
        node, report = self.report
        reply = await self._access.run(
            "home_renew",
            self.names,
            self.current,
            round(self._lease * 1000),
            "" if self._is_begun else "1",
            node,
            report,
            "1" if may_sweep else "",
            round(SWEEP_SECONDS * 1000),
        )
        if not reply[0]:
            await self._move()
            return
        if not self.healthy or began - self._renewed_at > self._lease:
            self._up_since = began  # others may have been cut off alike: give them time to renew
        self._is_begun = self.healthy = True
        self._renewed_at = began
        for dead in reply[2:]:
            self._sweep(dead.decode())

    async def _move(self) -> None:
        _log.warning("home_lost", node=self._access.node)
        self.current, self._is_begun, self._owed = token_hex(8), False, list(self.moved)
        await self._renew()

    def _sweep(self, home: str) -> None:
        task = asyncio.create_task(self._clear(home))
        self._sweeping.add(task)
        task.add_done_callback(self._sweeping.discard)

    async def _clear(self, home: str) -> None:
        try:
            for sweep in self.sweeps:
                await sweep(home)
            await self._access.run("home_end", self.names[:2], home, "")
        except Unavailable:
            pass  # whoever takes it next goes on
        except Exception:
            _log.exception("sweep_failed", home=home)
