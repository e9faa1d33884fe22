"""The dashboard's link to the service: whether the service answers, since when, and how old the data is. Pure.

Times are Unix seconds. `ops:nodes` comes once a second and node, so a link that is up and brings nothing for
`SILENT_SECONDS` leads to a service that stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["connecting", "alive", "silent", "unreachable"]
SILENT_SECONDS = 5.0


@dataclass(slots=True)
class ServiceLink:
    """What is known of the link. `refused`: the HTTP status with which the lists were refused the last time, or 0."""

    live: bool = False
    since: float = 0.0
    heard_at: float = 0.0
    listed_at: float = 0.0
    refused: int = 0

    def linked(self, live: bool, at: float) -> bool:
        """Record that the connection stands or does not. Return whether that is news."""
        if live == self.live and self.since:
            return False
        self.live, self.since = live, at
        return True

    def status(self, at: float) -> Status:
        """Return the status of the service at a time."""
        if not self.live:
            return "unreachable" if self.heard_at else "connecting"
        return "silent" if at - max(self.heard_at, self.since) > SILENT_SECONDS else "alive"
