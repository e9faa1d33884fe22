"""The records of commitments: reading them, and the changes that keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.core.domain.commitments.commitment import KIND, Commitment, decode, mou_label, next_moment
from app.engine.ports.records import ListPlace, RecordChange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import date

    from app.engine.ports.records import RecordStore
    from dossier_realtime.recording.commitments.ladder import AlertPolicy

ALL: Final = "all"
_ORDER: Final = {"open": "0", "acknowledged": "1", "completed": "2", "deleted": "3"}
_SETTLED_SECONDS: Final = 180 * 86_400.0  # completed and deleted ones are kept: their ids belong to their MoU
_READ: Final = 200  # records at once


class Held(NamedTuple):
    """A commitment, and the revision of its record that decisions are made on."""

    commitment: Commitment
    revision: int


class Listed(NamedTuple):
    """A commitment in a list, and its place there."""

    place: ListPlace
    commitment: Commitment


def listed_at(commitment: Commitment) -> ListPlace:
    """Return the place of a commitment in lists: by its state, then by its deadline."""
    return ListPlace(_ORDER[commitment.state] + commitment.said.due_date, commitment.commitment_id)


class CommitmentLedger:
    """The records of commitments. `policy` says when they are due."""

    def __init__(self, records: RecordStore, policy: AlertPolicy) -> None:
        self._records = records
        self.policy = policy

    async def find(self, commitment_id: str) -> Held | None:
        """Return a commitment, also one that was deleted. Raises Unavailable."""
        record = (await self._records.find(KIND, [commitment_id])).get(commitment_id)
        return None if record is None else Held(decode(record.body), record.revision)

    def change(self, after: Commitment, revision: int, now: float) -> RecordChange:
        """Return the change that keeps a commitment, decided on a revision of it; 0: there was none."""
        settled = after.state in ("completed", "deleted")
        return RecordChange(
            KIND,
            after.commitment_id,
            revision,
            after.encode(),
            labels=(mou_label(after.said.mou_id), *(() if after.state == "deleted" else (ALL,))),
            order=listed_at(after).order,
            due=next_moment(after, self.policy),
            expires=now + _SETTLED_SECONDS if settled else None,
        )

    @staticmethod
    def place_of(due: date) -> ListPlace:
        """Return the place before the open commitments of a day and of later ones."""
        return ListPlace(_ORDER["open"] + due.isoformat(), "")

    async def walk(self, after: ListPlace | None, mou_id: str = "") -> AsyncIterator[Listed]:
        """Yield the commitments behind a place, open ones first, each group by its deadlines. Raises Unavailable."""
        label = mou_label(mou_id) if mou_id else ALL
        while True:
            page = await self._records.listed(KIND, label, after, _READ)
            for record in page:
                commitment = decode(record.body)
                if commitment.state == "deleted":
                    return  # they are the last ones
                yield Listed(record.place, commitment)
            if len(page) < _READ:
                return
            after = page[-1].place
