"""The rows of a document's history: one a version, or one for versions of one author in a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dossier_realtime.protocol.events import RemoteOperationPayload

PAUSE_SECONDS: Final = 300
"""Between two versions of one author that one row may hold."""


class RevisionRow(Struct):
    """The versions `first` to `version` of one author. Times are Unix seconds; None: the store was older than times."""

    first: int
    version: int
    user_id: str
    user_name: str
    began: int | None
    timestamp: int | None
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NamedVersion:
    """A version with a name: who gave it, and when (Unix seconds)."""

    name: str
    version: int
    user_id: str
    user_name: str
    at: float


def row_of(payload: RemoteOperationPayload) -> RevisionRow:
    """Return the row of one version."""
    version, time = payload.version, payload.timestamp
    return RevisionRow(version, version, payload.user_id, payload.user_name, time, time)


def joined(rows: Iterable[RevisionRow]) -> list[RevisionRow]:
    """Return the rows with consecutive ones of one author joined, where no long pause is between them."""
    found: list[RevisionRow] = []
    for row in rows:
        last = found[-1] if found else None
        if last is not None and last.user_id == row.user_id and _are_near(last.timestamp, row.began):
            last.version, last.timestamp, last.user_name = row.version, row.timestamp, row.user_name
        else:
            found.append(row)
    return found


def give_names(rows: Iterable[RevisionRow], named: Sequence[NamedVersion]) -> None:
    """Give each row the names of its versions. Both are in the order of versions."""
    at = 0
    for row in rows:
        while at < len(named) and named[at].version < row.first:
            at += 1
        while at < len(named) and named[at].version <= row.version:
            row.names.append(named[at].name)
            at += 1


def _are_near(before: int | None, after: int | None) -> bool:
    return before is None or after is None or after - before <= PAUSE_SECONDS
