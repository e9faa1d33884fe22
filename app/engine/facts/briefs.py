"""Decisions on briefs: the sender's authority over a brief, and the end that a cancellation sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from app.core.domain.briefs import Brief, BriefTransition, transitioned
from app.core.domain.ownership import Authority, Claim, bind
from app.engine.ports.errors import BriefCancelled, ForeignBrief


def stepped(steps: Iterable[BriefTransition], stored: Callable[[str], Brief | None]) -> dict[str, Brief]:
    """Return the briefs after steps, in their order; `stored` says how they are before.

    Raises ForeignBrief or BriefCancelled where a step is of another sender's brief, or of a cancelled one.
    """
    briefs: dict[str, Brief] = {}
    for step in steps:
        known = briefs.get(step.request_id) or stored(step.request_id)
        claim = None if known is None else known.claim
        if step.claim is not None and bind(claim, step.claim) is None:
            raise ForeignBrief(step.request_id)
        brief = briefs[step.request_id] = transitioned(known, step)
        if known is not None and known.ended == brief.ended == "cancelled":
            raise BriefCancelled(step.request_id)
    return briefs


def cancelled(brief: Brief) -> Brief:
    """Return the brief as its user ended it."""
    return replace(brief, ended="cancelled")


def given_to_service(brief: Brief) -> Brief:
    """Return the brief as one of the service: no program gets an event of it through any more."""
    return replace(brief, claim=Claim(Authority.NODE, ""))


def may_fall_silent(brief: Brief) -> bool:
    """Return whether the program that writes it may leave it open; the service ends its own briefs itself."""
    return brief.ended is None and (brief.claim is None or brief.claim.authority < Authority.NODE)
