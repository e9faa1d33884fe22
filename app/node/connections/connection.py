"""One client: its session, which decides, its outbox, which sends, and its host, which does the rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from app.core.origin import Origin, origin_now
from app.core.refusal_budget import RefusalBudget, RefusalBudgets
from app.core.sessions.effects import ACCEPTED, Close, Decision, Leave, Send, SendPing
from app.core.sessions.session import Session
from app.node.sockets.frames import close_frame, ping_frame, text_frame
from app.node.sockets.long_frames import subscribed_frame
from app.node.sockets.outbox import Outbox
from app.node.sockets.turns import Lane
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.codec import InvalidMessage
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.inbound import encode_inbound
from dossier_realtime.protocol.responses import ErrorMessage

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Sequence

    from app.core.instant import Instant
    from app.core.sessions.effects import Effect
    from app.node.connections.limits import NodeLimits
    from app.node.connections.shared_budgets import SharedBudgets
    from app.node.sockets.background import Background
    from app.node.sockets.flusher import Flusher
    from app.node.sockets.queued_frames import Frame
    from app.node.sockets.timers import Timers
    from app.node.subscriptions.attachment import Attachment
    from app.services.editing.shared_texts import SharedText
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.commands import Command
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.protocol.inbound import InboundMessage
    from dossier_realtime.protocol.responses import Subscribed

DecodedMessage: TypeAlias = "Command | InboundMessage | InvalidMessage | None"
"""A decoded message, or the reason why it cannot be decoded; None for one that was refused before."""

_MAX_CONTROL_FRAMES: Final = 2_000  # pings and pongs in one window: far above any use
_CONTROL_WINDOW_SECONDS: Final = 10.0
_LINGER_SECONDS: Final = 3.0  # for the peer's answer to a close frame
_MAX_LINGER_SECONDS: Final = 30.0  # for a peer that still reads the frames before the close frame


class ConnectionRecorder(Protocol):
    """The record of what one connection receives and sends."""

    def record_received(
        self, connection: Connection, payload: bytes, decoded: bytes, command: DecodedMessage, decision: Decision
    ) -> object:
        """Record a message that came in and the decision on it.

        Returns:
            The message's entry in the journal, None where the journal had no room for it.
        """

    def record_decision(self, connection: Connection, decision: Decision) -> None:
        """Record a decision that no message of the client caused."""

    def record_sent(self, connection: Connection, payload: bytes, type_: str, channel: str) -> None:
        """Record a message to this connection alone."""

    def record_conflated(self, connection: Connection, places: Sequence[int]) -> None:
        """Record that waiting messages were dropped for later ones."""


class ConnectionHost(Protocol):
    """The part of the node that a connection uses."""

    name: str
    loop: asyncio.AbstractEventLoop
    flusher: Flusher
    timers: Timers
    limits: NodeLimits
    refusals: RefusalBudgets
    clock: Callable[[], Instant]
    new_id: Callable[[], str]
    budgets: SharedBudgets
    background: Background

    @property
    def recorder(self) -> ConnectionRecorder:
        """The record of the node."""

    def new_session(self, at: Instant) -> Session:
        """Return the state of a connection that has sent nothing yet."""

    def execute(self, connection: Connection, effect: Effect) -> asyncio.Task[None] | None:
        """Begin an effect that takes time; a returned task must end before the connection's next message."""

    def leave(self, connection: Connection, channel: str) -> None:
        """Deliver nothing more of a channel."""

    def ended(self, connection: Connection) -> None:
        """Take the connection out of all deliveries; its socket may still be closing."""


