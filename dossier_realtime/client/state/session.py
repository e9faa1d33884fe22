"""The state that outlives a connection: subscribed channels, and sends that wait for their `ack`. Pure.

`now` is seconds on a steady clock. While offline everything is kept; `authenticated` sends it (again).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import UNSET

from dossier_realtime.protocol import channels, codec, responses
from dossier_realtime.protocol.commands import PresenceChange, Unsubscribe
from dossier_realtime.protocol.documents.field_locks import LockState
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import AlertState, Event, PresenceJoin, PresenceLeave, PresenceUpdate
from dossier_realtime.protocol.fields import Position

from ..errors import ConnectionClosed, DeniedError, NotSubscribed, RealtimeError, TimedOut
from .channel_state import Beginning, ChannelState
from .document_replica import DocumentReplica, Followed
from .editing.edit_pace import EditPace
from .effects import Deliver, DeliverUnknown, Effect, End, ErrorReport, Reject, Settle, ShowPresence, Unasked, Write
from .send_queue import PendingSend, SendQueue
from .unknown_message import UnknownMessage

MAX_PENDING_SENDS = 1_000  # sends that wait for their answer
MAX_IN_FLIGHT = 64  # sends; well below the 200 refusals a minute at which the server closes the connection
PAUSE_SECONDS = 15.0  # wait where the server asks to wait, but not how long
MAX_PAUSES = 5  # requests to wait after which a send fails

_WORTH_WAITING = frozenset({ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.SERVICE_UNAVAILABLE})


SubscriptionStatus = Literal["waiting", "recovering", "live", "ended"]
"""The status of a subscription. `waiting`: the server has not confirmed it on this connection (there may be none).
`recovering`: missed events are still to come. `live`: only live events follow. `ended`: nothing follows."""


class ClientSession:
    """The channels and sends of one client, over all its connections."""

    def __init__(self, send_timeout: float) -> None:
        self.channel_states: dict[str, ChannelState] = {}
        self.user_id: str | None = None
        self._send_timeout = send_timeout
        self._sends = SendQueue(MAX_PENDING_SENDS, MAX_IN_FLIGHT)
        self._online = False
        self._paused_until = 0.0
        self._count = 0
        self.pace = EditPace()
        """The pace of the user's edits, shared by all documents."""

    # --- calls of the user ----------------------------------------------------------------------------

    def subscribe(self, channel: str, *, presence: bool, hidden: bool, since: Beginning = None) -> list[Effect]:
        """Subscribe to a channel; or, where it is subscribed, ask for its presence too."""
        state = self.channel_states.get(channel)
        if state is None:
            state = ChannelState(channel, include_presence=presence, hidden=hidden, since=since)
            self.channel_states[channel] = state
        elif state.include_presence or not presence:
            return []
        state.include_presence = presence
        return self._ask(state)

    def unsubscribe(self, channel: str) -> list[Effect]:
        """Unsubscribe from a channel."""
        return [] if self.channel_states.pop(channel, None) is None else self._leave(channel)

    def open_document(self, replica: DocumentReplica) -> list[Effect]:
        """Subscribe to a document for editing."""
        channel = replica.channel
        state = self.channel_states.get(channel)
        asked = state is not None
        if state is None:
            state = self.channel_states[channel] = ChannelState(
                channel, include_presence=True, hidden=False, since=None
            )
        state.document, state.include_presence = replica, True
        replica.user_id = self.user_id
        return self._load(state) if asked else self._ask(state)

    def close_document(self, channel: str) -> None:
        """Detach the replica of a document; a subscription of its channel remains."""
        if (state := self.channel_states.get(channel)) is not None:
            state.document = None

    def send(self, ref: str, frame: bytes, key: str, now: float, *, patient: bool) -> list[Effect]:
        """Queue a send under a `ref` of `next_ref`.

        `key` is empty for a command that is harmless twice without one. `patient`: it waits where the server asks to.

        Raises:
            QueueFull: while as many sends wait as may.
            DeniedError: for a send that is not patient while the rate limit is exceeded.
        """
        if not patient and self._paused_until > now:
            raise self._rate_refusal(now)
        self._sends.add(PendingSend(ref, frame, key, now + self._send_timeout, patient))
        return list(self._transmit(now))

    @property
    def waits(self) -> bool:
        """True while a send waits for its answer."""
        return len(self._sends) > 0

    @property
    def awaits_answers(self) -> bool:
        """True while the program may be waiting for an answer of the server."""
        return self._sends.has_in_flight or any(
            state.ref is not None or (state.document is not None and not state.document.synced)
            for state in self.channel_states.values()
        )

    def status(self, channel: str) -> SubscriptionStatus:
        """Return the status of the subscription to a channel."""
        state = self.channel_states.get(channel)
        if state is None:
            return "ended"
        return ("live" if state.whole else "recovering") if state.live else "waiting"

    @property
    def recovering(self) -> frozenset[str]:
        """The channels that are not confirmed, or have missed events to come."""
        return frozenset(channel for channel, state in self.channel_states.items() if not state.whole)

    def forget(self, ref: str) -> None:
        """Drop a send whose caller no longer waits."""
        self._sends.forget(ref)

    def update_presence(self, channel: str, change: PresenceChange) -> list[Effect]:
        """Announce the user's activity on a channel, now and after each reconnect. Raises NotSubscribed."""
        state = self.channel_states.get(channel)
        if state is None:
            raise NotSubscribed(f"{channel} is not subscribed; subscribe to it before you update your presence")
        state.update_presence(change)
        return list(self._say_presence(state))

    def show_field(self, channel: str, field: str) -> tuple[list[Effect], PresenceChange | None]:
        """Announce that the user edits a field; also return the presence that the program had announced before."""
        state = self.channel_states.get(channel)
        before = None if state is None else state.own
        return self._show(channel, PresenceChange(activity="editing", field=field)), before

    def shown_no_more(self, channel: str, field: str, before: PresenceChange | None) -> list[Effect]:
        """Announce the presence of before `show_field`, except what the program has announced since."""
        state = self.channel_states.get(channel)
        own = None if state is None else state.own
        if own is None or own.field != field:
            return []
        before = before or PresenceChange()
        activity = "viewing" if before.activity is UNSET else before.activity
        change = PresenceChange(
            field=None if before.field is UNSET else before.field,
            activity=activity if own.activity == "editing" else UNSET,
        )
        return self._show(channel, change)

    def _show(self, channel: str, change: PresenceChange) -> list[Effect]:
        return self.update_presence(channel, change) if channel in self.channel_states else []

    # --- the connection -------------------------------------------------------------------------------

    def authenticated(self, user_id: str, now: float) -> list[Effect]:
        """Subscribe to every channel and send every unacknowledged send on an authenticated connection."""
        self.user_id = user_id
        self._online = True
        for state in self.channel_states.values():
            if state.document is not None:
                state.document.user_id = user_id
        asked = [effect for state in self.channel_states.values() for effect in self._ask(state)]
        return [*asked, *self._transmit(now)]

    def disconnected(self) -> None:
        """Note the loss of the connection."""
        self._online = False
        self._sends.disconnected()
        for state in self.channel_states.values():
            state.lost()

    def end(self, error: RealtimeError | None) -> list[Effect]:
        """End all subscriptions and reject all sends: the client does not reconnect."""
        self._online = False
        why = error or ConnectionClosed("The client was closed; make a new one to go on")
        rejected = [Reject(send.ref, why) for send in self._sends.clear()]
        ended = [End(channel, error) for channel in self.channel_states]
        self.channel_states.clear()
        return [*rejected, *ended]

    # --- time -----------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """Return the effects that are due."""
        effects: list[Effect] = []
        for send in self._sends.expired(now):
            key = " with the same idempotency_key" if send.idempotency_key else ""
            text = f"No ack within {self._send_timeout:g} s; send again{key} to be sure"
            effects.append(Reject(send.ref, TimedOut(text, send.idempotency_key)))
        for state in self.channel_states.values():
            if state.retry_at is not None and state.retry_at <= now:
                effects += self._ask(state)
            if state.document is not None:
                effects += state.document.tick(now)
                effects += state.document.status_changed(now)
        return [*effects, *self._transmit(now)]

    def grant(self, until: float) -> None:
        """Defer the time-outs of sends to `until` at the earliest."""
        self._sends.grant(until)

    def deadline(self, now: float) -> float | None:
        """Return the time of the next `tick`; None while nothing is due."""
        due = [state.retry_at for state in self.channel_states.values() if state.retry_at is not None]
        edited = [state.document.deadline() for state in self.channel_states.values() if state.document is not None]
        due += [at for at in edited if at is not None]
        sends = self._sends.deadline(now)
        return min(due if sends is None else [*due, sends], default=None)

    # --- input ----------------------------------------------------------------------------------------

    def received(self, event: Event, now: float) -> list[Effect]:
        """Handle one message of an authenticated connection."""
        match event:
            case responses.Ack(ref=str(ref)) | AlertState(ref=str(ref)) | LockState(ref=str(ref)):
                if not self._sends.acked(ref):
                    return []
                if isinstance(event, LockState) and (state := self.channel_states.get(event.channel)) is not None:
                    state.keep_lock(event.payload, own=event.payload.user_id == self.user_id)
                return [Settle(ref, event), *self._transmit(now)]
            case responses.ErrorMessage():
                return self._refused(event, now)
            case responses.Subscribed():
                return self._subscribed(event, now)
            case responses.Unsubscribed():
                state = self.channel_states.get(event.channel)
                if state is None or not state.live or event.ref is not None:
                    return []
                why = ConnectionClosed(f"The server ended the subscription to {event.channel}; subscribe again")
                return self._end(state, why)
            case responses.RateLimitExceeded():
                if event.payload.rate_class in ("general", "bytes"):
                    return [*self._pause(now + event.payload.retry_after, now), Unasked(event)]
                return [Unasked(event)]
            case responses.RateLimitWarning():
                self.pace.warned(event.payload, now)
                return [Unasked(event)]
            case PresenceJoin() | PresenceLeave() | PresenceUpdate() | LockState():
                return self._presence(event)
            case _:
                return self._event(event, now)

    def unknown(self, message: UnknownMessage, now: float) -> list[Effect]:
        """Handle a message of an unknown type; its place on a channel counts as that of any other."""
        if message.channel is None and message.offset is None:
            return [DeliverUnknown(None, message)]
        return self._event(message, now)

    def _subscribed(self, answer: responses.Subscribed, now: float) -> list[Effect]:
        state = self.channel_states.get(answer.channel)
        if state is None or state.ref is None or answer.ref != state.ref:
            return []  # the answer to a subscribe that was taken back meanwhile
        held = [Write(codec.encode(lock)) for lock in state.hold_again()]
        effects = [*state.subscribed(answer), *self._say_presence(state), *held]
        if state.document is None:
            return effects
        return effects + self._keep_up(state, state.document.subscribed(answer, now), now)

    def _presence(self, change: PresenceJoin | PresenceLeave | PresenceUpdate | LockState) -> list[Effect]:
        state = self.channel_states.get(change.channel)
        if state is None or state.presence is None or not state.live:
            return []
        after = state.presence.after(change)
        effects: list[Effect] = [] if after is state.presence else [ShowPresence(state.channel, after)]
        state.presence = after
        if state.document is not None and isinstance(change, PresenceLeave):
            effects += state.document.left(change.payload.user_id)
        return effects

    def _event(self, event: Event | UnknownMessage, now: float) -> list[Effect]:
        own = channels.user(self.user_id or "")
        channel = getattr(event, "channel", None) or own
        state = self.channel_states.get(channel)
        if state is None or (state.position is None and not state.live):
            # The server sends the user's own channel to every connection, subscribed or not.
            if channel != own:
                return []
            return [DeliverUnknown(None, event) if isinstance(event, UnknownMessage) else Unasked(event)]
        arrival = state.arrive(event, getattr(event, "offset", None))
        if arrival.recover:
            # A server replays only events that it has not delivered on this subscription: begin a new one.
            return [*self._leave(channel), *self._ask(state)]
        effects: list[Effect] = [] if arrival.lost is None else [ErrorReport(arrival.lost, channel)]
        if state.document is not None and isinstance(event, Followed):
            effects += self._keep_up(state, state.document.follow(event, now), now)
        return effects + [
            _delivery(channel, each, position, recovered=state.was_missed(position))
            for each, position in arrival.deliver
        ]

    def _keep_up(self, state: ChannelState, effects: list[Effect], now: float) -> list[Effect]:
        """Return the effects of a document; reload the document where it is out of sync."""
        if state.document is None:
            return effects
        effects += state.document.status_changed(now)
        if not state.document.out_of_sync:
            return effects
        if state.document.load_at <= now:
            return effects + self._load(state)
        state.live, state.ref, state.retry_at = False, None, state.document.load_at
        return [*effects, *self._leave(state.channel)]

    def _load(self, state: ChannelState) -> list[Effect]:
        """Begin a new subscription: on the old one, versions later than the answer's may have been sent already."""
        return [*self._leave(state.channel), *self._ask(state)]

    def _refused(self, error: responses.ErrorMessage, now: float) -> list[Effect]:
        wait = error.error_code in _WORTH_WAITING
        until = max(self._paused_until, now + (error.retry_after or (0 if self._paused_until > now else PAUSE_SECONDS)))
        why = DeniedError(error.error_code, error.message, error.channel, until - now if wait else None)
        send = self._sends.in_flight(error.ref)
        if send is not None:
            if wait and send.patient and send.pauses < MAX_PAUSES:
                self._sends.again(send)
                return self._pause(until, now)
            self._sends.forget(send.ref)
            return [Reject(send.ref, why), *self._transmit(now)]
        for state in self.channel_states.values():
            if state.document is not None and (effects := state.document.refused(error, now)) is not None:
                return self._keep_up(state, effects, now)
            asked = error.ref is not None and error.ref == state.ref
            taken_away = error.ref is None and error.channel == state.channel and state.live
            if asked and wait:
                state.ref, state.retry_at = None, until
                return []
            if asked or (taken_away and error.error_code is ErrorCode.SUBSCRIPTION_FAILED):
                return self._end(state, why)
        return [ErrorReport(why, error.channel if error.channel in self.channel_states else None)]

    # --- output ---------------------------------------------------------------------------------------

    def next_ref(self) -> str:
        """Return a ref that this client has not used before."""
        self._count += 1
        return str(self._count)

    def _ask(self, state: ChannelState) -> list[Effect]:
        return [Write(codec.encode(state.ask(self.next_ref())))] if self._online else []

    def _leave(self, channel: str) -> list[Effect]:
        return [Write(codec.encode(Unsubscribe(channel=channel, ref=self.next_ref())))] if self._online else []

    def _say_presence(self, state: ChannelState) -> Iterator[Effect]:
        command = state.say_presence(self.next_ref())
        if command is not None:
            yield Write(codec.encode(command))

    def _transmit(self, now: float) -> Iterator[Effect]:
        if self._online:
            yield from map(Write, self._sends.take(now))

    def _pause(self, until: float, now: float) -> list[Effect]:
        self._paused_until = max(self._paused_until, until)
        self._sends.pause(until)
        return [Reject(send.ref, self._rate_refusal(now)) for send in self._sends.take_impatient()]

    def _rate_refusal(self, now: float) -> DeniedError:
        wait = self._paused_until - now
        text = f"The rate limit allows no send for {wait:.0f} s; send again then, or with wait_for_rate=True"
        return DeniedError(ErrorCode.RATE_LIMIT_EXCEEDED, text, retry_after=wait)

    def _end(self, state: ChannelState, error: RealtimeError) -> list[Effect]:
        del self.channel_states[state.channel]
        return [End(state.channel, error)]


def _delivery(
    channel: str, event: Event | UnknownMessage, position: Position | None, *, recovered: bool
) -> Deliver | DeliverUnknown:
    if isinstance(event, UnknownMessage):
        return DeliverUnknown(channel, event, position, recovered)
    return Deliver(channel, event, position, recovered)
