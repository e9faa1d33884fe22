"""Briefs that are being written: their owners, and their ends (docs/protocol.md#briefs)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from app.core.domain.ownership import Claim, takes_over
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.events import (
    BriefComplete,
    BriefFailed,
    BriefFailedPayload,
    BriefProgress,
    BriefStarted,
    Event,
)
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.protocol.plain_text import isolated
from dossier_realtime.protocol.responses import BriefEnd


class BriefTransition(NamedTuple):
    """A change of a brief, or its end; kept with the event. `claim`: of its sender; None for the service."""

    request_id: str
    user_id: str
    ended: BriefEnd | None = None
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """A brief, its owner, and how it ended; None: it is being written. `claim`: of the program that writes it."""

    request_id: str
    user_id: str
    ended: BriefEnd | None = None
    claim: Claim | None = None

    @property
    def channel(self) -> str:
        """Return the channel on which the owner receives its progress."""
        return channels.user(self.user_id)


def transition(channel: str, event: Event, claim: Claim | None = None) -> BriefTransition | None:
    """Return what an event says of a brief, if anything."""
    owner = channels.identifier(channel)
    match event:
        case BriefStarted() | BriefProgress():
            return BriefTransition(event.request_id, owner, None, claim)
        case BriefComplete():
            return BriefTransition(event.request_id, owner, "complete", claim)
        case BriefFailed():
            return BriefTransition(event.request_id, owner, "failed", claim)
        case _:
            return None


def transitioned(known: Brief | None, taken: BriefTransition) -> Brief:
    """Return the brief after a transition that `bind` allows.

    Its first owner and its first end hold: a transition by the same program on another user's channel is a copy, which
    ends nothing.
    """
    if known is None or (known.claim is not None and taken.claim is not None and takes_over(known.claim, taken.claim)):
        return Brief(*taken)
    claim = known.claim or taken.claim
    if known.ended is not None or taken.user_id != known.user_id:
        return replace(known, claim=claim)
    return replace(known, ended=taken.ended, claim=claim)


def silenced(brief: Brief, error: Localized) -> BriefFailed:
    """Return the event for the owner when the program that writes the brief went silent."""
    payload = BriefFailedPayload(error, fallback_available=True)
    failed: BriefFailed = BriefFailed(request_id=brief.request_id, payload=payload, channel=brief.channel)
    return failed


def cancellation(brief: Brief, name: str) -> BriefFailed:
    """Return the event for the owner when the user of that name cancels."""
    error = Localized(f"Cancelled by {isolated(name)}", f"ألغاه {isolated(name)}")
    payload = BriefFailedPayload(error, fallback_available=False)
    failed: BriefFailed = BriefFailed(request_id=brief.request_id, payload=payload, channel=brief.channel)
    return failed
