"""One node: its connections, the clocks that watch them, and what the engine tells it."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from msgspec import UNSET

from app.core.origin import origin_now
from app.core.sessions.session import Session
from app.node.connections.connection import Connection
from app.node.connections.connection_limit import ConnectionLimit
from app.node.connections.endings import Endings
from app.node.connections.hub import Hub
from app.node.connections.rechecks import Rechecks
from app.node.connections.registry import Registry
from app.node.connections.subscriptions import Subscriptions
from app.node.effects.runner import EffectRunner
from app.node.sockets.background import Background
from app.node.sockets.frames import text_frame
from app.node.sockets.outbox import ConflatableFrame, Flusher, TimedFrame, UnrecordedFrame
from app.node.sockets.timers import Timers
from app.node.sockets.turns import Turns
from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.errors import CloseCode
from dossier_realtime.protocol.events import PresenceJoin, PresenceLeave, PresenceUpdate
from dossier_realtime.protocol.responses import ConnectionStateMessage
from dossier_realtime.recording.ops.ops_rows import LimitRow, decode_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.instant import Instant
    from app.core.sessions.effects import Effect
    from app.engine.ports import ControlCommand, Engine, PresenceEvent, Publication
    from app.journal.acts import ActRecord
    from app.node.connections.limits import NodeLimits
    from app.node.recorder import Recorder
    from app.security.auth import TokenVerifier
    from app.services.alerts import Alerts
    from app.services.briefs import Briefs
    from app.services.channel_admin import ChannelAdmin
    from app.services.editing.cursors import Cursors
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelPolicy, ChannelSettings

_TICK = 0.2  # seconds between two looks at the deadlines
_STANDSTILL = 1.0  # seconds that a look may be late before what waits in the sockets is read first


class Node:
    """The composition of a node's parts."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        policy: ChannelPolicy,
        publisher: EventPublisher,
        documents: Documents,
        cursors: Cursors,
        alerts: Alerts,
        briefs: Briefs,
        verifier: TokenVerifier,
        settings: ChannelAdmin,
        recorder: Recorder,
        acts: ActRecord,
        limits: NodeLimits,
        clock: Callable[[], Instant],
        new_id: Callable[[], str],
    ) -> None:
        self.name = name
        self.engine = engine
        self.policy = policy
        self.limits = limits
        self.clock = clock
        self.new_id = new_id
        self.recorder = recorder
        self.verifier = verifier
        self.loop = asyncio.get_running_loop()
        self.flusher = Flusher(self.loop, recorder.record_written)
        self.timers = Timers()
        self.turns = Turns(self.loop)
        self.turns.before_others = self.flusher.flush
        self._rechecks = Rechecks(self.turns, clock)
        self.hub: Hub[Connection] = Hub()
        self.registry = Registry()
        self.background = Background(self.loop)
        self.draining = False
        self._documents = documents
        self._quotas = publisher.quotas
        self._cursors = cursors
        self._subscriptions = Subscriptions(self.hub, engine, policy, documents, recorder, self.background, self.turns)
        self.endings = Endings(self.turns, self._subscriptions.shut_out)
        self._effects = EffectRunner(
            name,
            engine,
            publisher,
            documents,
            cursors,
            alerts,
            briefs,
            verifier,
            settings,
            self.registry,
            self._subscriptions,
            recorder,
            acts,
            self.background,
            ConnectionLimit(
                engine.sessions,
                self.registry,
                self.turns,
                clock,
                limits.connections_per_user,
                limits.session.heartbeat_interval,
            ),
        )
        self._ticker: asyncio.TimerHandle | None = None
        self._is_timing = False  # whether a step of `_run_timer` waits for its turn

    def start(self) -> None:
        """Listen to the engine and to time."""
        self.engine.broker.start(self._deliver)
        self.engine.presence.start(self._tell)
        self.engine.revocations.start(self._revoked)
        self.engine.settings.start(self._settings_changed)
        self.engine.control.start(self._handle)
        self._ticker = self.loop.call_later(_TICK, self._tick, self.loop.time() + _TICK)

    def raised_limits(self) -> list[LimitRow]:
        """Return the users whose limits are raised, as rows for operators."""
        at = self.clock()
        return [
            LimitRow(
                key=f"{user_id} *",
                user_id=user_id,
                name=self.registry.name_of(user_id),
                rate_class="*",
                state="lifted",
                until=round(at.wall + left),
                personal=True,
            )
            for user_id, left in self.engine.rates.limiter.raised_limits(at.steady).items()
        ]

    def ready(self) -> bool:
        """Whether another connection may come."""
        return not self.draining and len(self.registry.connections) < self.limits.max_connections

    # --- what connections ask ---------------------------------------------------------------------------------

    def new_session(self, at: Instant) -> Session:
        """The state of a connection that has said nothing yet."""
        return Session(self.policy, self.engine.rates.limiter, self.limits.session, at)

    def began(self, connection: Connection) -> None:
        """A handshake was completed."""
        self.registry.connections[connection.connection_id] = connection
        self.timers.watch(connection)
        self.recorder.record_connected(len(self.registry.connections))

    def ended(self, connection: Connection) -> None:
        """A connection takes no more part; its socket may still be closing."""
        self.timers.forget(connection)
        self._subscriptions.forget(connection)
        session_id = connection.session.session_id
        if self.registry.by_session.get(session_id) is connection:
            del self.registry.by_session[session_id]
            self.background.start(self.engine.sessions.close(session_id, connection.session.reconnect_count))

    def gone(self, connection: Connection) -> None:
        """Its socket is closed."""
        if self.registry.connections.pop(connection.connection_id, None) is not None:
            self.recorder.record_closed(connection, len(self.registry.connections))

    def execute(self, connection: Connection, effect: Effect) -> asyncio.Task[None] | None:
        """Carry out what takes time."""
        return self._effects.execute(connection, effect)

    def leave(self, connection: Connection, channel: str) -> None:
        """Deliver nothing more of a channel."""
        self._subscriptions.leave(connection, channel)

    # --- what the engine tells --------------------------------------------------------------------------------

    def _deliver(self, publications: Sequence[Publication]) -> None:
        for publication in publications:
            self._rechecks.finish(publication.channel)
            rules = publication.delivery
            if rules.per_reader:
                self._deliver_report(publication)
                continue
            channel, offset = publication.channel, publication.offset
            frame, origin = text_frame(publication.frame), origin_now.get()
            if rules.conflation_key:
                frame = ConflatableFrame.of(frame, *rules.conflation_key)
            submission = self._documents.claim(channel, offset, publication.frame)
            if submission is not None:
                origin = submission.origin  # of a lane's turn there are many
            if origin is not None and not rules.exclude_user:  # a cursor may have waited on purpose
                frame = TimedFrame.at(origin.accepted, frame)
            self.hub.advance(channel, offset)
            excluded = rules.exclude_connection
            receivers = self.hub.live(channel, exclude_user=rules.exclude_user, exclude_connection=excluded)
            self.recorder.record_delivery(publication, len(receivers), origin)
            self.hub.deliver(frame, receivers)

    def _deliver_report(self, publication: Publication) -> None:
        """Give each operator the rows and counts that they may see: readers of one clearance often share a frame."""
        report, channel = decode_report(publication.frame), publication.channel
        frames: dict[Identity, bytes] = {}
        for connection in self.hub.live(channel):
            identity = connection.session.identity
            if identity is None:
                continue
            if identity not in frames:
                frames[identity] = codec.encode(report.seen_by(identity, self.policy.settings))
            self.recorder.record_report()
            connection.outbox.push(UnrecordedFrame(text_frame(frames[identity])))

    def _tell(self, event: PresenceEvent) -> None:
        channel, user_id = event.channel, event.payload.user_id
        self._rechecks.finish(channel)
        if not self.policy.settings(channel).presence:
            return
        payload = codec.encode(event)
        frame = text_frame(payload)
        if isinstance(event, PresenceLeave):
            self._cursors.left(channel, user_id)
        if isinstance(event, PresenceUpdate) and event.payload.name is UNSET:
            frame = ConflatableFrame.of(frame, "presence", channel, user_id)
        excluded = user_id if isinstance(event, PresenceJoin) else ""
        receivers = self.hub.watching(channel, excluded)
        self.recorder.record_presence_change(
            channel, payload, codec.message_type(event), len(receivers), excluded, user_id
        )
        self.hub.deliver(frame, receivers)

    def _revoked(self, token_id: str | None, user_id: str | None, moment: float) -> None:
        at, revocations = self.clock(), self.engine.revocations
        revoked = [
            connection
            for connection, who in self.registry.identified()
            if revocations.is_revoked(who.user_id, who.token_id, who.issued_at)
        ]
        self.endings.end(revoked, "the token was revoked", at)
        self.recorder.record_revocation(token_id, user_id, moment)

    def _handle(self, command: ControlCommand) -> None:
        at = self.clock()
        if command.kind == "lift_limits":
            for limiter in (self.engine.rates.limiter, self._quotas.limiter):
                limiter.raise_limit(command.subject, command.seconds, at.steady)
            self.recorder.record_raised_limit(command.subject, self.registry.name_of(command.subject), command.seconds)
        else:
            self.registry.handle(command, self.endings, at)
        if command.kind == "end_user":
            self.recorder.record_disconnection(command.subject)

    def _settings_changed(self, channel: str, settings: ChannelSettings) -> None:
        before = self.policy.settings(channel)
        self.policy.put(channel, settings)
        self.recorder.record_settings(channel, settings)
        if before.history != settings.history and channel in self.hub.heads:
            self.hub.heads[channel] = 0  # a new epoch begins
        # A user whose own channel was withheld is no member of it, and receives it again once that is allowed.
        own = self.registry.of_user(channels.identifier(channel)) if channels.is_in(channel, "user") else []
        self._rechecks.begin(channel, dict.fromkeys([*self.hub.members(channel), *own]))

    # --- time and the end -------------------------------------------------------------------------------------

    def _tick(self, due: float) -> None:
        now = self.loop.time()
        self._ticker = self.loop.call_later(_TICK, self._tick, now + _TICK)  # first: what fails must not end time
        self.recorder.record_tick(max(0.0, now - due))
        if self.timers.is_due(self.clock()) and not self._is_timing:
            self._is_timing = True
            if now - due > _STANDSTILL:
                self.background.start(self._read_and_run_timers())
            else:
                self.turns.later(self._run_timer)

    async def _read_and_run_timers(self) -> None:
        """Read what waits in the sockets before anybody counts as silent: the process stood still for a while."""
        await self.turns.after_reading()
        self.turns.later(self._run_timer)

    def _run_timer(self) -> bool:
        """Look at one deadline that is due; whether another one is."""
        self._is_timing = False
        self.timers.run_next(self.clock())
        self._is_timing = self.timers.is_due(self.clock())
        return self._is_timing

    async def drain(self) -> None:
        """Ask everybody to come back elsewhere, each at its own moment, and close (code 1012)."""
        if self.draining:
            return
        self.draining = True
        seconds = self.limits.drain_seconds
        for connection in list(self.registry.connections.values()):
            await self.turns.wait()
            session = connection.session
            if connection.closing is None and session.session_id:
                state = ConnectionStateMessage(
                    state="reconnecting",
                    session_id=session.session_id,
                    reconnect_count=session.reconnect_count,
                    retry_after=round(random.uniform(0.5, max(1.0, seconds)), 2),  # noqa: S311  jitter
                )
                connection.send(state)
            self.loop.call_later(random.uniform(0, seconds * 0.8), _restart, connection)  # noqa: S311  jitter
        deadline = self.loop.time() + seconds
        while self.registry.connections and self.loop.time() < deadline:  # noqa: ASYNC110  a bound, not an event
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Close what is left and wait for what is under way."""
        self.draining = True
        if self._ticker is not None:
            self._ticker.cancel()
        for connection in list(self.registry.connections.values()):
            _restart(connection)
            connection.outbox.flush()
        await self.background.settle(5.0)
        for connection in list(self.registry.connections.values()):
            connection.hang_up()


def _restart(connection: Connection) -> None:
    connection.fail(CloseCode.SERVICE_RESTART, "the service restarts; reconnect")
