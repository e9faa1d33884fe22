"""The namespaces of channels: their events and features (docs/protocol.md#history-and-positions). One row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import channels, events
from .codec import with_offset

if TYPE_CHECKING:
    from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace. `history`: events are numbered and can be recovered. `presence`: the users on it are known."""

    name: str
    history: bool
    presence: bool
    carries: frozenset[type[Struct]] = frozenset()


_USER_EVENTS: tuple[type[Struct], ...] = (
    events.TaskAssigned,
    events.Notification,
    events.CommitmentAlert,
    events.BriefStarted,
    events.BriefProgress,
    events.BriefComplete,
    events.BriefFailed,
)

NAMESPACES: dict[str, Namespace] = {
    row.name: row
    for row in (
        Namespace("dossier", history=True, presence=True, carries=frozenset({events.DossierUpdate})),
        Namespace("document", history=False, presence=True),
        Namespace("workspace", history=True, presence=True, carries=frozenset({events.TaskUpdate})),
        Namespace("user", history=True, presence=False, carries=frozenset(_USER_EVENTS)),
        Namespace("relationship", history=True, presence=True, carries=frozenset({events.RelationshipHealthChange})),
        Namespace("global", history=True, presence=False, carries=frozenset({events.Notification})),
        Namespace("ops", history=False, presence=False),
    )
}


def namespace_of(channel: str) -> Namespace:
    """Return the row of a well-formed channel name."""
    return NAMESPACES[channels.namespace(channel)]


def frame_of(channel: str, body: bytes, offset: int) -> bytes:
    """Return the frame of a logged event: its encoded body, numbered where the namespace numbers its events.

    A document's operations carry their version themselves.
    """
    return with_offset(body, offset) if offset and namespace_of(channel).history else body
