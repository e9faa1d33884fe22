"""A service whose wall clock the test sets, and programs that give scores and facts of relationships."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.web.wall_clock_office import WallClockOffice, opened

Message = dict[str, Any]
MORNING, DAY = 1_798_000_000, 86_400
HEALTH = "relationship_health_change"


class HealthOffice(WallClockOffice):
    """The service, its clock, and calls to it."""

    kind = "relationship"
    writer = ("program", "write:*")

    async def score(self, name: str, score: int, token: str = "", **more: Any) -> Message:
        """Give a score; return the relationship."""
        answer = await self.call("POST", f"relationships/{name}/score", token, json={"score": score, **more})
        assert answer.status_code == 200, answer.text
        row: Message = answer.json()
        return row

    async def facts(self, name: str, *facts: Message, token: str = "") -> Message:
        """Add facts; return the relationship."""
        answer = await self.call("POST", f"relationships/{name}/facts", token, json={"facts": list(facts)})
        assert answer.status_code == 200, answer.text
        row: Message = answer.json()["relationship"]
        return row

    async def why(self, name: str, token: str = "") -> Message:
        """Return the reasons of a score."""
        answer = await self.call("GET", f"relationships/{name}/why", token)
        assert answer.status_code == 200, answer.text
        reasons: Message = answer.json()
        return reasons

    async def told(self, name: str) -> list[Message]:
        """Return the changes that were published of a relationship so far."""
        return await self.events(f"relationship:{name}")


def health_office(
    folder: Path, wall: float = MORNING, settings: Mapping[str, object] | None = None
) -> AbstractAsyncContextManager[HealthOffice]:
    """Start a service at a time of the wall clock (Unix seconds), on a folder that may have been used before."""
    return opened(HealthOffice, folder, wall, settings)
