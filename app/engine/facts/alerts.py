"""Decisions on alerts: authority over a commitment's id, the level after an event, and the age."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from app.core.domain.alerts import (
    MAX_RECIPIENTS,
    AlertRecipient,
    AlertStatus,
    TooManyRecipientsError,
    raise_level,
)
from app.core.domain.ownership import Authority, Claim, bind, takes_over
from app.engine.limits import EngineLimits
from app.engine.ports.errors import ForeignCommitment


class KnownAlert(NamedTuple):
    """The state of a commitment's alert that decisions rest on.

    `status`: None where nobody was alerted. `said`: the claim with which events named the commitment. `registered`: the
    claim of its MoU, where it is registered.
    """

    status: AlertStatus | None = None
    said: Claim | None = None
    registered: Claim | None = None

    @property
    def claim(self) -> Claim | None:
        """Return the claim in force: the id of a registered commitment belongs to its MoU."""
        return self.registered or self.said


class AlertStep(NamedTuple):
    """The alert after one more recipient. `forgets`: its recipients of before are removed first."""

    forgets: bool
    status: AlertStatus
    claim: Claim | None


def registered_claim(mou_id: str) -> Claim:
    """Return the claim on a commitment that is registered under an MoU."""
    return Claim(Authority.MOU, "", mou_id)


def bound(told: Iterable[AlertRecipient], claim_of: Callable[[str], Claim | None]) -> dict[str, Claim]:
    """Return the claims in force once all recipients are alerted; `claim_of` says those of before.

    Raises ForeignCommitment.
    """
    claims: dict[str, Claim] = {}
    for one in told:
        if one.claim is not None:
            known = claims.get(one.commitment_id) or claim_of(one.commitment_id)
            claim = bind(known, one.claim)
            if claim is None:
                raise ForeignCommitment(one.commitment_id)
            claims[one.commitment_id] = claim
    return claims


def is_taken_over(known: KnownAlert, claim: Claim) -> bool:
    """Return whether what a sender without authority said gives way to the sender who names the commitment now."""
    return known.claim is not None and takes_over(known.claim, claim)


def is_forgotten(known: KnownAlert) -> bool:
    """Return whether the recipients of before go: a sender without authority named what is registered by now."""
    return known.said is not None and known.said.authority is Authority.CHANNEL and known.registered is not None


def alerted(known: KnownAlert, told: AlertRecipient, claim: Claim | None) -> AlertStep:
    """Return the alert after one more recipient; `claim`: the one in force for the senders of this commit.

    Of a registered commitment, what a sender without authority said before is forgotten.
    """
    forgets = is_forgotten(known)
    before = KnownAlert(registered=known.registered) if forgets else known
    return AlertStep(forgets, raise_level(before.status, told.level), claim or before.claim)


def must_fit(commitment_id: str, users: int) -> None:
    """Raise TooManyRecipientsError where an alert would have so many recipients."""
    if users > MAX_RECIPIENTS:
        raise TooManyRecipientsError(commitment_id)


def kept_seconds(status: AlertStatus, limits: EngineLimits) -> float:
    """Return how long an alert is kept after its last change."""
    settled = limits.settled_seconds
    return settled if status.acknowledged_by is not None else max(settled, limits.alert_seconds)
