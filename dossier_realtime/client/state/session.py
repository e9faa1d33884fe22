"""What outlives a connection: the channels a client follows and the sends that wait for their `ack`. Pure.

`now` is seconds on a steady clock. While offline all is remembered; `authenticated` says it (again).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from dossier_realtime.protocol import channels, codec, responses
from dossier_realtime.protocol.commands import PresenceChange, Unsubscribe
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import AlertState, Event, PresenceJoin, PresenceLeave, PresenceUpdate

from ..errors import ConnectionClosed, DeniedError, NotSubscribed, RealtimeError, TimedOut
from .channel_state import Beginning, Stream
from .document_replica import Followed, Replica
from .effects import Deliver, End, ErrorReport, Intent, Reject, Settle, ShowPresence, Unasked, Write
from .send_queue import Outgoing, SendQueue

QUEUE_CAPACITY = 1_000
WINDOW = 64  # sends on the wire; well below the 200 refusals a minute that cost the connection
PAUSE = 15.0  # seconds to wait when the server asks to wait, but not how long
MAX_PAUSES = 5  # how often one send may be asked to wait before it is given up

_WORTH_WAITING = frozenset({ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.SERVICE_UNAVAILABLE})


SubscriptionStatus = Literal["waiting", "recovering", "live", "ended"]
"""`waiting`: the server has not confirmed it on this connection (there may be none). `recovering`: what was missed is
on its way. `live`: nothing is missing. `ended`: nothing comes any more."""


class ClientSession:
    """The channels and sends of one client, over all its connections."""

    def __init__(self, send_timeout: float) -> None:
        self.streams: dict[str, Stream] = {}
        self.user_id: str | None = None
        self._send_timeout = send_timeout
        self._sends = SendQueue(QUEUE_CAPACITY, WINDOW)
        self._online = False
        self._paused_until = 0.0
        self._count = 0

    # --- what the user wants --------------------------------------------------------------------------

    def subscribe(self, channel: str, *, presence: bool, hidden: bool, since: Beginning = None) -> list[Intent]:
        """Follow a channel; or, where it is followed, ask for its presence too."""
        stream = self.streams.get(channel)
        if stream is None:
            stream = Stream(channel, include_presence=presence, hidden=hidden, since=since)
            self.streams[channel] = stream
        elif stream.include_presence or not presence:
            return []
        stream.include_presence = presence
        return self._ask(stream)

    def unsubscribe(self, channel: str) -> list[Intent]:
        """Follow a channel no more."""
        return [] if self.streams.pop(channel, None) is None else self._leave(channel)

    def open_document(self, replica: Replica) -> list[Intent]:
        """Follow a document to edit it."""
        channel = replica.channel
        stream = self.streams.get(channel)
        asked = stream is not None
        if stream is None:
            stream = self.streams[channel] = Stream(channel, include_presence=True, hidden=False, since=None)
        stream.document, stream.include_presence = replica, True
        return self._load(stream) if asked else self._ask(stream)

    def close_document(self, channel: str) -> None:
        """Follow it, if at all, as any channel."""
        if (stream := self.streams.get(channel)) is not None:
            stream.document = None

    def send(self, ref: str, frame: bytes, key: str, now: float, *, patient: bool) -> list[Intent]:
        """Take a send in; `ref` from `next_ref`. `key`: empty for what is harmless twice without one. `patient`: waits
        when asked to. Raises QueueFull, and DeniedError for one that would have to wait and is not patient."""
        if not patient and self._paused_until > now:
            raise self._rate_refusal(now)
        self._sends.add(Outgoing(ref, frame, key, now + self._send_timeout, patient))
        return list(self._transmit(now))

    @property
    def waits(self) -> bool:
        """Return whether a send waits for its answer."""
        return len(self._sends) > 0

    @property
    def awaits_answers(self) -> bool:
        """Return whether something is asked of the server that the program may be waiting for."""
        return self._sends.is_flying or any(
            stream.ref is not None or (stream.document is not None and not stream.document.synced)
            for stream in self.streams.values()
        )

    def status(self, channel: str) -> SubscriptionStatus:
        """Return how far the channel has come."""
        stream = self.streams.get(channel)
        if stream is None:
            return "ended"
        return ("live" if stream.whole else "recovering") if stream.live else "waiting"

    @property
    def recovering(self) -> frozenset[str]:
        """The channels that are not whole (again) yet."""
        return frozenset(channel for channel, stream in self.streams.items() if not stream.whole)

    def forget(self, ref: str) -> None:
        """The sender no longer waits."""
        self._sends.forget(ref)

    def update_presence(self, channel: str, change: PresenceChange) -> list[Intent]:
        """Say what the user does on a channel, now and after each reconnect. Raises NotSubscribed."""
        stream = self.streams.get(channel)
        if stream is None:
            raise NotSubscribed(f"{channel} is not subscribed; subscribe to it before you update your presence")
        stream.update_presence(change)
        return list(self._say_presence(stream))

    # --- the connection comes and goes ----------------------------------------------------------------

    def authenticated(self, user_id: str, now: float) -> list[Intent]:
        """A connection may speak: everything wanted is asked for, everything unacknowledged is sent."""
        self.user_id = user_id
        self._online = True
        asked = [intent for stream in self.streams.values() for intent in self._ask(stream)]
        return [*asked, *self._transmit(now)]

    def disconnected(self) -> None:
        """It is gone."""
        self._online = False
        self._sends.disconnected()
        for stream in self.streams.values():
            stream.lost()

    def end(self, error: RealtimeError | None) -> list[Intent]:
        """No connection comes any more."""
        self._online = False
        why = error or ConnectionClosed("The client was closed; make a new one to go on")
        rejected = [Reject(send.ref, why) for send in self._sends.clear()]
        ended = [End(channel, error) for channel in self.streams]
        self.streams.clear()
        return [*rejected, *ended]

    # --- time -----------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Intent]:
        """Do what is due."""
        intents: list[Intent] = []
        for send in self._sends.expired(now):
            key = " with the same idempotency_key" if send.idempotency_key else ""
            text = f"No ack within {self._send_timeout:g} s; send again{key} to be sure"
            intents.append(Reject(send.ref, TimedOut(text, send.idempotency_key)))
        for stream in self.streams.values():
            if stream.retry_at is not None and stream.retry_at <= now:
                intents += self._ask(stream)
            if stream.document is not None:
                intents += stream.document.tick(now)
        return [*intents, *self._transmit(now)]

    def grant(self, until: float) -> None:
        """Let no send time out before `until`."""
        self._sends.grant(until)

    def deadline(self, now: float) -> float | None:
        """When `tick` has something to do."""
        due = [stream.retry_at for stream in self.streams.values() if stream.retry_at is not None]
        edited = [stream.document.deadline() for stream in self.streams.values() if stream.document is not None]
        due += [at for at in edited if at is not None]
        sends = self._sends.deadline(now)
        return min(due if sends is None else [*due, sends], default=None)

    # --- what comes in --------------------------------------------------------------------------------

    def received(self, event: Event, now: float) -> list[Intent]:
        """Judge one message of an authenticated connection."""
        match event:
            case responses.Ack(ref=str(ref)) | AlertState(ref=str(ref)):
                if not self._sends.acked(ref):
                    return []
                return [Settle(ref, event), *self._transmit(now)]
            case responses.ErrorMessage():
                return self._refused(event, now)
            case responses.Subscribed():
                return self._subscribed(event, now)
            case responses.Unsubscribed():
                stream = self.streams.get(event.channel)
                if stream is None or not stream.live or event.ref is not None:
                    return []
                why = ConnectionClosed(f"The server ended the subscription to {event.channel}; subscribe again")
                return self._end(stream, why)
            case responses.RateLimitExceeded():
                if event.payload.rate_class in ("general", "bytes"):
                    return [*self._pause(now + event.payload.retry_after, now), Unasked(event)]
                return [Unasked(event)]
            case responses.RateLimitWarning():
                return [Unasked(event)]
            case PresenceJoin() | PresenceLeave() | PresenceUpdate():
                return self._presence(event)
            case _:
                return self._event(event, now)

    def _subscribed(self, answer: responses.Subscribed, now: float) -> list[Intent]:
        stream = self.streams.get(answer.channel)
        if stream is None or stream.ref is None or answer.ref != stream.ref:
            return []  # the answer to a subscribe that was taken back meanwhile
        told = [*stream.subscribed(answer), *self._say_presence(stream)]
        if stream.document is None:
            return told
        return told + self._keep_up(stream, stream.document.subscribed(answer, now), now)

    def _presence(self, change: PresenceJoin | PresenceLeave | PresenceUpdate) -> list[Intent]:
        stream = self.streams.get(change.channel)
        if stream is None or stream.presence is None or not stream.live:
            return []
        after = stream.presence.after(change)
        told: list[Intent] = [] if after is stream.presence else [ShowPresence(stream.channel, after)]
        stream.presence = after
        if stream.document is not None and isinstance(change, PresenceLeave):
            told += stream.document.left(change.payload.user_id)
        return told

    def _event(self, event: Event, now: float) -> list[Intent]:
        own = channels.user(self.user_id or "")
        channel = getattr(event, "channel", None) or own
        stream = self.streams.get(channel)
        if stream is None or (stream.position is None and not stream.live):
            # One's own channel comes to every connection unasked; anything else was not asked for.
            return [Unasked(event)] if channel == own else []
        arrival = stream.arrive(event, getattr(event, "offset", None))
        if arrival.recover:
            # A server replays only what it has not delivered on this subscription: begin a new one.
            return [*self._leave(channel), *self._ask(stream)]
        told: list[Intent] = [] if arrival.lost is None else [ErrorReport(arrival.lost, channel)]
        if stream.document is not None and isinstance(event, Followed):
            told += self._keep_up(stream, stream.document.follow(event, now), now)
        return told + [
            Deliver(channel, event, position, stream.was_missed(position)) for event, position in arrival.deliver
        ]

    def _keep_up(self, stream: Stream, told: list[Intent], now: float) -> list[Intent]:
        """What a document made of a message; one that cannot go on from there is loaded anew."""
        if stream.document is None or not stream.document.astray:
            return told
        if stream.document.load_at <= now:
            return told + self._load(stream)
        stream.live, stream.ref, stream.retry_at = False, None, stream.document.load_at
        return [*told, *self._leave(stream.channel)]

    def _load(self, stream: Stream) -> list[Intent]:
        """Begin a new subscription: within an old one a server may have sent later versions than its answer has."""
        return [*self._leave(stream.channel), *self._ask(stream)]

    def _refused(self, error: responses.ErrorMessage, now: float) -> list[Intent]:
        wait = error.error_code in _WORTH_WAITING
        until = max(self._paused_until, now + (error.retry_after or (0 if self._paused_until > now else PAUSE)))
        why = DeniedError(error.error_code, error.message, error.channel, until - now if wait else None)
        send = self._sends.flying(error.ref)
        if send is not None:
            if wait and send.patient and send.pauses < MAX_PAUSES:
                self._sends.again(send)
                return self._pause(until, now)
            self._sends.forget(send.ref)
            return [Reject(send.ref, why), *self._transmit(now)]
        for stream in self.streams.values():
            if stream.document is not None and (told := stream.document.refused(error, now)) is not None:
                return self._keep_up(stream, told, now)
            asked = error.ref is not None and error.ref == stream.ref
            taken_away = error.ref is None and error.channel == stream.channel and stream.live
            if asked and wait:
                stream.ref, stream.retry_at = None, until
                return []
            if asked or (taken_away and error.error_code is ErrorCode.SUBSCRIPTION_FAILED):
                return self._end(stream, why)
        return [ErrorReport(why, error.channel if error.channel in self.streams else None)]

    # --- what goes out --------------------------------------------------------------------------------

    def next_ref(self) -> str:
        """A ref that this client has not used before."""
        self._count += 1
        return str(self._count)

    def _ask(self, stream: Stream) -> list[Intent]:
        return [Write(codec.encode(stream.ask(self.next_ref())))] if self._online else []

    def _leave(self, channel: str) -> list[Intent]:
        return [Write(codec.encode(Unsubscribe(channel=channel, ref=self.next_ref())))] if self._online else []

    def _say_presence(self, stream: Stream) -> Iterator[Intent]:
        command = stream.say_presence(self.next_ref())
        if command is not None:
            yield Write(codec.encode(command))

    def _transmit(self, now: float) -> Iterator[Intent]:
        if self._online:
            yield from map(Write, self._sends.take(now))

    def _pause(self, until: float, now: float) -> list[Intent]:
        self._paused_until = max(self._paused_until, until)
        self._sends.pause(until)
        return [Reject(send.ref, self._rate_refusal(now)) for send in self._sends.take_impatient()]

    def _rate_refusal(self, now: float) -> DeniedError:
        wait = self._paused_until - now
        text = f"The rate limit allows no send for {wait:.0f} s; send again then, or with wait_for_rate=True"
        return DeniedError(ErrorCode.RATE_LIMIT_EXCEEDED, text, retry_after=wait)

    def _end(self, stream: Stream, error: RealtimeError) -> list[Intent]:
        del self.streams[stream.channel]
        return [End(stream.channel, error)]
