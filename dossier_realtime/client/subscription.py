"""A subscription: events by callback or by `async for`, bounded either way, and never a silent gap."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.fields import Position

from .errors import ConnectionClosed, NotSubscribed
from .io.subscription_state import SubscriptionState
from .state.session import SubscriptionStatus


class Subscription:
    """A subscription to a channel. Iterate over it, unless it was made with `on_message`.

    `async for` yields events. It raises PositionLost where events were lost (the next `async for` goes on), and
    Overflowed, DeniedError or ConnectionClosed at the end; after `unsubscribe` it stops. Without any callback events
    are kept from the beginning (1,000 of them); with `on_presence` from the first `async for`.
    """

    def __init__(
        self,
        subscription: SubscriptionState,
        leave: Callable[[SubscriptionState], None],
        status: Callable[[str], SubscriptionStatus],
        *,
        iterable: bool,
    ) -> None:
        self._subscription = subscription
        self._leave = leave
        self._status = status
        self._iterable = iterable

    @property
    def channel(self) -> str:
        """The name of the channel."""
        return self._subscription.channel

    @property
    def position(self) -> Position | None:
        """The position of the last event that was handed out, to be passed as `since=`. None without history."""
        return self._subscription.position

    @property
    def status(self) -> SubscriptionStatus:
        """`waiting` for the server's confirmation, `recovering` missed events, `live`, or `ended`."""
        if self._subscription.ended:
            return "ended"
        status = self._status(self.channel)
        return "recovering" if status == "live" and self._subscription.is_behind else status

    async def ready(self) -> None:
        """Wait until the server has confirmed the subscription.

        Raises DeniedError, ConnectionClosed after the client's end, NotSubscribed after `unsubscribe`.
        """
        await self._subscription.settled.wait()
        if self._subscription.error is not None:
            raise self._subscription.error
        if self._subscription.abandoned:
            raise ConnectionClosed("The client was closed; make a new one to go on")
        if self._subscription.ended:
            raise NotSubscribed(f"{self.channel} was unsubscribed; subscribe again")

    def unsubscribe(self) -> None:
        """End the subscription: nothing is received after. May be called in a callback, and more than once."""
        self._leave(self._subscription)

    def __aiter__(self) -> AsyncIterator[Event]:
        if not self._iterable:
            raise TypeError("The subscription hands its events to on_message; subscribe without it to iterate")
        self._subscription.iterated = True
        return self

    async def __anext__(self) -> Event:
        return await self._subscription.next()
