"""Alerts and briefs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.core.domain.alerts import Alert
from app.core.domain.briefs import Brief
from app.core.domain.ownership import Claim
from app.engine.ports.events import PublicationEntry, PublishResult
from app.engine.ports.records import RecordChange


class AlertStore(Protocol):
    """Alerts, from the facts of published entries, over all nodes and restarts.

    An alert is kept for 180 days after its last change, an acknowledged one for 30.
    """

    async def find(self, commitment_id: str) -> Alert | None:
        """Return the alert with every user whom a committed entry alerted. Raises Unavailable."""

    async def claim(self, commitment_id: str) -> Claim | None:
        """Return the authority with which the id was named or registered last. Raises Unavailable."""

    async def acknowledge(
        self, alert: Alert, by: str, entries: Sequence[PublicationEntry], changes: Sequence[RecordChange] = ()
    ) -> list[PublishResult]:
        """Acknowledge the alert, publish the entries that say so and change records, all or nothing, like `publish`.

        Raises Moved when the alert or a record is no longer as given, and Unavailable (nothing was committed). An
        alert that is acknowledged already stays so, by whom it was.
        """

    async def restart(self, commitment_id: str, changes: Sequence[RecordChange]) -> None:
        """Forget the alert of a commitment whose clock begins anew, and change records, both or neither.

        Raises Moved when a record is no longer as given, and Unavailable (nothing was committed).
        """


class BriefStore(Protocol):
    """Briefs, from the facts of published entries, over all nodes and restarts.

    A brief is kept for 30 days after its last step.
    """

    async def find(self, request_id: str) -> Brief | None:
        """Return the brief. Raises Unavailable."""

    async def cancel(
        self, brief: Brief, entries: Sequence[PublicationEntry], changes: Sequence[RecordChange] = ()
    ) -> list[PublishResult]:
        """End the brief and publish the entries that say so, with changes of records, all or none, like `publish`.

        No later `publish` gets an entry of it through. Raises Moved when the brief or a record is no longer as given,
        and Unavailable (nothing was committed).
        """

    async def silent(self, seconds: float, limit: int) -> list[Brief]:
        """Return at most `limit` open briefs of programs that had no step for so long, the longest silent first.

        Those that the service itself was asked for are not among them. Raises Unavailable.
        """

    async def fail_silent(
        self, brief: Brief, seconds: float, entries: Sequence[PublicationEntry], changes: Sequence[RecordChange] = ()
    ) -> list[PublishResult]:
        """End a silent brief as failed and publish the entries that say so, with changes of records, like `cancel`.

        It belongs to the service from then on: no later `publish` by a program gets an entry of it through. Raises
        Moved when the brief or a record is no longer as given or it had a step since, and Unavailable (nothing was
        committed).
        """
