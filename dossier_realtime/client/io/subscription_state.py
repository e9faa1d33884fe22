"""The events and errors of one subscription on their way to its user: by callback or iteration, bounded either way."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from functools import partial

from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.fields import Position

from ..callbacks import Callbacks, OnError, OnPresence
from ..errors import Overflowed, PositionLost, RealtimeError
from ..state.presence import PresenceState
from ..state.read_flow import ReadFlow
from ..state.unknown_message import UnknownMessage
from .callback_queue import CallbackQueue, Spawn, is_of_user_code, logger

MAX_WAITING_EVENTS = 1_000  # live events that may wait for a subscriber


class SubscriptionState:
    """The events, presence and errors of one subscription. Not for users of the SDK."""

    def __init__(
        self,
        channel: str,
        spawn: Spawn,
        callbacks: Callbacks,
        flow: ReadFlow | None = None,
    ) -> None:
        self.channel = channel
        self.position: Position | None = None
        self.error: RealtimeError | None = None
        self.ended = False
        self.abandoned = False  # ended with the client, not by itself
        self.settled = asyncio.Event()
        self.iterated = callbacks.on_message is None and callbacks.on_presence is None
        self.backlog = 0  # waiting recovered events: reading pauses for them, they are no sign of a slow reader
        self.taken = 0
        self._live = 0  # waiting live events
        self._flow = flow or ReadFlow(lambda: None)
        self._taken: Position | None = None
        self._on_message = callbacks.on_message
        self._on_presence = callbacks.on_presence
        self._on_error = callbacks.on_error
        self._on_unknown = callbacks.on_unknown
        self._shown = PresenceState()
        self._callbacks = CallbackQueue(spawn, self._tell)
        self._items: deque[tuple[Event | UnknownMessage, Position | None, bool] | RealtimeError] = deque()
        self._more = asyncio.Event()

    def ready(self, position: Position | None) -> None:
        """Note the server's confirmation; events begin after `position`."""
        if not self.settled.is_set():
            self.position = self._taken = position
            self.settled.set()

    def event(self, event: Event | UnknownMessage, position: Position | None, *, recovered: bool = False) -> bool:
        """Take an event. False where the subscriber is so far behind that the subscription has ended.

        Recovered events are read as fast as they are consumed; only a subscriber that consumes nothing at all can be
        too slow for them.
        """
        stalled = recovered and self._flow.is_stalled(self)
        if self._live + (self.backlog if stalled else 0) >= MAX_WAITING_EVENTS:
            self.end(Overflowed(self.channel, MAX_WAITING_EVENTS, self._taken))
            return False
        self._taken = position
        if self._on_message is not None:
            self._callbacks.put(partial(self._message, event, position, recovered))
            self._count(recovered, 1)
            return True
        if isinstance(event, UnknownMessage) and self._on_unknown is not None:
            self._aside(event)
        if not self.iterated:
            self.position = position
            return True
        self._items.append((event, position, recovered))
        self._more.set()
        self._count(recovered, 1)
        return True

    def _aside(self, message: UnknownMessage) -> None:
        """Hand a message to `on_unknown` beside the iteration, which does not wait for it."""
        if len(self._callbacks) >= MAX_WAITING_EVENTS:
            text = "%d calls wait for the callbacks of %s, an unknown message is dropped; make on_unknown faster"
            logger.error(text, MAX_WAITING_EVENTS, self.channel)
            return
        self._callbacks.put(partial(self._hand_out, message))

    def _count(self, recovered: bool, more: int) -> None:
        if self.ended:
            return
        if recovered:
            self.backlog += more
        else:
            self._live += more
        if more < 0:
            self.taken += 1
        if recovered:
            self._flow.look(self)

    def presence(self, presence: PresenceState) -> None:
        """Show the presence of the channel to `on_presence`."""
        if self._on_presence is not None:
            self._shown = presence
            self._callbacks.put_once(self._on_presence, partial(self._show, self._on_presence))

    @property
    def is_behind(self) -> bool:
        """True while recovered events wait to be consumed."""
        return self.backlog > 0

    def fault(self, error: RealtimeError) -> None:
        """Report an error that the subscription survives; an iteration raises a gap in its place."""
        if isinstance(error, PositionLost):
            self._taken = error.now
            if self.iterated:
                self._items.append(error)
                self._more.set()
        self._tell(error)

    def end(self, error: RealtimeError | None) -> None:
        """End the subscription. Waiting events are still handed out, unless the subscriber itself ended it."""
        if self.ended:
            return
        self.ended = True
        self.error = error
        if error is None:
            self._items.clear()
            self._callbacks.stop()
        else:
            self._items.append(error)
            self._tell(error)
        self.backlog = 0  # waiting events are still handed out; reading for others does not wait for that
        self._flow.look(self)
        self.settled.set()
        self._more.set()

    async def next(self) -> Event:
        """Return the next event of the iteration."""
        while True:
            while not self._items:
                if self.ended:
                    raise StopAsyncIteration
                self._more.clear()
                await self._more.wait()
            item = self._items.popleft()
            if isinstance(item, RealtimeError):
                self._moved(item)
                raise item
            event, self.position, recovered = item
            self._count(recovered, -1)
            if not isinstance(event, UnknownMessage):
                return event

    def _message(self, event: Event | UnknownMessage, position: Position | None, recovered: bool) -> object:
        self.position = position
        self._count(recovered, -1)
        return self._hand_out(event)

    def _hand_out(self, event: Event | UnknownMessage) -> object:
        if isinstance(event, UnknownMessage):
            return None if self._on_unknown is None else self._on_unknown(event)
        return None if self._on_message is None else self._on_message(event)

    def _show(self, callback: OnPresence) -> object:
        return callback(self._shown)

    def _moved(self, error: Exception) -> None:
        if isinstance(error, PositionLost):
            self.position = error.now

    def _tell(self, error: Exception) -> None:
        if self._on_error is None:
            if isinstance(error, RealtimeError):
                logger.warning("%s (subscribe with on_error to receive it)", error)
            return
        self._callbacks.put(partial(self._call_on_error, self._on_error, error))

    async def _call_on_error(self, callback: OnError, error: Exception) -> None:
        self._moved(error)
        try:
            result = callback(error)
            if inspect.isawaitable(result):
                await result
        except BaseException as wrong:
            if not is_of_user_code(wrong):
                raise
            logger.exception("on_error of %s failed; mend it, the connection goes on", self.channel)
