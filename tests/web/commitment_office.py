"""A service whose wall clock the test sets, and people who register commitments there and are alerted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from tests.harness.eventually import eventually_async
from tests.web.wall_clock_office import WallClockOffice, opened

Message = dict[str, Any]
MORNING = datetime(2027, 1, 4, 6, 0, tzinfo=UTC).timestamp()  # a Monday, nine o'clock in Riyadh
DAY = 86_400.0
BODY: Message = {
    "mou_id": "m1",
    "title": {"en": "Data submission", "ar": "تسليم البيانات"},
    "due_date": "2027-03-31",
    "mou_type": "data-exchange",
    "responsible_department": "International Relations",
    "owner": "omar",
    "escalation": [["ali"], ["bea"], ["cy"]],
}


class Office(WallClockOffice):
    """The service, its clock, and calls to it."""

    kind = "commitment"
    writer = ("omar", "write:dossier:mou:*")

    async def put(self, name: str, token: str = "", **changed: Any) -> httpx.Response:
        """Register a commitment."""
        return await self.call("PUT", f"commitments/{name}", token, json=BODY | changed)

    async def publish(self, token: str, event: Message) -> httpx.Response:
        """Publish one event."""
        return await self.call("POST", "publish", token, json={"events": [event]})

    def cleared(self, user: str, clearance: Clearance) -> None:
        """Let the service have seen a token of a user."""
        grants = Grant.parse_all([])
        identity = Identity(user, user, "member", None, grants, clearance, int(self.wall + DAY))
        self.service.node.services.clearances.seen(identity)

    async def got(self, user: str, kind: str = "commitment_alert") -> list[Message]:
        """Return the messages of a kind that came on a user's channel so far."""
        return [message for message in await self.events(f"user:{user}") if message["type"] == kind]

    async def levels(self, *users: str) -> dict[str, list[int]]:
        """Return the levels of the alerts that each user got, in their order."""
        return {user: [alert["payload"]["alert_level"] for alert in await self.got(user)] for user in users}

    async def until_levels(self, **expected: list[int]) -> None:
        """Wait until each user got these levels, and no others."""

        async def there() -> bool:
            return await self.levels(*expected) == expected

        await eventually_async(there, lambda: expected)


def office(
    folder: Path, wall: float = MORNING, settings: Mapping[str, object] | None = None
) -> AbstractAsyncContextManager[Office]:
    """Start a service at a time of the wall clock (Unix seconds), on a folder that may have been used before."""
    return opened(Office, folder, wall, settings)
