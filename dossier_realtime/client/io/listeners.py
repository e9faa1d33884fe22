"""Who hears what: the subscriptions of each channel, and the client's own callbacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from dossier_realtime.protocol.events import Event

from ..callbacks import OnError
from ..errors import RealtimeError
from ..state.effects import ConnectionState, Deliver, End, EnterState, ErrorReport, Heard, Ready, ShowPresence, Unasked
from .callback_queue import Delivery, Spawn, logger
from .subscription_state import CAPACITY, SubscriptionState


class Listeners:
    """Hands out what the connection tells. `forsaken` is called with a channel that nobody listens to any more."""

    def __init__(self, spawn: Spawn, forsaken: Callable[[str], None]) -> None:
        self.on_state: list[Callable[[ConnectionState], Any]] = []
        self.on_event: list[Callable[[Event], Any]] = []
        self.on_error: list[OnError] = []
        self._receivers: dict[str, list[SubscriptionState]] = {}
        self._delivery = Delivery(spawn)
        self._forsaken = forsaken

    def add(self, receiver: SubscriptionState) -> None:
        """Begin to listen."""
        self._receivers.setdefault(receiver.channel, []).append(receiver)

    def leave(self, receiver: SubscriptionState) -> None:
        """Listen no more; nothing comes after."""
        receiver.end(None)
        self._remove(receiver)

    def stop(self) -> None:
        """Call no callback of the client's any more."""
        self._delivery.stop()

    def hear(self, told: Heard) -> None:
        """Hand it to those whom it concerns."""
        match told:
            case EnterState(state):
                for on_state in self.on_state:
                    self._delivery.put(partial(on_state, state))
            case Unasked(event):
                self._unasked(event)
            case ErrorReport(error, None):
                self._report(error)
            case End(channel, error):
                for receiver in self._receivers.pop(channel, []):
                    receiver.abandoned = True
                    receiver.end(error)
            case _:
                for receiver in tuple(self._receivers.get(told.channel or "", ())):
                    self._hand(receiver, told)

    def _hand(self, receiver: SubscriptionState, told: Deliver | ShowPresence | Ready | ErrorReport) -> None:
        match told:
            case Deliver(_, event, position, recovered):
                if not receiver.event(event, position, recovered=recovered):
                    self._remove(receiver)
            case ShowPresence(_, presence):
                receiver.presence(presence)
            case Ready(_, position):
                receiver.ready(position)
            case ErrorReport(error):
                receiver.fault(error)

    def _remove(self, receiver: SubscriptionState) -> None:
        receivers = self._receivers.get(receiver.channel, [])
        if receiver in receivers:
            receivers.remove(receiver)
            if not receivers:
                del self._receivers[receiver.channel]
                self._forsaken(receiver.channel)

    def _unasked(self, event: Event) -> None:
        if len(self._delivery) >= CAPACITY:
            logger.error("%d events wait for on_event, one is dropped; make it faster", CAPACITY)
            return
        for on_event in self.on_event:
            self._delivery.put(partial(on_event, event))

    def _report(self, error: RealtimeError) -> None:
        if len(self._delivery) >= CAPACITY:
            logger.error("%d calls wait for the client's callbacks, an error is dropped: %s", CAPACITY, error)
            return
        if not self.on_error:
            logger.warning("%s (client.on_error tells you)", error)
        for on_error in self.on_error:
            self._delivery.put(partial(on_error, error))
