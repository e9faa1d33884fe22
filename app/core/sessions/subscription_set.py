"""The channels that one session receives, or is about to receive."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class _Subscription:
    number: int
    is_sought: bool
    waiting: list[str | None] = field(default_factory=list)
    is_live: bool = False


class Ended(NamedTuple):
    """A subscription that ended: the refs of messages that still waited for its answer, and if it was live."""

    waiting: list[str | None]
    was_live: bool


class SubscriptionSet:
    """The subscriptions of one session, each with the refs of the messages that wait for their answer.

    A subscription may wait for long. It has a number, so that what was begun for one that has ended does not touch a
    later one of the same channel.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Subscription] = {}
        self._numbers = count(1)

    def __contains__(self, channel: object) -> bool:
        return channel in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def settled(self) -> set[str]:
        """The channels that are not looked for any more."""
        return {channel for channel, known in self._known.items() if not known.is_sought}

    def ask(self, channel: str, ref: str | None, *, is_sought: bool = False) -> tuple[int, bool]:
        """Note a message that subscribes; return the subscription's number, and whether it was there before.

        `is_sought`: of a new one the channel has to be looked for first, until `found`.
        """
        again = channel in self._known
        if not again:
            self._known[channel] = _Subscription(next(self._numbers), is_sought)
        subscription = self._known[channel]
        subscription.waiting.append(ref)
        return subscription.number, again

    def is_current(self, channel: str, number: int) -> bool:
        """Return whether the subscription of this number has not ended."""
        known = self._known.get(channel)
        return known is not None and known.number == number

    def found(self, channel: str) -> None:
        """Note that the channel was looked for, and is there."""
        if channel in self._known:
            self._known[channel].is_sought = False

    def answered(self, channel: str, number: int, ref: str | None) -> None:
        """Note that a message was answered with `subscribed`."""
        if self.is_current(channel, number):
            self._known[channel].is_live = True
            self._answer(channel, ref)

    def put_off(self, channel: str, number: int, ref: str | None) -> bool:
        """Note that a message gets an error that is not for good; return False where it waits for none any more.

        The subscription goes on if it is live or another message waits for it.
        """
        if not self.is_current(channel, number):
            return False
        self._answer(channel, ref)
        known = self._known[channel]
        if not (known.waiting or known.is_live):
            del self._known[channel]
        return True

    def _answer(self, channel: str, ref: str | None) -> None:
        waiting = self._known[channel].waiting
        if ref in waiting:
            waiting.remove(ref)

    def end(self, channel: str) -> Ended:
        """End the subscription of a channel, if there is one."""
        known = self._known.pop(channel, None)
        return Ended([], False) if known is None else Ended(known.waiting, known.is_live)
