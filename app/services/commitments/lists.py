"""Lists of commitments and dry runs over them, page by page; each call looks at a bounded number of records.

Source: docs/protocol.md#commitments.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from app.services.domain.places import read_place
from app.services.domain.sealed_places import SealedPlaces
from dossier_realtime.recording.commitments.planned_page import AlertPlace, PlannedPage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.domain.commitments.commitment import Commitment
    from app.engine.ports.records import ListPlace
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.recording.commitments.dry_run import PlannedAlert
    from dossier_realtime.recording.commitments.ladder import AlertPolicy

    from .climbing import Climbing
    from .ledger import CommitmentLedger

MAX_LISTED: Final = 5_000
"""Records that one page of a list looks at; then it ends, and its `next` goes on behind them."""
MAX_PLANNED: Final = 50_000
"""Open commitments that one page of a dry run looks at."""
_TURN: Final = 25
"""Commitments after which others have their turn: the moments of one take up to half a millisecond."""


class TooMany(Exception):
    """Raised where a page of a dry run would take too many commitments; its text says how to ask for less."""


T = TypeVar("T")
R = TypeVar("R")


async def in_turns(make: Callable[[T], R], found: Sequence[T]) -> list[R]:
    """Return what is made of each; others have their turn in between."""
    made = []
    for number, one in enumerate(found):
        if number % _TURN == 0:
            await asyncio.sleep(0)
        made.append(make(one))
    return made


class DryRunSpan(NamedTuple):
    """The policy and the times of a dry run, from `begin` on and before `end` (Unix seconds). `mou_id`: "" is all."""

    policy: AlertPolicy
    begin: float
    end: float
    mou_id: str = ""


class CommitmentLists:
    """The commitments that readers may see."""

    def __init__(self, ledger: CommitmentLedger, climbing: Climbing) -> None:
        self._ledger, self._climbing = ledger, climbing
        self._sealed = SealedPlaces()

    def place(self, text: str) -> ListPlace | None:
        """Return the place that the `next` of a page says; None for any other text."""
        return read_place(text) or self._sealed.open(text)

    def seal(self, place: ListPlace) -> str:
        """Return a place of a row that the reader may not see, as the `next` of a page says it."""
        return self._sealed.seal(place)

    async def page(
        self, by: Identity, after: ListPlace | None, limit: int, mou_id: str = ""
    ) -> tuple[list[Commitment], str | None]:
        """Return the commitments that a user may see, open ones first, by their deadlines, and the `next` of the page.

        The page may be short, or empty, and yet have a `next`: enough was looked at. Raises Unavailable.
        """
        found: list[Commitment] = []
        looked_at, last = 0, None
        async for listed in self._ledger.walk(after, mou_id):
            if looked_at == MAX_LISTED and after is not None:
                return found, self._sealed.seal(after)
            if looked_at % _TURN == 0:
                await asyncio.sleep(0)
            looked_at, after = looked_at + 1, listed.place
            if self._climbing.may_see(by, listed.commitment):
                if len(found) == limit:
                    return found, last
                found.append(listed.commitment)
                last = listed.place.text
        return found, None

    async def planned(
        self, by: Identity, span: DryRunSpan, after: AlertPlace | None, limit: int
    ) -> tuple[list[tuple[PlannedAlert, Commitment]], str | None]:
        """Return what open commitments that a user may see would raise, and the `next` of the page.

        It is in the order of the times, as if nobody acted on any of them. Raises TooMany and Unavailable.
        """
        page: PlannedPage[Commitment] = PlannedPage(span.policy, span.begin, span.end, after, limit)
        looked_at, due = 0, None
        async for listed in self._ledger.walk(self._ledger.place_of(page.first_due), span.mou_id):
            commitment = listed.commitment
            if due != commitment.said.due_date or looked_at % _TURN == 0:
                await asyncio.sleep(0)  # the calendar of a day that nobody asked about takes milliseconds
            due = commitment.said.due_date
            if commitment.state != "open" or page.is_complete(commitment.due):
                break
            looked_at += 1
            if looked_at > MAX_PLANNED:
                raise TooMany(
                    f"This dry run would take more than {MAX_PLANNED} commitments: ask for those of one MoU (mou=)"
                )
            if self._climbing.may_see(by, commitment):
                page.add(commitment.deadline, commitment)
        alerts, place = page.alerts()
        return alerts, None if place is None else place.text
