"""The list of commitments that stand: those that are registered, and those that only events of programs tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.core.domain.alerts import mou_channels
from app.core.domain.commitments.commitment import KIND as REGISTERED
from app.core.domain.projections import raised_alerts as core
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.http.commitments import CommitmentAnswer, CommitmentLevel

from .ledger import listed_at
from .lists import MAX_LISTED, in_turns
from .rows import commitment_row

if TYPE_CHECKING:
    from app.core.domain.commitments.commitment import Commitment
    from app.engine.ports.records import ListPlace, RecordStore
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity

    from .registry import CommitmentRegistry

_READ = 200  # records at once


class CommitmentRows(NamedTuple):
    """A page of commitments. `more`: the `next` of the page."""

    rows: list[CommitmentAnswer]
    more: str | None


class StandingCommitments:
    """Both kinds in one order: open ones first, by their deadlines."""

    def __init__(self, registry: CommitmentRegistry, records: RecordStore, publisher: EventPublisher) -> None:
        self._registry, self._records, self._publisher = registry, records, publisher

    async def page(self, by: Identity, after: ListPlace | None, mou_id: str, limit: int) -> CommitmentRows:
        """Return the commitments behind a place that a user may see; a page may be short and yet have a `next`.

        Raises Unavailable.
        """
        lists = self._registry.lists
        found, following = await lists.page(by, after, limit, mou_id)
        told, reached = await self._raised(by, after, mou_id, limit)
        ends: list[tuple[ListPlace, str]] = [] if reached is None else [(reached, lists.seal(reached))]
        if following is not None:
            end = lists.place(following)
            assert end is not None  # noqa: S101  the list said it itself
            ends.append((end, following))
        # Both lists are known up to the nearer of their ends: what stands behind it is on the next page.
        last = min(ends, default=None)
        rows = [(listed_at(one), row) for one, row in zip(found, await in_turns(self._registered, found), strict=True)]
        merged = sorted([*rows, *told], key=lambda pair: pair[0])
        kept = [pair for pair in merged if last is None or pair[0] <= last[0]]
        shown = [row for _, row in kept[:limit]]
        if len(kept) > limit:
            return CommitmentRows(shown, kept[limit - 1][0].text)
        return CommitmentRows(shown, None if last is None else last[1])

    async def find(self, commitment_id: str, by: Identity) -> CommitmentAnswer | None:
        """Return what is known of a commitment from alerts alone, where a user may see it. Raises Unavailable."""
        registered = await self._records.find(REGISTERED, [commitment_id])
        record = (await self._records.find(core.KIND, [commitment_id])).get(commitment_id)
        if record is None or registered:
            return None
        alert = core.decode(record.body)
        return self._row(alert) if self._sees(by, alert) else None

    def _registered(self, commitment: Commitment) -> CommitmentAnswer:
        return commitment_row(commitment, self._registry, whole=False)

    async def _raised(
        self, by: Identity, after: ListPlace | None, mou_id: str, limit: int
    ) -> tuple[list[tuple[ListPlace, CommitmentAnswer]], ListPlace | None]:
        """Return alerts of commitments that are not registered, and how far was looked where more may follow."""
        label = core.mou_label(mou_id) if mou_id else core.ALL
        rows: list[tuple[ListPlace, CommitmentAnswer]] = []
        looked_at = 0
        while True:
            page = await self._records.listed(core.KIND, label, after, _READ)
            # Asked without a page too: up to one page, a hidden MoU with alerts costs no more calls than one without.
            registered = await self._records.find(REGISTERED, [record.key for record in page] or [mou_id])
            for record in page:
                alert = core.decode(record.body)
                if record.key not in registered and self._sees(by, alert):
                    if len(rows) == limit:
                        return rows, rows[-1][0]
                    rows.append((record.place, self._row(alert)))
            if len(page) < _READ:
                return rows, None
            looked_at, after = looked_at + len(page), page[-1].place
            if looked_at >= MAX_LISTED:
                return rows, after

    def _sees(self, by: Identity, alert: core.RaisedAlert) -> bool:
        """Return whether a user may see an alert: a recipient who is cleared, or who may read all its channels."""
        own, about = channels.user(by.user_id), self._about(alert)
        if own in alert.channels:
            is_cleared = self._publisher.shown_to(by, (), self._publisher.derived(about).level)
            return is_cleared and self._publisher.shown_to(by, (own,))
        return self._publisher.shown_to(by, about)

    def _about(self, alert: core.RaisedAlert) -> tuple[str, ...]:
        return (*alert.channels, *mou_channels(alert.mou_id))

    def _row(self, alert: core.RaisedAlert) -> CommitmentAnswer:
        return CommitmentAnswer(
            commitment_id=alert.commitment_id,
            mou_id=alert.mou_id,
            title=alert.title,
            due_date=alert.due_date,
            responsible_department=alert.responsible_department,
            escalation=[],
            classification=self._publisher.derived(self._about(alert)).level.label,  # type: ignore[arg-type]  # labels are the Literal
            state="acknowledged" if alert.by else "open",
            alert_level=alert.alert_level,
            levels=[CommitmentLevel(alert.alert_level, alert.raised_at, list(alert.raised_to))],
            delegations=[],
            by=alert.by or None,
            next_level_at=None if alert.by else alert.next_level_at,
            registered=False,
        )
