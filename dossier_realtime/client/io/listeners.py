"""The subscriptions of each channel and the client's own callbacks, and the dispatch of effects to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from dossier_realtime.protocol.domain.inbox import InboxState
from dossier_realtime.protocol.events import Event

from ..callbacks import OnError, OnUnknown
from ..errors import RealtimeError
from ..state.effects import (
    CallbackEffect,
    ConnectionState,
    Deliver,
    DeliverUnknown,
    End,
    EnterState,
    ErrorReport,
    Ready,
    ShowPresence,
    Unasked,
)
from .callback_queue import CallbackQueue, Spawn, logger
from .subscription_state import MAX_WAITING_EVENTS, SubscriptionState

T = TypeVar("T")


class Listeners:
    """The receivers of the connection's effects. `detached` is called with a channel without subscriptions."""

    def __init__(self, spawn: Spawn, detached: Callable[[str], None]) -> None:
        self.on_state: list[Callable[[ConnectionState], Any]] = []
        self.on_event: list[Callable[[Event], Any]] = []
        self.on_inbox: list[Callable[[InboxState], Any]] = []
        self.on_error: list[OnError] = []
        self.on_unknown: list[OnUnknown] = []
        self.watching: list[Callable[[ShowPresence], None]] = []  # of the SDK itself: called at once
        self._inbox_state: InboxState
        self._subscriptions: dict[str, list[SubscriptionState]] = {}
        self._callbacks = CallbackQueue(spawn)
        self._detached = detached

    def add(self, subscription: SubscriptionState) -> None:
        """Add a subscription."""
        self._subscriptions.setdefault(subscription.channel, []).append(subscription)

    def leave(self, subscription: SubscriptionState) -> None:
        """End a subscription and remove it."""
        subscription.end(None)
        self._remove(subscription)

    def stop(self) -> None:
        """Call none of the client's callbacks any more."""
        self._callbacks.stop()

    def dispatch(self, effect: CallbackEffect) -> None:
        """Pass an effect to the callbacks or subscriptions that it is for."""
        match effect:
            case EnterState(state):
                for on_state in self.on_state:
                    self._callbacks.put(partial(on_state, state))
            case Unasked(event):
                if isinstance(event, InboxState):
                    self._inbox(event)
                self._tell_all(self.on_event, event, "on_event")
            case ErrorReport(error, None):
                self._report(error)
            case End(channel, error):
                for subscription in self._subscriptions.pop(channel, []):
                    subscription.abandoned = True
                    subscription.end(error)
            case _:
                self._tell_client(effect)
                for subscription in tuple(self._subscriptions.get(effect.channel or "", ())):
                    self._hand(subscription, effect)

    def _tell_client(self, effect: CallbackEffect) -> None:
        """Pass an effect of a channel to the callbacks of the client that it is for too."""
        if isinstance(effect, Deliver) and isinstance(effect.event, InboxState):
            self._inbox(effect.event)
        if isinstance(effect, DeliverUnknown):
            self._tell_all(self.on_unknown, effect.message, "on_unknown")
        if isinstance(effect, ShowPresence):
            for look in tuple(self.watching):
                look(effect)

    def _hand(
        self, subscription: SubscriptionState, effect: Deliver | DeliverUnknown | ShowPresence | Ready | ErrorReport
    ) -> None:
        match effect:
            case Deliver(_, event, position, recovered):
                if not subscription.event(event, position, recovered=recovered):
                    self._remove(subscription)
            case DeliverUnknown(_, message, position):
                if not subscription.event(message, position, recovered=effect.recovered):
                    self._remove(subscription)
            case ShowPresence(_, presence):
                subscription.presence(presence)
            case Ready(_, position):
                subscription.ready(position)
            case ErrorReport(error):
                subscription.fault(error)

    def _remove(self, subscription: SubscriptionState) -> None:
        subscriptions = self._subscriptions.get(subscription.channel, [])
        if subscription in subscriptions:
            subscriptions.remove(subscription)
            if not subscriptions:
                del self._subscriptions[subscription.channel]
                self._detached(subscription.channel)

    def _inbox(self, state: InboxState) -> None:
        self._inbox_state = state
        for on_inbox in self.on_inbox:
            self._callbacks.put_once(on_inbox, partial(self._tell_inbox, on_inbox))

    def _tell_inbox(self, on_inbox: Callable[[InboxState], Any]) -> object:
        return on_inbox(self._inbox_state)

    def _tell_all(self, callbacks: list[Callable[[T], Any]], message: T, name: str) -> None:
        if len(self._callbacks) >= MAX_WAITING_EVENTS:
            logger.error("%d events wait for %s, one is dropped; make it faster", MAX_WAITING_EVENTS, name)
            return
        for callback in callbacks:
            self._callbacks.put(partial(callback, message))

    def _report(self, error: RealtimeError) -> None:
        if len(self._callbacks) >= MAX_WAITING_EVENTS:
            logger.error("%d calls wait for the client's callbacks, an error is dropped: %s", MAX_WAITING_EVENTS, error)
            return
        if not self.on_error:
            logger.warning("%s (call client.on_error(callback) to receive it)", error)
        for on_error in self.on_error:
            self._callbacks.put(partial(on_error, error))
