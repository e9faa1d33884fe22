"""Publishing, reading and delivering events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.core.domain.domain_facts import DomainFact
from app.core.position import StreamPosition
from app.engine.delivery_rules import TO_EVERYBODY, DeliveryRules
from app.engine.ports.records import RecordChange


@dataclass(frozen=True, slots=True)
class PublicationEntry:
    """One event to be published: encoded once, without its offset. `durable`: the channel keeps history.

    `domain_fact`: a statement about an alert or a brief.
    """

    channel: str
    body: bytes
    durable: bool
    delivery: DeliveryRules = TO_EVERYBODY
    domain_fact: DomainFact | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`(user, key)` names a request for 24 h; `digest` is of its body."""

    user_id: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Publication:
    """One event as every subscriber receives it.

    `offset` 0: the channel keeps no history. `commit` is the number of the event in the engine's own log, 0 where there
    is none.
    """

    channel: str
    epoch: str
    offset: int
    frame: bytes
    commit: int = 0
    delivery: DeliveryRules = TO_EVERYBODY


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The place of a published event.

    `offset` None: the channel keeps no history. `repeated`: it was published before, under the same key; this call had
    no effect.
    """

    channel: str
    offset: int | None
    epoch: str | None
    repeated: bool = False


def ignore_lost(channels: Sequence[str]) -> None:
    """Do nothing about channels whose places are lost."""


def ignore_recorded(publications: Sequence[Publication]) -> None:
    """Do nothing about publications that are not delivered."""


class Broker(Protocol):
    """Publications: one order a channel, the same for every subscriber; and their history."""

    def start(
        self,
        deliver: Callable[[Sequence[Publication]], None],
        lost: Callable[[Sequence[str]], None] = ignore_lost,
        record: Callable[[Sequence[Publication]], None] = ignore_recorded,
    ) -> None:
        """Begin to deliver.

        `deliver` is called on the event loop with every publication of the channels this node joined, and with those
        committed through this node where it did not join (for the journal): per channel in offset order, without hole
        or repetition; a batch that was published as one comes as one, to other nodes its part of each channel. It is
        called only for publications that are durable (or were never meant to be), and before the publisher's own call
        returns.

        `lost` is called on the event loop with joined channels that go on elsewhere than after the last delivery:
        events between are gone, or the store has lost what it had and all its epochs are new. Whoever follows one of
        them is to begin again.

        `record` is called on the event loop with publications that were committed through this node and are not to be
        delivered: subscribers have them by the positions from which they follow, or their places are void. Each commit
        through this node comes once, by `deliver` or by `record`; and by `commits_after` after the end of a process
        that did not get so far. A store that is replaced between a commit and its answer may let it come twice.
        """

    async def publish(
        self,
        entries: Sequence[PublicationEntry],
        key: IdempotencyKey | None = None,
        changes: Sequence[RecordChange] = (),
    ) -> list[PublishResult]:
        """Commit all entries and changes of records or none, in the order of the calls on this node, then deliver them.

        Returns when they are durable. With a key that was used before: the first result, no second effect. Domain facts
        of entries are kept in the same commit, so that a crash never forgets a fact that was delivered.

        Raises KeyConflict (same key, other digest), Moved (a record was changed by another call first), DomainFactError
        (an entry names a commitment or a brief that its sender has no authority over) and Unavailable; nothing was
        committed then.
        """

    async def repeated(self, key: IdempotencyKey) -> list[PublishResult] | None:
        """Return the first results of a request with this key, as `publish` would; None where there was none.

        Raises KeyConflict and Unavailable.
        """

    async def join(self, channel: str) -> StreamPosition:
        """Receive the channel from the returned position on: `position.offset + 1` is the next delivery."""

    async def leave(self, channel: str) -> None:
        """Stop to receive the channel. Publications under way may still come."""

    async def position(self, channel: str) -> StreamPosition:
        """Return the head of the channel now. A channel without events has offset 0 and an epoch that stays."""

    async def has_events(self, channel: str) -> bool:
        """Return whether the channel has an event now. The work is the same for any name, known or not."""

    def is_begun(self, channel: str) -> bool:
        """Return whether an event of the channel was ever kept, as far as this node knows. Known without waiting."""

    async def read(self, channel: str, after: int, limit: int) -> list[Publication]:
        """Return at most `limit` publications after offset `after`, oldest first, without hole.

        None is returned that was not yet delivered. There are fewer only at the head, and none when `after + 1` is no
        longer kept. At least 10,000 events and 15 min of each channel are kept.
        """

    async def renew_epoch(self, channel: str, head: StreamPosition | None = None) -> None:
        """Begin a new epoch: every position of before is void.

        With `head` only where that is still the head of the channel, in one step. Raises TipMoved where it is not.
        """

    async def channels(self) -> Collection[str]:
        """Return the names of all channels that have events."""

    async def commits_after(self, commit: int, limit: int) -> list[Publication]:
        """Return publications of the engine's log after number `commit`, oldest first, for the journal."""
