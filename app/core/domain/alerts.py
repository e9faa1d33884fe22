"""Alerts of commitments: their recipients, their level, and their acknowledgement.

Source: docs/protocol.md#commitment-alerts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from app.core.domain.errors import ImpossibleFactError
from app.core.domain.ownership import Claim, mou_channel
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.events import AlertState, AlertStatePayload, CommitmentAlert, Event

MAX_RECIPIENTS: Final = 3_000
"""Users that one alert tells: its state is kept, read and told as a whole."""


class TooManyRecipientsError(ImpossibleFactError):
    """Raised when an event would tell one user more of a commitment than an alert can have."""

    def __init__(self, commitment_id: str) -> None:
        text = (
            f"The alert of commitment {commitment_id} would have more than {MAX_RECIPIENTS} recipients; alert fewer "
            "users, or give the others an alert of their own with another commitment_id"
        )
        super().__init__(text, commitment_id, "$.payload.commitment_id")


class AlertRecipient(NamedTuple):
    """A user who is alerted of a commitment at a level; kept with the event that alerts. `claim`: of its sender."""

    commitment_id: str
    user_id: str
    level: int
    claim: Claim | None = None


class AlertStatus(NamedTuple):
    """The highest level of an alert so far, and the user who acknowledged it there; None while it is open."""

    level: int
    acknowledged_by: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """The alert of a commitment, and its recipients in the order of their ids."""

    commitment_id: str
    status: AlertStatus
    recipients: tuple[str, ...]
    mou_id: str = ""
    levels: tuple[int, ...] = field(default=(), compare=False)
    """The highest level that each recipient was alerted at."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the channels that the alert was derived from: those of all recipients, and of its MoU."""
        return (*(channels.user(user_id) for user_id in self.recipients), *mou_channels(self.mou_id))

    @property
    def state(self) -> AlertStatePayload:
        """Return the state as messages carry it."""
        level, by = self.status
        state: AlertStatePayload = AlertStatePayload(
            commitment_id=self.commitment_id,
            state="open" if by is None else "acknowledged",
            acknowledged_by=by,
            alert_level=level,
        )
        return state

    def events(self) -> list[tuple[str, Event]]:
        """(channel, event) for everybody who was told of it."""
        own = [channels.user(user_id) for user_id in self.recipients]
        return [(channel, AlertState(channel=channel, payload=self.state)) for channel in own]


def mou_channels(mou_id: str) -> tuple[str, ...]:
    """Return the channel of an MoU, if its id can be one's."""
    channel = mou_channel(mou_id)
    return () if channel is None else (channel,)


def alert_recipient(channel: str, event: Event, claim: Claim | None = None) -> AlertRecipient | None:
    """Return what an event on a user's channel says of a commitment, if anything."""
    if not isinstance(event, CommitmentAlert):
        return None
    payload = event.payload
    return AlertRecipient(payload.commitment_id, channels.identifier(channel), payload.alert_level, claim)


def raise_level(known: AlertStatus | None, level: int) -> AlertStatus:
    """Return the status after a notification at `level`. A higher level reopens the alert; levels never decrease."""
    return AlertStatus(level) if known is None or level > known.level else known


def acknowledged(alert: Alert, by: str) -> Alert:
    """Return the alert as acknowledged by the user; the first acknowledgement holds."""
    if alert.status.acknowledged_by is not None:
        return alert
    return replace(alert, status=AlertStatus(alert.status.level, by))
