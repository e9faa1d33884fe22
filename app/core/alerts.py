"""Alerts of commitments: who was told, how high they climbed, and who took them in hand (decisions, section 9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from dossier_realtime.protocol.events import AlertState, AlertStatePayload, CommitmentAlert, Event

from .ownership import Claim, mou_channel


class Alerted(NamedTuple):
    """A user is told of a commitment at a level; kept with the event that tells it. `claim`: of its sender."""

    commitment_id: str
    user_id: str
    level: int
    claim: Claim | None = None


class Standing(NamedTuple):
    """How an alert stands: the highest level that anybody was told, and who took it in hand there; None: nobody."""

    level: int
    acknowledged_by: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A commitment's alert, and everybody who was told of it, in the order of their ids."""

    commitment_id: str
    standing: Standing
    recipients: tuple[str, ...]
    mou_id: str = ""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that it was derived from: of all recipients, and of its MoU."""
        return (*(f"user:{user_id}" for user_id in self.recipients), *mou_channels(self.mou_id))

    @property
    def state(self) -> AlertStatePayload:
        """As messages tell it."""
        level, by = self.standing
        state: AlertStatePayload = AlertStatePayload(
            commitment_id=self.commitment_id,
            state="open" if by is None else "acknowledged",
            acknowledged_by=by,
            alert_level=level,
        )
        return state

    def events(self) -> list[tuple[str, Event]]:
        """(channel, event) for everybody who was told of it."""
        channels = [f"user:{user_id}" for user_id in self.recipients]
        return [(channel, AlertState(channel=channel, payload=self.state)) for channel in channels]


def mou_channels(mou_id: str) -> tuple[str, ...]:
    """Return the channel of an MoU, if its id can be one's."""
    channel = mou_channel(mou_id)
    return () if channel is None else (channel,)


def alerted(channel: str, event: Event, claim: Claim | None = None) -> Alerted | None:
    """Return what an event on a user's channel says of a commitment, if anything."""
    if not isinstance(event, CommitmentAlert):
        return None
    payload = event.payload
    return Alerted(payload.commitment_id, channel.partition(":")[2], payload.alert_level, claim)


def raised(known: Standing | None, level: int) -> Standing:
    """The standing after one more was told at a level: what climbs is open again, nothing ever falls."""
    return Standing(level) if known is None or level > known.level else known


def acknowledged(alert: Alert, by: str) -> Alert:
    """The alert in somebody's hands; whoever took it first keeps it."""
    if alert.standing.acknowledged_by is not None:
        return alert
    return replace(alert, standing=Standing(alert.standing.level, by))