class Connection:
    """One socket of a client. `hang_up` closes the socket itself."""

    def __init__(self, host: ConnectionHost, sock: socket.socket, address: str, hang_up: Callable[[], None]) -> None:
        self.host = host
        self.address = address
        self.outbox = Outbox(sock, host.loop, host.flusher, host.limits.outbox, self)
        self.attachments: dict[str, Attachment] = {}
        self.connection_id = host.new_id()
        self.user_id = ""
        self.closing: tuple[int, str] | None = None
        self.hang_up = hang_up
        self._gone = False
        self._end: Sequence[Effect] = ()  # the end that was decided and is not yet carried out
        at = host.clock()
        self.session: Session = host.new_session(at)
        self._frame_since: float | None = None
        self._control_since = at.steady
        self._control = 0
        self._taken = 0  # bytes that the peer had made room for by `_taken_at`
        self._taken_at = at.steady
        self._refusals = RefusalBudget(host.limits.refusals, at.steady)  # before the login; then the user's counts
        self._refused_user = ""

    @property
    def now(self) -> Instant:
        """The present time on both clocks."""
        return self.host.clock()

    # --- from the wire ----------------------------------------------------------------------------------------

    def received(self, payload: bytes) -> asyncio.Task[None] | None:
        """Handle one text message; a returned task must end before the connection's next message."""
        identity, budgets = self.session.identity, self.host.budgets
        if identity is not None and not budgets.are_covered(identity):
            return self.host.background.start(self._received_later(payload, identity))
        return self._received(payload)

    async def _received_later(self, payload: bytes, identity: Identity) -> None:
        """Handle a message once this node may judge it."""
        await self.host.budgets.cover(identity)
        work = None if self.closing is not None else self._received(payload)
        if work is not None:
            await work

    def _received(self, payload: bytes) -> asyncio.Task[None] | None:
        at = self.now
        if self.session.identity is None and len(payload) > self.host.limits.auth_max_bytes:
            self.fail(CloseCode.TOO_BIG, "the first message is too big")
            return None
        command: DecodedMessage = None
        decoded = b""
        weighed = self.session.weigh(payload, at)
        if weighed is not None:
            if weighed.rule:
                self.host.recorder.record_received(self, payload, decoded, command, weighed)
            if weighed.rule:
                self.execute(weighed.effects)
                return None
        try:
            command = codec.decode_command(payload)
            decoded = encode_inbound(command)  # before the session judges it and stamps its fields
        except InvalidMessage as wrong:
            command, decision = wrong, self.session.malformed(wrong, at)
        else:
            decision = self.session.receive(command, at)
        if weighed is not None:
            decision = weighed.then(decision)  # a warning, which operators see too
        entry = self.host.recorder.record_received(self, payload, decoded, command, decision)
        origin = origin_now.set(Origin(self.user_id, f"session:{self.session.session_id}", entry or 0, at.steady))
        try:
            return self.execute(decision.effects)
        finally:
            origin_now.reset(origin)

    def control_frame(self, pong: bytes | None) -> None:
        """Handle a ping, whose answer is `pong`, or a pong (None)."""
        at = self.host.clock()
        self.session.heard(at)
        if at.steady - self._control_since > _CONTROL_WINDOW_SECONDS:
            self._control_since, self._control = at.steady, 0
        self._control += 1
        if self._control > _MAX_CONTROL_FRAMES:
            self.apply(self.session.unsolicited_flood(at))
        elif pong is not None:
            self.outbox.push(pong)

    def mid_frame(self, unfinished: bool) -> None:
        """Start the timeout of a frame that is incomplete (`unfinished`), or stop it when the frame is complete."""
        if not unfinished:
            self._frame_since = None
        elif self._frame_since is None:
            self._frame_since = self.host.clock().steady
            self.host.timers.watch(self)

    def share_refusals(self, user_id: str) -> None:
        """Go on with the budget of the user: it is one over all connections, and outlives each."""
        self._refused_user = user_id

    def _budget(self, steady: float) -> RefusalBudget:
        # Looked up each time: a calm budget of the user may have been forgotten, and begun again by another connection.
        return self.host.refusals.of(self._refused_user, steady) if self._refused_user else self._refusals

    def take_pause(self) -> float:
        """Return the seconds in which the socket is not read, since much was refused; 0.0 for none.

        Meanwhile the peer counts neither as silent nor as slow with a frame. Call it once a pause.
        """
        user, steady = self._refused_user, self.host.clock().steady
        pause = self.host.refusals.pause(user, steady) if user else self._refusals.pause(steady)
        if pause:
            self.session.deadlines.unread(pause)
            if self._frame_since is not None:
                self._frame_since += pause
        return pause

    @property
    def lane(self) -> Lane:
        """The lane of the connection's work in a turn of the loop."""
        user, steady = self._refused_user, self.host.clock().steady
        if self.host.refusals.is_often(user, steady) if user else self._refusals.is_often(steady):
            return Lane.REFUSED
        return Lane.SESSIONS if self.user_id else Lane.NEWCOMERS

    def restart(self) -> None:
        """Close the connection: the node cannot serve it now."""
        self.fail(CloseCode.TRY_AGAIN_LATER, "the service cannot serve now; reconnect later")

    def violated(self, code: CloseCode, reason: str) -> None:
        """Close the connection: the peer broke RFC 6455 or a bound of the transport."""
        self.fail(code, reason)

    def peer_closed(self, code: int, reason: str) -> None:
        """Answer the peer's close frame once, then hang up."""
        if self.closing is None:
            self.closing = (code, reason)
            self.outbox.on_empty = self.hang_up
            self.outbox.push(close_frame(CloseCode.NORMAL if code == _NO_STATUS else code))
            self._linger()
            self._ended()
        else:
            self.finish_end()
            self.hang_up()

    def wire_lost(self) -> None:
        """End the connection: its socket is lost."""
        if not self._gone:
            if self.closing is None:
                self.closing = (_ABNORMAL, "")
            self._ended()
            self.hang_up()

    # --- to the wire ------------------------------------------------------------------------------------------

    def send(self, event: Event) -> None:
        """Send one message to this client alone."""
        # Whichever part refused: a pause must not depend on the reason. An outage is no fault of the client.
        if isinstance(event, ErrorMessage) and event.error_code != ErrorCode.SERVICE_UNAVAILABLE:
            steady = self.now.steady
            self._budget(steady).refused(steady)
        payload = codec.encode(event)
        self._send(payload, text_frame(payload), codec.message_type(event), getattr(event, "channel", None) or "")

    def send_document(self, answer: Subscribed, text: SharedText) -> None:
        """Send a `subscribed` with a document. Its text, empty in `answer`, is shared with other readers' frames."""
        payload, frame = subscribed_frame(answer, text)
        self._send(payload, frame, codec.message_type(answer), answer.channel)

    def _send(self, payload: bytes, frame: Frame, type_: str, channel: str) -> None:
        self.host.recorder.record_sent(self, payload, type_, channel)
        held = self.outbox.holds_long
        self.outbox.push(frame)
        if self.outbox.holds_long and not held:
            self._taken_at = self.now.steady
            self.host.timers.watch(self)

    def fail(self, code: CloseCode, reason: str) -> None:
        """Close the connection: frames that wait, then the close frame, then a moment for the peer's answer."""
        if self.closing is not None:
            self.finish_end()
            return
        self.closing = (int(code), reason)
        self._close(code, reason)

    def begin_end(self, decision: Decision) -> None:
        """Take a decision that ends the connection; `finish_end` carries it out.

        From here on no message is handled, and none is sent but those of the decision.
        """
        self.host.recorder.record_decision(self, decision)
        self._end = decision.effects
        last = decision.effects[-1]
        assert isinstance(last, Close)  # noqa: S101  the caller's duty
        self.closing = (int(last.code), last.reason)

    def finish_end(self) -> None:
        """Carry out the decision of `begin_end`, once, unless the socket was lost meanwhile."""
        effects, self._end = self._end, ()
        if self._gone:
            return
        for effect in effects:
            if isinstance(effect, Send):
                self.send(effect.event)
            elif isinstance(effect, Close):
                self._close(effect.code, effect.reason)

    def _close(self, code: CloseCode, reason: str) -> None:
        if code in _ABUSE:
            steady = self.now.steady
            self._budget(steady).spend(steady)
        self.outbox.push(close_frame(code, reason))
        self._linger()
        self._ended()

    def _linger(self, seconds: float = 0.0) -> None:
        """Hang up after a moment, and later as long as the peer reads the frames before the close frame."""

        def judge() -> None:
            if self.outbox.taken_late == taken or seconds + _LINGER_SECONDS >= _MAX_LINGER_SECONDS:
                self.hang_up()
            else:
                self._linger(seconds + _LINGER_SECONDS)

        taken = self.outbox.taken_late
        self.host.loop.call_later(_LINGER_SECONDS, judge)

    def too_slow(self) -> None:
        """Close a connection whose outbox is past its bound; the client reconnects and recovers missed events."""
        if self.closing is not None:
            self.wire_lost()
            return
        code = CloseCode.SLOW_CONSUMER
        self.closing = (int(code), "too slow; reconnect and recover")
        self.outbox.finish(close_frame(*self.closing))
        self._linger()
        self._ended()

    def replaced_frames(self, places: Sequence[int]) -> None:
        """Record queued frames that were dropped for later ones."""
        self.host.recorder.record_conflated(self, places)

    # --- decisions --------------------------------------------------------------------------------------------

    def apply(self, decision: Decision) -> None:
        """Carry out a decision that no message of the client caused."""
        if decision.rule != ACCEPTED:
            self.host.recorder.record_decision(self, decision)
        self.execute(decision.effects)

    def execute(self, effects: Iterable[Effect]) -> asyncio.Task[None] | None:
        """Execute the effects in their order; a returned task must end before the connection's next message."""
        for effect in effects:
            match effect:
                case Send(event):
                    if self.closing is None:
                        self.send(event)
                case Close(code, reason):
                    self.fail(code, reason)
                case Leave(channel):
                    self.host.leave(self, channel)
                case SendPing():
                    self.outbox.push(_PROBE)
                case _:
                    # At most one effect of a decision takes time, and it is the last.
                    return self.host.execute(self, effect)
        return None

    @property
    def deadline(self) -> float:
        """The time of the next `tick`, on the steady clock; infinity once the connection closes."""
        if self.closing is not None:
            return float("inf")
        deadline = self.session.deadline
        if self._frame_since is not None:
            deadline = min(deadline, self._frame_since + self.host.limits.frame_timeout)
        if self.outbox.holds_long:
            deadline = min(deadline, self._taken_at + self.host.limits.outbox.stall_timeout)
        return deadline

    def tick(self, at: Instant) -> None:
        """Do the work that is due at a time."""
        self._note_progress(at)
        if self._frame_since is not None and at.steady >= self._frame_since + self.host.limits.frame_timeout:
            self.fail(CloseCode.HEARTBEAT_LOST, "a frame took too long; reconnect")
        elif self.outbox.holds_long and at.steady >= self._taken_at + self.host.limits.outbox.stall_timeout:
            self.too_slow()
        else:
            self.execute(self.session.tick(at))

    def _note_progress(self, at: Instant) -> None:
        """Count a peer as alive that took bytes since the last time.

        Its pongs may stand behind a frame that takes minutes on a slow line.
        """
        if self.outbox.taken_late != self._taken:
            self._taken, self._taken_at = self.outbox.taken_late, at.steady
            self.session.heard(at)

    def _ended(self) -> None:
        if not self._gone:
            self._gone = True
            self.host.ended(self)

    def let_go(self) -> None:
        """Drop the reference to the closed socket, which refers back: both are freed without cyclic collection."""
        self.hang_up = _nothing


def _nothing() -> None:
    """Do nothing: the socket is closed already."""


_ABUSE = (CloseCode.RATE_ABUSE, CloseCode.PROTOCOL_ABUSE)
_PROBE = ping_frame()
_NO_STATUS = 1005
_ABNORMAL = 1006
