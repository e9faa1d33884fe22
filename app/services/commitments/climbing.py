"""The clock of commitments: it raises each level when it is due, in one commit with the state that says so."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from app.core.domain.commitments import commitment as core
from app.core.domain.commitments.neutral_words import DEPARTMENT, neutral_title
from app.core.domain.ownership import mou_channel
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Fact, Right, access, may_see, reader
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.events import (
    CommitmentAlert,
    CommitmentAlertPayload,
    Event,
    Notification,
    NotificationPayload,
)
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.recording.commitments.ladder import priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.domain.alerts import Alert
    from app.core.domain.commitments.commitment import Commitment, RaisedLevel
    from app.engine.ports.domain import AlertStore
    from app.engine.ports.records import Record
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelPolicy

    from .clearances import Clearances
    from .ledger import CommitmentLedger


class Climbing:
    """The raising of levels, by the clock and to delegates."""

    def __init__(
        self,
        ledger: CommitmentLedger,
        alerts: AlertStore,
        publisher: EventPublisher,
        clearances: Clearances,
        channel_policy: ChannelPolicy,
        now: Callable[[], float],
    ) -> None:
        self._ledger, self._alerts, self._publisher = ledger, alerts, publisher
        self._clearances, self._channel_policy, self._now = clearances, channel_policy, now

    async def handle(self, record: Record, now: float) -> None:
        """Raise the next level of a commitment that is due. Raises Moved and Unavailable."""
        commitment = core.decode(record.body)
        moment = core.next_moment(commitment, self._ledger.policy)
        events: list[tuple[str, Event]] = []
        after = commitment
        if moment is not None and moment <= now:
            level = commitment.level + 1
            alert = None if commitment.restarted else await self._alerts.find(commitment.commitment_id)
            if alert is not None and alert.status.acknowledged_by is not None and alert.status.level >= level:
                after = core.acknowledged(commitment, alert.status.acknowledged_by)
            else:
                users = core.recipients(commitment, level, now)
                had: frozenset[str] = frozenset() if alert is None else _had(alert, level)
                step = core.climb(core.known(commitment, level, had), now, await self.cleared(commitment, users))
                events, after = self.events(step, now), step.after
        change = self._ledger.change(after, record.revision, now)
        await self._publisher.commit(events, [change], level=self.level(commitment))

    async def cleared(self, commitment: Commitment, users: tuple[str, ...]) -> frozenset[str]:
        """Return those of the users who are cleared for a commitment, as far as is known. Raises Unavailable."""
        known = await self._clearances.of(users)
        return frozenset(user for user, held in known.items() if self._is_cleared(reader(held), commitment))

    def level(self, commitment: Commitment) -> Clearance:
        """Return the classification: its own, or that of its MoU's channel where that is higher."""
        own = Clearance.parse(commitment.said.classification)
        channel = mou_channel(commitment.said.mou_id)
        return own if channel is None else max(own, self._channel_policy.settings(channel).level)

    def is_above_its_channel(self, commitment: Commitment) -> bool:
        """Return whether its own classification is above the level of its MoU's channel."""
        channel = mou_channel(commitment.said.mou_id)
        return channel is None or self._channel_policy.settings(channel).level < self.level(commitment)

    def fact(self, commitment: Commitment) -> Fact:
        """Return the fact that a commitment is, derived from the channel of its MoU."""
        channel = mou_channel(commitment.said.mou_id)
        return Fact(() if channel is None else (channel,), self.level(commitment))

    def may_see(self, identity: Identity, commitment: Commitment) -> bool:
        """Return whether a user may see it: one whom it concerns, or who may read its MoU; cleared in either case."""
        if not self._is_cleared(identity, commitment):
            return False
        return identity.user_id in commitment.people(self._now()) or self._holds(identity, Right.READ, commitment)

    def may_change(self, identity: Identity, commitment: Commitment) -> bool:
        """Return whether a user may register or remove it: `write` on its MoU's channel, and cleared for it."""
        return self._is_cleared(identity, commitment) and self._holds(identity, Right.WRITE, commitment)

    def may_act(self, identity: Identity, commitment: Commitment) -> bool:
        """Return whether a user may complete, snooze or delegate it: one whom it concerns, or who may change it."""
        concerned = identity.user_id in commitment.people(self._now()) and self.may_see(identity, commitment)
        return concerned or self.may_change(identity, commitment)

    def _is_cleared(self, identity: Identity, commitment: Commitment) -> bool:
        return may_see(identity, Fact((), self.level(commitment)), self._channel_policy.settings)

    def _holds(self, identity: Identity, right: Right, commitment: Commitment) -> bool:
        channel = mou_channel(commitment.said.mou_id)
        return channel is not None and access(identity, right, channel, self._channel_policy).allowed

    def events(self, step: RaisedLevel, now: float) -> list[tuple[str, Event]]:
        """Return (channel, event) for each recipient of a level, and for the owner where users are passed over.

        On a channel below the level of the commitment, neutral words stand for its title and its department: others
        than its recipient read the history of that channel, and what follows from it.
        """
        events: list[tuple[str, Event]] = []
        said, policy, level = step.after.said, self._ledger.policy, self.level(step.after)
        following = core.next_moment(step.after, policy)
        for user in step.recipients:
            told_whole = self._channel_policy.settings(channels.user(user)).level >= level
            payload = CommitmentAlertPayload(
                commitment_id=step.after.commitment_id,
                mou_id=said.mou_id,
                title=said.title if told_whole else neutral_title(level),
                days_until_deadline=policy.days_left(step.after.due, now),
                responsible_department=said.responsible_department if told_whole else DEPARTMENT,
                alert_level=step.level,
                next_level_at=None if following is None else int(following),
                restarts=step.after.restarts or None,
            )
            own = channels.user(user)
            events.append((own, CommitmentAlert(priority=priority(step.level), payload=payload, channel=own)))
        channel = channels.user(said.owner)
        events += [(channel, _passed_over(step, user, channel)) for user in step.passed_over]
        return events


def _had(alert: Alert, level: int) -> frozenset[str]:
    levels = zip(alert.recipients, alert.levels, strict=True)
    return frozenset(user for user, had in levels if had >= level)


def _passed_over(step: RaisedLevel, user: str, channel: str) -> Notification:
    """Return the notification of the owner. It says no more of the commitment than its id."""
    commitment = step.after.commitment_id
    digest = sha256(f"{commitment} {step.level} {user} {step.after.registered_at}".encode()).hexdigest()
    payload = NotificationPayload(
        id=f"not-alerted-{digest[:32]}",
        title=Localized(en="A recipient was not alerted", ar="لم يُنبَّه أحد المستلمين"),
        message=Localized(
            en=f"{user} is not cleared for commitment {commitment} and was not alerted at level {step.level}. "
            "Name another recipient, or delegate it.",
            ar=f"ليس لدى {user} التصريح اللازم للالتزام {commitment}، فلم يُنبَّه عند المستوى {step.level}. "
            "سمِّ مستلمًا آخر أو فوِّض غيره.",
        ),
        entity_type="commitment",
        entity_id=commitment,
        action_required=True,
    )
    return Notification(priority="high", payload=payload, channel=channel)
