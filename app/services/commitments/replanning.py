"""The moments of registered commitments under another policy than the one that they were planned with.

A record says when its next level is due. Where the configuration has other days, hours or holidays than at the last
start, the records are planned anew, in batches beside the work of the service.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import structlog

from app.core.domain.commitments.commitment import KIND, decode, next_moment
from app.engine.ports.errors import Moved, Unavailable
from app.engine.ports.records import RecordChange

from .ledger import ALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.ports.records import ListPlace, RecordStore
    from app.services.publisher import EventPublisher
    from dossier_realtime.recording.commitments.ladder import AlertPolicy

    from .ledger import CommitmentLedger

POLICY_KIND: Final = "commitment_policy"
_KEY: Final = "planned"
_BATCH: Final = 100  # records in one commit
_RETRY_SECONDS: Final = 2.0
_log = structlog.get_logger("commitments")


class Replanning:
    """The one walk over all open commitments after a change of the policy."""

    def __init__(
        self, records: RecordStore, ledger: CommitmentLedger, publisher: EventPublisher, now: Callable[[], float]
    ) -> None:
        self._records, self._ledger, self._publisher, self._now = records, ledger, publisher, now

    async def run(self) -> None:
        """Plan anew where the policy is another one, until that is done; then wait to be cancelled."""
        while True:
            try:
                await self.replan()
                break
            except Unavailable:
                await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.Event().wait()  # its end would count as a failure of background work

    async def replan(self) -> int:
        """Plan anew what is due at other times now; return the number of commitments. Raises Unavailable."""
        wanted = fingerprint(self._ledger.policy).encode()
        known = (await self._records.find(POLICY_KIND, [_KEY])).get(_KEY)
        if known is not None and known.body == wanted:
            return 0
        changed, after = 0, None
        while True:
            count, after = await self._batch(after)
            changed += count
            if after is None:
                break
        done = RecordChange(POLICY_KIND, _KEY, 0 if known is None else known.revision, wanted)
        try:
            await self._publisher.commit([], [done])
        except Moved:
            return changed  # another node did the same
        if changed:
            _log.info("the calendar or the days of alerts are others: commitments were planned anew", count=changed)
        return changed

    async def _batch(self, after: ListPlace | None) -> tuple[int, ListPlace | None]:
        """Plan the commitments behind a place anew; return how many, and the last place, None at the end."""
        while True:
            page = await self._records.listed(KIND, ALL, after, _BATCH)
            changes: list[RecordChange] = []
            ended = len(page) < _BATCH
            for record in page:
                commitment = decode(record.body)
                if commitment.state != "open":
                    ended = True  # open ones come first
                    break
                if next_moment(commitment, self._ledger.policy) != record.due:
                    changes.append(self._ledger.change(commitment, record.revision, self._now()))
                await asyncio.sleep(0)  # the calendar of a day takes up to half a millisecond
            try:
                if changes:
                    await self._publisher.commit([], changes)
            except Moved:
                continue  # somebody acted on one of them: read them again
            return len(changes), None if ended else page[-1].place


def fingerprint(policy: AlertPolicy) -> str:
    """Return a text that is another one where the policy is."""
    calendar = policy.calendar
    said = (
        calendar.zone.key,
        sorted(calendar.working_days),
        calendar.opens.isoformat(),
        calendar.closes.isoformat(),
        [repr(holiday) for holiday in calendar.holidays],
        sorted((kind, tuple(days)) for kind, days in policy.days_before.items()),
    )
    return sha256(repr(said).encode()).hexdigest()
