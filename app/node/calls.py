"""HTTP calls, as the journal keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dossier_realtime.recording.entry import Detail


@dataclass(frozen=True, slots=True)
class Read:
    """The part of a channel a call read: its events from `first` to `last`, of a document all up to its version."""

    channel: str
    first: int = 0
    last: int = 0
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP call that was answered. `level`: of what the path names, where it names no channel; `act`: its seq;
    `polled`: dashboards ask for it again and again, and it tells of no event."""

    method: str
    path: str
    status: int
    caller: str = ""
    level: str = ""
    via: str = ""
    act: int = 0
    polled: bool = False
    read: Read | None = None
    told: Mapping[str, str] = field(default_factory=dict)
    """Return the other details of the call: `reason`, `query`, `key`, `token`, `address`; what is empty is left out."""

    def detail(self) -> Detail:
        """Return the call as the detail of its entry."""
        told = {name: text for name, text in self.told.items() if text}
        detail: Detail = {"method": self.method, "path": self.path, "status": self.status, **told}
        if self.read is not None and self.read.last:
            detail |= {"first": self.read.first, "last": self.read.last, "epoch": self.read.epoch}
        return detail
