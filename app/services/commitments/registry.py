"""Commitments as people register and handle them; the clock raises their levels (`climbing`).

Source: docs/protocol.md#commitments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from app.core.domain import alerts as alert_core
from app.core.domain.commitments import commitment as core
from app.core.domain.ownership import Authority, Claim, bind
from app.engine.ports.errors import Moved
from app.journal.acts import Act

from .lists import CommitmentLists

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from app.core.domain.alerts import Alert
    from app.core.domain.commitments.commitment import Commitment, RaisedLevel
    from app.engine.ports.domain import AlertStore
    from app.engine.ports.events import PublishResult
    from app.engine.ports.records import ListPlace, RecordChange
    from app.journal.acts import RecordAct, Verb
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import Clearance
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.protocol.http.commitments import CommitmentBody
    from dossier_realtime.recording.commitments.ladder import AlertPolicy

    from .climbing import Climbing
    from .ledger import CommitmentLedger, Held, Listed


class NoCommitment(Exception):
    """Raised where there is no such commitment, or none that the user may see."""


class NotAllowed(Exception):
    """Raised where a user lacks the right; or where an id belongs to another MoU, in the same words."""


class CommitmentChange(NamedTuple):
    """A commitment after a change, and what was published of it. `unchanged`: it was so before.

    `before`: the commitment where it was registered anew, maybe at a higher classification.
    """

    commitment: Commitment
    results: list[PublishResult]
    unchanged: bool = False
    before: Commitment | None = None


class CommitmentRegistry:
    """The registration of commitments, and what people do about them."""

    def __init__(
        self,
        ledger: CommitmentLedger,
        climbing: Climbing,
        alerts: AlertStore,
        publisher: EventPublisher,
        now: Callable[[], float],
    ) -> None:
        self.climbing = climbing
        self.lists = CommitmentLists(ledger, climbing)
        self._ledger, self._alerts, self._publisher, self._now = ledger, alerts, publisher, now

    @property
    def policy(self) -> AlertPolicy:
        """The calendar and the days before a deadline that are configured."""
        return self._ledger.policy

    def may_register(self, identity: Identity, body: CommitmentBody) -> bool:
        """Return whether a user may register a commitment of this body."""
        return self.climbing.may_change(identity, core.registered(None, "", body, identity.user_id, 0))

    async def register(
        self, commitment_id: str, body: CommitmentBody, by: Identity, act: RecordAct
    ) -> CommitmentChange:
        """Register a commitment, or register it anew. `act` records it before it is done.

        Raises NotAllowed, QuotaExceeded, Unavailable, and the errors of `act`.
        """
        recorded = False
        while True:
            held = await self._ledger.find(commitment_id)
            known = None if held is None else held.commitment
            claim = await self._alerts.claim(commitment_id)
            if bind(claim, Claim(Authority.MOU, by.user_id, body.mou_id)) is None:
                raise NotAllowed
            if known is not None and known.said.mou_id != body.mou_id:
                raise NotAllowed
            if known is not None and known.state != "deleted" and not self.climbing.may_change(by, known):
                raise NotAllowed
            now = self._now()
            after = core.registered(known, commitment_id, body, by.user_id, now)
            if known is None and claim is not None and claim.authority is Authority.CHANNEL:
                # What a sender without authority said of the id counts for nothing.
                after = msgspec.structs.replace(after, restarted=True)
            if not recorded:
                recorded = True
                await act(self._act("register_commitment", after, known))
                continue  # it may have moved meanwhile
            if after == known:
                return CommitmentChange(after, [], unchanged=True)
            change = self._ledger.change(after, 0 if held is None else held.revision, now)
            quotas, stored = self._publisher.quotas, len(change.body or b"")
            await quotas.charge(by.user_id, by.role, channels=0, stored=stored)
            try:
                if after.restarted:
                    await self._publisher.restart_alert(commitment_id, change)
                else:
                    await self._publisher.commit([], [change])
            except Moved:
                quotas.give_back(by.user_id, channels=0, stored=stored)
                continue
            except BaseException:
                quotas.give_back(by.user_id, channels=0, stored=stored)
                raise
            return CommitmentChange(after, [], before=known)

    async def read(self, commitment_id: str, by: Identity) -> Commitment:
        """Return a commitment that a user may see. Raises NoCommitment and Unavailable."""
        return (await self._held(commitment_id, by)).commitment

    async def listed(self, by: Identity, after: ListPlace | None, mou_id: str = "") -> AsyncIterator[Listed]:
        """Yield the commitments that a user may see, open ones first, by their deadlines. Raises Unavailable.

        It looks at all of them: `lists` has pages that are bounded.
        """
        async for listed in self._ledger.walk(after, mou_id):
            if self.climbing.may_see(by, listed.commitment):
                yield listed

    async def complete(self, commitment_id: str, by: Identity, act: RecordAct, why: str = "") -> CommitmentChange:
        """Complete a commitment: nothing is raised any more, and all who were alerted are told.

        `why` is kept with the step, as in `snooze` and `delegate`.

        Raises NoCommitment, NotAllowed, Unavailable, and the errors of `act`.
        """
        return await self._end("complete_commitment", commitment_id, by, act, why)

    async def delete(self, commitment_id: str, by: Identity, act: RecordAct) -> CommitmentChange:
        """Remove a commitment; its id stays bound to its MoU. Raises as `complete`."""
        return await self._end("delete_commitment", commitment_id, by, act)

    async def snooze(
        self, commitment_id: str, until: int, by: Identity, act: RecordAct, why: str = ""
    ) -> CommitmentChange:
        """Raise nothing before a time (Unix seconds). Raises as `complete`."""
        recorded = False
        while True:
            held = await self._held(commitment_id, by, act=True)
            after = core.snoozed(held.commitment, until)
            if not recorded:
                recorded = True
                await act(self._act("snooze_commitment", after, held.commitment))
                continue
            if after == held.commitment:
                return CommitmentChange(after, [], unchanged=True)
            now = self._now()
            after = core.handled(after, core.Hand(int(now), by.user_id, "snooze", why, until=until))
            try:
                await self._publisher.commit([], [self._ledger.change(after, held.revision, now)])
            except Moved:
                continue
            return CommitmentChange(after, [])

    async def delegate(
        self, commitment_id: str, to: str, until: int, by: Identity, act: RecordAct, why: str = ""
    ) -> CommitmentChange:
        """Let another user receive alerts in place of the caller, or of the owner where the caller receives none.

        A delegate hands on what was delegated to them, for as long as it was. What stands raised is raised to the new
        delegate too. Raises as `complete`.
        """
        recorded = False
        while True:
            held, now = await self._held(commitment_id, by, act=True), self._now()
            cleared = await self.climbing.cleared(held.commitment, (to,))
            made = core.delegations(held.commitment, by.user_id, to, until, now)
            step = core.delegated(held.commitment, made, now, cleared)
            if not recorded:
                recorded = True
                await act(self._act("delegate_commitment", step.after, held.commitment))
                continue
            if step.after == held.commitment:
                return CommitmentChange(step.after, [], unchanged=True)
            hand = core.Hand(int(now), by.user_id, "delegate", why, to, until)
            step = step._replace(after=core.handled(step.after, hand))
            try:
                return CommitmentChange(step.after, await self._raise(step, held, now))
            except Moved:
                continue

    async def _raise(self, step: RaisedLevel, held: Held, now: float) -> list[PublishResult]:
        events: list[tuple[str, Event]] = self.climbing.events(step, now)
        change = self._ledger.change(step.after, held.revision, now)
        return await self._publisher.commit(events, [change], level=self.climbing.level(step.after))

    async def _end(
        self, verb: Verb, commitment_id: str, by: Identity, act: RecordAct, why: str = ""
    ) -> CommitmentChange:
        recorded = False
        while True:
            held = await self._held(commitment_id, by, act=True)
            if verb == "delete_commitment":
                if not self.climbing.may_change(by, held.commitment):
                    raise NotAllowed
                after = core.deleted(held.commitment)
            else:
                after = core.completed(held.commitment, by.user_id)
            if not recorded:
                recorded = True
                await act(self._act(verb, after, held.commitment))
                continue
            if after == held.commitment:
                return CommitmentChange(after, [], unchanged=True)
            now = self._now()
            if after.state == "completed":
                after = core.handled(after, core.Hand(int(now), by.user_id, "complete", why))
            change = self._ledger.change(after, held.revision, now)
            alert = await self._alerts.find(commitment_id)
            try:
                if alert is None:
                    return CommitmentChange(after, await self._publisher.commit([], [change]))
                return CommitmentChange(after, await self._close(alert, by, change, self.climbing.level(after)))
            except Moved:
                continue

    async def _close(self, alert: Alert, by: Identity, change: RecordChange, level: Clearance) -> list[PublishResult]:
        """Acknowledge the alert of a commitment that has ended, in the same commit, and tell all who were alerted."""
        taken = alert_core.acknowledged(alert, by.user_id)
        ready = await self._publisher.prepared(taken.events())
        results = await self._alerts.acknowledge(alert, by.user_id, ready.entries, (change, *ready.changes))
        await self._publisher.report_alerts({alert.commitment_id}, level)
        return results

    async def _held(self, commitment_id: str, by: Identity, *, act: bool = False) -> Held:
        held = await self._ledger.find(commitment_id)
        if held is None or held.commitment.state == "deleted" or not self.climbing.may_see(by, held.commitment):
            raise NoCommitment
        if act and not self.climbing.may_act(by, held.commitment):
            raise NotAllowed
        return held

    def _act(self, verb: Verb, after: Commitment, before: Commitment | None) -> Act:
        fact = self.climbing.fact(after)
        return Act(
            verb,
            "commitment",
            after.commitment_id,
            channel=fact.channels[0] if fact.channels else "",
            before={"registered": False} if before is None else self._facts(before),
            after=self._facts(after),
            withholds_reason=any(self.climbing.is_above_its_channel(one) for one in (before, after) if one is not None),
        )

    def _facts(self, commitment: Commitment) -> dict[str, str | int | float | bool | None]:
        """Return the facts that the journal keeps, at the level of the MoU's channel: no more where that is too low."""
        if self.climbing.is_above_its_channel(commitment):
            return {"state": commitment.state}
        return _facts(commitment)


def _facts(commitment: Commitment) -> dict[str, str | int | float | bool | None]:
    """Return the facts of a commitment that the journal keeps; without its title, which has a level of its own."""
    said = commitment.said
    return {
        "state": commitment.state,
        "mou_id": said.mou_id,
        "mou_type": said.mou_type,
        "due_date": said.due_date,
        "owner": said.owner,
        "classification": said.classification,
        "snoozed_until": commitment.snoozed_until,
        "delegations": len(commitment.delegations),
        "escalation": msgspec.json.encode(said.escalation).decode()[:1_000],
    }
