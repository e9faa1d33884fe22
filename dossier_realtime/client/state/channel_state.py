"""The state of one subscribed channel: its parameters, its position and its presence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from dossier_realtime.protocol.commands import (
    PresenceChange,
    Since,
    Subscribe,
    SubscribeParams,
    UpdatePresence,
)
from dossier_realtime.protocol.documents.field_locks import (
    LEASE_SECONDS,
    MAX_LEASE_SECONDS,
    MIN_LEASE_SECONDS,
    LockField,
    LockPayload,
    LockStatePayload,
)
from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.fields import Position
from dossier_realtime.protocol.responses import Subscribed

from ..errors import PositionLost
from .document_replica import DocumentReplica
from .effects import Effect, ErrorReport, Ready, ShowPresence
from .presence import PresenceState
from .unknown_message import UnknownMessage

MAX_EVENTS_AHEAD = 1_000  # events that may wait for earlier ones


class Arrival(NamedTuple):
    """The outcome of an event: events to deliver, each with its position; a loss to report first; a need to recover."""

    deliver: list[tuple[Event | UnknownMessage, Position | None]]
    lost: PositionLost | None = None
    recover: bool = False


@dataclass(frozen=True, slots=True)
class Last:
    """A beginning with the latest `count` events."""

    count: int


Beginning = Position | int | Last | None
"""The beginning of a subscription: after a position, after an offset of the present epoch, with the last events, or
now."""

MAX_LAST = 100  # events (docs/protocol.md#history-and-positions)


def beginning(since: Position | int | None, last: int | None) -> Beginning:
    """Return the beginning of a subscription. Raises ValueError for two at once, or one that is out of range."""
    if since is not None and last is not None:
        raise ValueError("Give since or last, not both: a subscription begins at one place")
    if last is not None:
        if not 1 <= last <= MAX_LAST:
            raise ValueError(f"last is a number of events from 1 to {MAX_LAST}, not {last}; use since for more")
        return Last(last)
    offset = since.offset if isinstance(since, Position) else since
    if offset is not None and offset < 0:
        raise ValueError(f"since begins after an offset from 0 on, not {offset}")
    return since


class ChannelState:
    """The state of one subscribed channel, over all connections.

    `position` is that of the last event delivered; `ref` names the subscribe that waits for its answer; `document` is
    the replica, where the channel is a document that is edited. `live`: the server confirmed the subscription on this
    connection.
    """

    def __init__(self, channel: str, *, include_presence: bool, hidden: bool, since: Beginning = None) -> None:
        self.channel = channel
        self.include_presence = include_presence
        self.hidden = hidden
        self.position = since if isinstance(since, Position) else None
        self._begin: int | Last | None = None if isinstance(since, Position) else since
        self.presence: PresenceState | None = None
        self.live = False
        self.ref: str | None = None
        self.retry_at: float | None = None
        self.own: PresenceChange | None = None
        self.document: DocumentReplica | None = None
        self._held: dict[str, LockPayload] = {}
        self._asked_from: Position | None = None
        self._recovered_at: int | None = None
        self._missed_to: Position | None = None
        self._open_start = False
        self._ahead: dict[int, Event | UnknownMessage] = {}

    def ask(self, ref: str) -> Subscribe:
        """Return the subscribe to send now."""
        self.ref = ref
        self.live = False
        self.retry_at = None
        self._asked_from = self.position
        since = None if self.document is None else self.document.asked()
        if self.position is not None:
            since = Since(epoch=self.position.epoch, offset=self.position.offset)
        elif isinstance(self._begin, int):
            since = Since(offset=self._begin)
        last = self._begin.count if self.position is None and isinstance(self._begin, Last) else None
        params = SubscribeParams(include_presence=self.include_presence, hidden=self.hidden, since=since, last=last)
        return Subscribe(channel=self.channel, params=params, ref=ref)

    def lost(self) -> None:
        """Note the loss of the connection."""
        self.live = False
        self.ref = None
        self.retry_at = None
        self._open_start = False
        self._ahead.clear()  # the recovery sends them again
        if self.document is not None:
            self.document.lost()

    def subscribed(self, answer: Subscribed) -> list[Effect]:
        """Take the server's answer to `ask`."""
        self.live = True
        self.ref = None
        begin, self._begin = self._begin, None
        self._missed_to = answer.position if answer.recovered or isinstance(begin, Last) else None
        effects: list[Effect] = []
        if self.position is None and begin is not None and answer.position is not None:
            effects += self._begin_at(begin, answer.position, recovered=answer.recovered is True)
        elif not self._continues(answer):  # if it does, the missed events follow from `position` on
            if self.position is not None:
                effects.append(ErrorReport(PositionLost(self.channel, self.position, answer.position), self.channel))
            self.position = answer.position
            self._recovered_at = None
            self._ahead.clear()
        effects.append(Ready(self.channel, self.position))
        if answer.presence is not None:
            self.presence = PresenceState.of(answer.presence)
            effects.append(ShowPresence(self.channel, self.presence))
        return effects

    def _begin_at(self, begin: int | Last, now: Position, *, recovered: bool) -> list[Effect]:
        """Take the first position of a subscription that named no epoch."""
        if isinstance(begin, Last):
            # The history may hold fewer: then the first event that comes says where it begins.
            self.position = Position(now.epoch, max(0, now.offset - begin.count))
            self._open_start = self.position.offset < now.offset
            return []
        if recovered:
            self.position = Position(now.epoch, begin)
            return []
        self.position = now
        return [ErrorReport(PositionLost(self.channel, Position(now.epoch, begin), now), self.channel)]

    def _continues(self, answer: Subscribed) -> bool:
        since, now = self._asked_from, answer.position
        return (
            since is not None
            and now is not None
            and answer.recovered is True
            and now.epoch == since.epoch
            and now.offset >= since.offset
        )

    def was_missed(self, position: Position | None) -> bool:
        """Return True for the position of a missed event, which the last `subscribed` announced."""
        upto = self._missed_to
        return (
            upto is not None
            and position is not None
            and position.epoch == upto.epoch
            and position.offset <= upto.offset
        )

    @property
    def whole(self) -> bool:
        """True when every missed event has come, so that only live events follow."""
        if not self.live:
            return False
        upto, position = self._missed_to, self.position
        return upto is None or position is None or position.epoch != upto.epoch or position.offset >= upto.offset

    def arrive(self, event: Event | UnknownMessage, offset: int | None) -> Arrival:
        """Take an event by its offset, and advance the position with each event that is delivered.

        An event ahead of its predecessors waits for them. While a recovery is possible it is asked for once at each
        position; a gap that remains after it is a loss, and delivery goes on behind it.
        """
        position = self.position
        if offset is None or position is None:
            return Arrival([(event, position)] if self.live else [])
        if offset <= position.offset:
            return Arrival([])
        if self._open_start and self.live:
            self._open_start = False
            position = self.position = Position(position.epoch, offset - 1)
        if offset == position.offset + 1 or len(self._ahead) < MAX_EVENTS_AHEAD:
            self._ahead.setdefault(offset, event)
        in_order = self._in_order()
        if in_order or not self.live:
            return Arrival(in_order)
        if self._recovered_at != position.offset:
            self._recovered_at = position.offset
            return Arrival([], recover=True)
        self.position = Position(position.epoch, min(self._ahead) - 1)
        lost = PositionLost(self.channel, position, self.position)
        return Arrival(self._in_order(), lost)

    def _in_order(self) -> list[tuple[Event | UnknownMessage, Position | None]]:
        events: list[tuple[Event | UnknownMessage, Position | None]] = []
        while self.position is not None:
            offset = self.position.offset + 1
            event = self._ahead.pop(offset, None)
            if event is None:
                break
            self.position = Position(self.position.epoch, offset)
            events.append((event, self.position))
        return events

    def update_presence(self, change: PresenceChange) -> None:
        """Remember the user's own presence, which each new connection announces again."""
        before = {} if self.own is None else msgspec.to_builtins(self.own)
        self.own = msgspec.convert({**before, **msgspec.to_builtins(change)}, PresenceChange)

    def keep_lock(self, state: LockStatePayload, *, own: bool) -> None:
        """Remember the state of a field that was asked for or released."""
        if own:
            seconds = max(state.expires_in or LEASE_SECONDS, MIN_LEASE_SECONDS)
            self._held[state.field] = LockPayload(state.field, min(seconds, MAX_LEASE_SECONDS))
        else:
            self._held.pop(state.field, None)

    def hold_again(self) -> list[LockField]:
        """Return the locks to ask for on a new connection, before their grace is over."""
        return [LockField(channel=self.channel, payload=payload) for payload in self._held.values()]

    def say_presence(self, ref: str) -> UpdatePresence | None:
        """Return the presence to announce now; None where there is none, or the channel is not live."""
        if self.own is None or not self.live:
            return None
        return UpdatePresence(channel=self.channel, payload=self.own, ref=ref)
