"""Relationships as records, and the changes that other programs publish of them (docs/protocol.md#relationships). Pure.

The service's own changes come with their record in the same commit; they are folded by nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import structs

from app.core.domain.projections.projection import Folded
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.events import RelationshipHealthChange
from dossier_realtime.recording.relationships.course import HealthChange, Relationship, after_told
from dossier_realtime.recording.relationships.scoring import next_moment

if TYPE_CHECKING:
    from app.core.domain.ownership import Claim
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.recording.relationships.scoring import HealthPolicy

KIND: Final = "relationship"
ALL: Final = "all"
_WITHOUT_SCORE: Final = "999"


class HealthChanges:
    """The projection of changes that other programs publish: score and status hold as they were told."""

    kind = KIND

    def __init__(self, policy: HealthPolicy) -> None:
        self._policy = policy

    def key(self, channel: str, event: Event) -> str | None:
        """Return the relationship whose channel a change is on."""
        return channels.identifier(channel) if isinstance(event, RelationshipHealthChange) else None

    def fold(
        self, known: bytes | None, channel: str, event: Event, at: float, claim: Claim | None = None
    ) -> Folded | None:
        """Return the relationship after the change."""
        assert isinstance(event, RelationshipHealthChange)  # noqa: S101  `key` names no other
        said = event.payload
        before = begun(channels.identifier(channel)) if known is None else decode(known)
        told = HealthChange(said.previous_status, said.new_status, said.score_change, said.current_score, said.trigger)
        after = after_told(before, told, at, self._policy)
        return folded(structs.replace(after, recommendations=said.recommendations), at, self._policy)


def begun(relationship_id: str) -> Relationship:
    """Return a relationship of which nothing is known."""
    return Relationship(relationship_id=relationship_id)


def decode(body: bytes) -> Relationship:
    """Return the relationship of a record."""
    return msgspec.json.decode(body, type=Relationship)


def of_status(status: str) -> str:
    """Return the label of all relationships of a status."""
    return f"status:{status}"


def folded(relationship: Relationship, now: float, policy: HealthPolicy) -> Folded:
    """Return the record of a relationship: in lists by its score, due when its score may change without a new fact."""
    score, status = relationship.score, relationship.status
    return Folded(
        msgspec.json.encode(relationship),
        (ALL,) if status is None else (ALL, of_status(status)),
        _WITHOUT_SCORE if score is None else f"{score:03d}",
        due=next_moment(relationship.known, relationship.spoken_at, now, policy),
    )
