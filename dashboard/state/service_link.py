"""The connection to the service: its status, since when, and the age of the data. Pure.

Times are Unix seconds. Each node reports once a second on `ops:nodes`, so a connection that stands and brings nothing
for `SILENT_SECONDS` leads to a service that hangs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["connecting", "alive", "silent", "unreachable"]
SILENT_SECONDS = 5.0


@dataclass(slots=True)
class ServiceLink:
    """The state of the connection. `refused`: the HTTP status of the last refusal of the lists, or 0."""

    live: bool = False
    since: float = 0.0
    heard_at: float = 0.0
    listed_at: float = 0.0
    refused: int = 0

    def linked(self, live: bool, at: float) -> bool:
        """Record that the connection stands or does not. Return whether that changed."""
        if live == self.live and self.since:
            return False
        self.live, self.since = live, at
        return True

    def status(self, at: float) -> Status:
        """Return the status of the service at a time."""
        if not self.live:
            is_late = bool(self.since) and at - self.since > SILENT_SECONDS
            return "unreachable" if self.heard_at or is_late else "connecting"
        return "silent" if at - max(self.heard_at, self.since) > SILENT_SECONDS else "alive"
