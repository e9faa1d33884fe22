"""Records that follow from events, whoever publishes them: tasks from their updates, inboxes from notifications. Pure.

A projection names the records that an event changes, and folds the event into each. The record is committed with the
event, on the revision that it was folded on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.core.domain.ownership import Claim
    from dossier_realtime.protocol.events import Event


@dataclass(frozen=True, slots=True)
class Folded:
    """A record after an event. `by_offset`: its place in lists is the offset of the event, else `order`."""

    body: bytes
    labels: tuple[str, ...] = ()
    order: str = ""
    by_offset: bool = False
    due: float | None = None
    expires: float | None = None


class Projection(Protocol):
    """The records of one kind that follow from events."""

    kind: str

    def key(self, channel: str, event: Event) -> str | None:
        """Return the key of the record that the event changes; None: it changes none."""

    def fold(
        self, known: bytes | None, channel: str, event: Event, at: float, claim: Claim | None = None
    ) -> Folded | None:
        """Return the record after the event; None where the record stays as it is.

        `known` is its body before, None where there was none; `at` is Unix seconds; `claim` is that of the sender on
        the ids that it names, None where there is none to be had. Raises DomainFactError where the
        event cannot be.
        """
