"""Folding events into the records that follow from them, for the commit of the events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.engine.ports.records import RecordChange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.domain.ownership import Claim
    from app.core.domain.projections.action_links import ActionLinks
    from app.core.domain.projections.projection import Folded, Projection
    from app.core.instant import Instant
    from app.engine.ports.records import RecordStore
    from dossier_realtime.protocol.events import Event


@dataclass(slots=True)
class _Fold:
    """A record while the events of one commit are folded into it. `entry`: the index of the last event that did."""

    revision: int
    body: bytes | None
    last: Folded | None = None
    entry: int = 0


class Projections:
    """The table of projections. A new one is a row. `links` checks what people are offered to open."""

    def __init__(
        self, records: RecordStore, rows: Sequence[Projection], clock: Callable[[], Instant], links: ActionLinks
    ) -> None:
        self._records = records
        self._links = links
        self._rows = tuple(rows)
        self._clock = clock

    async def changes(self, events: Sequence[tuple[str, Event]], claims: Sequence[Claim | None]) -> list[RecordChange]:
        """Return the changes of records that follow from (channel, event) pairs of one commit.

        `claims`: of the sender, one an event, on the ids that it names.

        Raises DomainFactError where an event cannot be, and Unavailable.
        """
        changes: list[RecordChange] = []
        for _, event in events:
            self._links.check(event)
        for row in self._rows:
            keys = [row.key(channel, event) for channel, event in events]
            if any(key is not None for key in keys):
                changes += await self._folded(row, events, claims, keys)
        return changes

    async def _folded(
        self,
        row: Projection,
        events: Sequence[tuple[str, Event]],
        claims: Sequence[Claim | None],
        keys: Sequence[str | None],
    ) -> list[RecordChange]:
        at = self._clock().wall
        found = await self._records.find(row.kind, [key for key in keys if key is not None])
        folds: dict[str, _Fold] = {}
        for index, (key, claim, (channel, event)) in enumerate(zip(keys, claims, events, strict=True)):
            if key is None:
                continue
            fold = folds.get(key)
            if fold is None:
                stored = found.get(key)
                fold = folds[key] = _Fold(0, None) if stored is None else _Fold(stored.revision, stored.body)
            folded = row.fold(fold.body, channel, event, at, claim)
            if folded is not None:
                fold.body, fold.last, fold.entry = folded.body, folded, index
        return [
            RecordChange(
                *(row.kind, key, fold.revision, fold.last.body, fold.last.labels, fold.last.order),
                due=fold.last.due,
                expires=fold.last.expires,
                placed_by=fold.entry if fold.last.by_offset else None,
            )
            for key, fold in folds.items()
            if fold.last is not None
        ]
