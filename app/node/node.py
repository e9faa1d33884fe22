"""One node: it starts and stops, keeps time for its connections, and holds the parts together."""

from __future__ import annotations

import asyncio
import math
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from app.core.instant import until_next_second
from app.core.refusal_budget import RefusalBudgets
from app.core.sessions.session import Session
from app.engine.ports.errors import Unavailable
from app.node.connections.connection_limit import ConnectionLimit
from app.node.connections.connection_sets import ConnectionSets
from app.node.connections.disconnect_queue import DisconnectQueue
from app.node.connections.farewells import farewell, look_seconds, takes_over
from app.node.connections.recheck_queue import RecheckQueue
from app.node.connections.registry import Registry
from app.node.connections.shared_budgets import SharedBudgets
from app.node.control import NodeControl
from app.node.delivery import NodeDelivery
from app.node.effects.authentication import Authentication
from app.node.effects.author_rights import AuthorRights
from app.node.effects.context import EffectContext
from app.node.effects.outcomes import Outcomes
from app.node.effects.runner import EffectRunner
from app.node.sockets.background import Background
from app.node.sockets.flusher import Flusher
from app.node.sockets.timers import Timers
from app.node.sockets.turns import Turns
from app.node.subscriptions.hub import Hub
from app.node.subscriptions.subscriptions import Subscriptions
from app.telemetry.stalls import MeasuredLoop
from dossier_realtime.protocol.errors import CloseCode
from dossier_realtime.protocol.responses import ConnectionStateMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant
    from app.core.sessions.effects import Effect
    from app.node.connections.connection import Connection
    from app.node.parts import NodeParts, Services

_TICK_SECONDS: Final = 0.2  # between two checks of the deadlines at least; without a nearer one 0.5 to 1.5 s
_STANDSTILL_SECONDS: Final = 0.5  # so late a check reads first what waits in the sockets
_READ_AGAIN_SECONDS: Final = 5.0  # after such a reading; an overloaded node must not read for ever
_POLL_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.25  # between two looks for another node
_SETTLE_TIMEOUT_SECONDS: Final = 5.0  # for the work under way when the node stops


