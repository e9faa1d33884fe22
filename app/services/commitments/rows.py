"""Commitments and planned alerts in the form of answers over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.domain.commitments.commitment import next_moment
from dossier_realtime.protocol.http.commitments import (
    CommitmentAnswer,
    CommitmentHand,
    CommitmentLevel,
    DelegationRow,
    PlannedAlertRow,
)
from dossier_realtime.recording.commitments.ladder import LEVELS

if TYPE_CHECKING:
    from app.core.domain.commitments.commitment import Commitment, Hand
    from app.services.commitments.registry import CommitmentRegistry
    from dossier_realtime.recording.commitments.dry_run import PlannedAlert


def commitment_row(commitment: Commitment, service: CommitmentRegistry, *, whole: bool = True) -> CommitmentAnswer:
    """Return a commitment with the moments of its levels, and with the steps of people where it is `whole`."""
    said, policy = commitment.said, service.policy
    known = said.mou_type in policy.days_before
    moments = policy.moments(said.mou_type, commitment.due) if known else ()
    following = next_moment(commitment, policy)
    return CommitmentAnswer(
        commitment_id=commitment.commitment_id,
        mou_id=said.mou_id,
        title=said.title,
        due_date=said.due_date,
        mou_type=said.mou_type,
        responsible_department=said.responsible_department,
        owner=said.owner,
        escalation=said.escalation,
        classification=service.climbing.level(commitment).label,  # type: ignore[arg-type]  # labels are the Literal
        state="completed" if commitment.state == "deleted" else commitment.state,
        alert_level=commitment.level,
        levels=[
            CommitmentLevel(level, int(at), list(commitment.raised[level - 1]))
            for level, at in zip(LEVELS[: len(moments)], moments, strict=True)
        ],
        delegations=[DelegationRow(one.user, one.to, one.until) for one in commitment.delegations],
        by=commitment.by or None,
        next_level_at=None if following is None else int(following),
        snoozed_until=commitment.snoozed_until,
        hands=[_hand(one) for one in commitment.hands] if whole else [],
    )


def _hand(hand: Hand) -> CommitmentHand:
    return CommitmentHand(
        at=hand.at,
        user=hand.user,
        act=hand.act,
        reason=hand.reason or None,
        to=hand.to or None,
        until=hand.until,
    )


def planned_row(alert: PlannedAlert, commitment: Commitment) -> PlannedAlertRow:
    """Return an alert that would be raised."""
    return PlannedAlertRow(
        at=int(alert.at),
        commitment_id=alert.commitment_id,
        mou_id=alert.mou_id,
        title=commitment.said.title,
        alert_level=alert.level,
        days_until_deadline=alert.days_until_deadline,
        recipients=list(alert.recipients),
    )
