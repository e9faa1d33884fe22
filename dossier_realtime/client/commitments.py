"""Commitments over HTTP: registering them, and what people do about them (docs/protocol.md#commitments)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from urllib.parse import quote, urlencode

from dossier_realtime.protocol.events import AlertStatePayload
from dossier_realtime.protocol.fields import Level, Localized
from dossier_realtime.protocol.http.commitments import (
    CommitmentAnswer,
    CommitmentBody,
    CommitmentDeleted,
    CommitmentPage,
    DelegateBody,
    DryRunAnswer,
    PlannedAlertRow,
    SnoozeBody,
)

from .io.service_calls import ServiceCalls


class Commitments(ServiceCalls):
    """The commitments of a service, for the user whom the token names.

        async with Commitments(token, "https://realtime.example") as commitments:
            await commitments.complete("c-17")

    `base_url` is without `/v1`; `http://` only to this machine, unless `insecure`. Every call raises PublishError where
    the service refuses it, AuthFailed and ConnectFailed. Times are Unix seconds. A `reason` (500 characters) stands in
    the journal, and in the `hands` of the commitment. Alerts come to recipients on their own
    channel; `DossierRealtimeClient.acknowledge` takes one in hand.
    """

    async def register(
        self,
        commitment_id: str,
        *,
        mou_id: str,
        title: str | Localized,
        due_date: date | str,
        mou_type: str,
        responsible_department: str | Localized,
        owner: str,
        escalation: Sequence[Sequence[str]],
        classification: Level = "public",
    ) -> CommitmentAnswer:
        """Register a commitment, or change it; `escalation` has the users of the levels 1, 2 and 3."""
        body = CommitmentBody(
            mou_id=mou_id,
            title=title,
            due_date=due_date if isinstance(due_date, str) else due_date.isoformat(),
            mou_type=mou_type,
            responsible_department=responsible_department,
            owner=owner,
            escalation=[list(group) for group in escalation],
            classification=classification,
        )
        return await self._ask("PUT", _path(commitment_id), CommitmentAnswer, body)

    async def get(self, commitment_id: str) -> CommitmentAnswer:
        """Return a commitment and its state."""
        return await self._ask("GET", _path(commitment_id), CommitmentAnswer)

    async def delete(self, commitment_id: str) -> None:
        """Remove a commitment."""
        await self._ask("DELETE", _path(commitment_id), CommitmentDeleted)

    async def acknowledge(self, commitment_id: str, *, reason: str = "") -> AlertStatePayload:
        """Take a commitment in hand, as a user who was alerted or as an operator; return the alert's state."""
        return await self._ask("POST", _path(commitment_id, "/ack"), AlertStatePayload, {}, reason)

    async def complete(self, commitment_id: str, *, reason: str = "") -> CommitmentAnswer:
        """Complete a commitment: nothing is raised any more, and all who were alerted are told."""
        return await self._ask("POST", _path(commitment_id, "/complete"), CommitmentAnswer, {}, reason)

    async def snooze(self, commitment_id: str, until: float, *, reason: str = "") -> CommitmentAnswer:
        """Raise nothing before a time (Unix seconds)."""
        body = SnoozeBody(int(until))
        return await self._ask("POST", _path(commitment_id, "/snooze"), CommitmentAnswer, body, reason)

    async def delegate(self, commitment_id: str, to: str, until: float, *, reason: str = "") -> CommitmentAnswer:
        """Let another user receive alerts in one's place, until a time (Unix seconds)."""
        body = DelegateBody(to, int(until))
        return await self._ask("POST", _path(commitment_id, "/delegate"), CommitmentAnswer, body, reason)

    async def list(self, *, mou_id: str = "") -> AsyncIterator[CommitmentAnswer]:
        """Yield the commitments that one may see, of one MoU or all: open ones first, by their deadlines."""
        after = ""
        while True:
            query = {name: text for name, text in (("mou", mou_id), ("after", after)) if text}
            page = await self._ask("GET", f"/v1/commitments?{urlencode(query)}", CommitmentPage)
            for commitment in page.commitments:
                yield commitment
            if page.next is None:
                return
            after = page.next

    async def dry_run(
        self, begin: date | str, end: date | str, *, policy: str = "", mou_id: str = ""
    ) -> AsyncIterator[PlannedAlertRow]:
        """Yield the alerts that open commitments would raise from one time and before another, if nobody acted.

        `policy`: other days before the deadline, such as `data-exchange:60/30/7`. `mou_id`: those of one MoU.
        """
        after = ""
        while True:
            query = {"from": str(begin), "to": str(end), "policy": policy, "mou": mou_id, "after": after}
            asked = urlencode({name: text for name, text in query.items() if text})
            page = await self._ask("GET", f"/v1/commitments/dry-run?{asked}", DryRunAnswer)
            for alert in page.alerts:
                yield alert
            if page.next is None:
                return
            after = page.next


def _path(commitment_id: str, act: str = "") -> str:
    return f"/v1/commitments/{quote(commitment_id, safe='')}{act}"