class Node:
    """The composition of a node's parts; the host of its connections."""

    def __init__(
        self,
        name: str,
        parts: NodeParts,
        services: Services,
        clock: Callable[[], Instant],
        new_id: Callable[[], str],
    ) -> None:
        self.name = name
        self.engine = parts.engine
        self.policy = parts.policy
        self.limits = parts.limits
        self.recorder = parts.recorder
        self.verifier = parts.verifier
        self.services = services
        self.clock = clock
        self.new_id = new_id
        self.loop = asyncio.get_running_loop()
        self.flusher = Flusher(self.loop, self.recorder.record_written)
        self.timers = Timers(self._tick_sooner)
        self.budgets = SharedBudgets(self.engine.rates, clock)
        self.refusals = RefusalBudgets(self.limits.refusals)
        at_turn_end = self.loop.call_at_turn_end if isinstance(self.loop, MeasuredLoop) else None
        self.turns = Turns(self.loop, at_turn_end=at_turn_end)
        self.turns.before_others = self.flusher.flush
        self.background = Background(self.loop)
        self.hub: Hub[Connection] = Hub()
        self.registry = Registry()
        self._subscriptions = Subscriptions(
            self.hub, self.engine, self.policy, services.documents, self.recorder, self.background, self.turns
        )
        self.disconnects = DisconnectQueue(self.turns, self._subscriptions.shut_out)
        connections = ConnectionSets(self.registry, self.hub, RecheckQueue(self.turns, clock), self.disconnects)
        self._delivery = NodeDelivery(parts, services, connections)
        self.control = NodeControl(parts, services, connections, clock)
        self.effects = self._effect_runner()
        self.draining = False
        self.is_taken_over = False
        """True where another node took clients when the drain of this one began."""
        self._ticker: asyncio.TimerHandle | None = None
        self._is_timing = False  # whether a step of `_run_timer` waits for its turn
        self._timed_at = math.inf
        """The steady time of the last tick or deadline; after a reading a later time, before which none is repeated."""

    def _effect_runner(self) -> EffectRunner:
        context = EffectContext(
            self.engine,
            self.services,
            self.recorder,
            self.background,
            Outcomes(self.recorder, self.background),
            AuthorRights(self.engine.revocations, self.policy),
        )
        limit = ConnectionLimit(
            self.engine.sessions,
            self.registry,
            self.turns,
            self.clock,
            self.limits.connections_per_user,
            self.limits.session.heartbeat_interval,
        )
        authentication = Authentication(context, self.verifier, self.registry, self._subscriptions, limit)
        return EffectRunner(context, authentication, self._subscriptions)

    def start(self) -> None:
        """Begin to receive from the engine and to check deadlines."""
        self.engine.broker.start(self._delivery.deliver, self._delivery.begin_again, self._delivery.record)
        self.engine.presence.start(self._delivery.deliver_presence)
        self.engine.revocations.start(self.control.revoke)
        self.engine.settings.start(self.control.change_settings)
        self.engine.control.start(self.control.handle)
        self._tick_at(self.loop.time() + _TICK_SECONDS)

    def ready(self) -> bool:
        """Return whether the node takes another connection."""
        return not self.draining and len(self.registry.connections) < self.limits.max_connections

    # --- the host of connections ------------------------------------------------------------------------------

    def new_session(self, at: Instant) -> Session:
        """Return the state of a connection that has sent nothing yet."""
        return Session(self.policy, self.engine.rates.limiter, self.limits.session, at)

    def began(self, connection: Connection) -> None:
        """Register a connection whose handshake was completed."""
        self.registry.connections[connection.connection_id] = connection
        self.timers.watch(connection)
        self.recorder.record_connected(len(self.registry.connections))

    def ended(self, connection: Connection) -> None:
        """Take a connection out of all deliveries and close its session; its socket may still be closing."""
        self.timers.forget(connection)
        self._subscriptions.forget(connection)
        session_id = connection.session.session_id
        if self.registry.by_session.get(session_id) is connection:
            del self.registry.by_session[session_id]
            self.background.start(self.engine.sessions.close(session_id, connection.session.reconnect_count))

    def gone(self, connection: Connection) -> None:
        """Forget a connection whose socket is closed."""
        if self.registry.connections.pop(connection.connection_id, None) is not None:
            self.recorder.record_closed(connection, len(self.registry.connections))

    def execute(self, connection: Connection, effect: Effect) -> asyncio.Task[None] | None:
        """Begin an effect that takes time; a returned task must end before the connection's next message."""
        return self.effects.execute(connection, effect)

    def leave(self, connection: Connection, channel: str) -> None:
        """Deliver nothing more of the channel to the connection."""
        self._subscriptions.leave(connection, channel)

    # --- time and the end -------------------------------------------------------------------------------------

    def _tick_at(self, when: float) -> None:
        self._ticker = self.loop.call_at(when, self._tick, when)

    def _tick_sooner(self) -> None:
        """Bring the next tick forward to the first deadline, but not so near that each of many has its own."""
        wait = max(_TICK_SECONDS, self.timers.first - self.clock().steady)
        when = self.loop.time() + wait
        if self._ticker is not None and when < self._ticker.when():
            self._ticker.cancel()
            self._tick_at(when)

    def _tick(self, due: float) -> None:
        at, now = self.clock(), self.loop.time()
        # First of all: a failure below must not stop the clock.
        self._tick_at(now + until_next_second(now))
        self._tick_sooner()
        self.recorder.record_tick(max(0.0, now - due))
        if self.timers.is_due(at) and not self._is_timing:
            self._is_timing = True
            if now - due > _STANDSTILL_SECONDS:
                self.background.start(self._read_and_run_timers())
            else:
                self._timed_at = at.steady
                self.turns.later(self._run_timer)

    async def _read_and_run_timers(self) -> None:
        """Read what waits in the sockets before a peer counts as silent: the process stood still for a while."""
        try:
            await self.turns.after_reading()
        finally:
            self._timed_at = self.clock().steady + _READ_AGAIN_SECONDS
            self.turns.later(self._run_timer)

    def _run_timer(self) -> bool:
        """Run one deadline that is due; return whether another one is."""
        at = self.clock()  # once, so that a standstill behind this line changes nothing
        if at.steady - self._timed_at > _STANDSTILL_SECONDS:
            self.background.start(self._read_and_run_timers())
            return False
        self._timed_at = max(self._timed_at, at.steady)
        self._is_timing = False
        self.timers.run_next(at)  # where it raises, the next tick begins again
        self._is_timing = self.timers.is_due(self.clock())
        return self._is_timing

    async def drain(self) -> None:
        """Ask all clients to reconnect elsewhere, each at its own moment, and close their connections (code 1012)."""
        if self.draining:
            return
        self.draining = True
        seconds = self.limits.drain_seconds
        deadline = self.loop.time() + seconds
        self.is_taken_over = await self._is_taken_over(self.loop.time() + look_seconds(seconds))
        left = max(0.0, deadline - self.loop.time())
        for connection in list(self.registry.connections.values()):
            await self.turns.wait()
            session = connection.session
            chances = random.random(), random.random()  # noqa: S311  jitter
            goodbye = farewell(left, chances, is_taken_over=self.is_taken_over)
            if connection.closing is None and session.session_id:
                state = ConnectionStateMessage(
                    state="reconnecting",
                    session_id=session.session_id,
                    reconnect_count=session.reconnect_count,
                    retry_after=goodbye.retry_after,
                )
                connection.send(state)
            self.loop.call_later(goodbye.closes_in, _restart, connection)
        while self.registry.connections and self.loop.time() < deadline:  # noqa: ASYNC110  a bound, not an event
            await asyncio.sleep(_POLL_SECONDS)

    async def _is_taken_over(self, deadline: float) -> bool:
        """Return whether another node takes clients.

        One that has not reported yet has just started; one whose last report is old, or says that it is not ready, may
        have been busy for some seconds: it is asked for again until the deadline. So is a store that does not answer.
        Nobody waits where there is no other node.
        """
        nodes = self.engine.nodes
        while True:
            with suppress(Unavailable):
                records = await nodes.nodes()
                if takes_over(records, self.name, self.clock().timestamp):
                    return True
                if all(one.node == self.name for one in records) and not await nodes.others():
                    return False
            if self.loop.time() >= deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self) -> None:
        """Close the connections that are left and wait for the work under way."""
        self.draining = True
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None  # a nearer deadline of what settles would begin it again
        for connection in list(self.registry.connections.values()):
            _restart(connection)
            connection.outbox.flush()
        await self.background.settle(_SETTLE_TIMEOUT_SECONDS)
        for connection in list(self.registry.connections.values()):
            connection.hang_up()


def _restart(connection: Connection) -> None:
    connection.fail(CloseCode.SERVICE_RESTART, "the service restarts; reconnect")
