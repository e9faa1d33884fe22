"""A dry run: the alerts that commitments would raise between two moments, if nobody acted on them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from .ladder import LEVELS, AlertPolicy, Days

MAX_DAYS_BEFORE = 3_650
_FORM = 'a policy is JSON such as {"data-exchange": [60, 30, 7]}, or text such as data-exchange:60/30/7'


@dataclass(frozen=True, slots=True)
class Deadline:
    """The part of a commitment that its alerts follow from."""

    commitment_id: str
    mou_id: str
    mou_type: str
    due: date
    escalation: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, order=True)
class PlannedAlert:
    """One alert that would be raised. `at` is Unix seconds."""

    at: float
    commitment_id: str
    level: int
    mou_id: str = ""
    days_until_deadline: int = 0
    recipients: tuple[str, ...] = ()


def audience(escalation: Sequence[Sequence[str]], level: int) -> tuple[str, ...]:
    """Return the users of a level: those of its group and of the groups before it, each once."""
    return tuple(dict.fromkeys(user for group in escalation[:level] for user in group))


def planned(deadline: Deadline, policy: AlertPolicy, begin: float, end: float) -> Iterator[PlannedAlert]:
    """Yield what one commitment would raise from `begin` on and before `end` (Unix seconds), level by level."""
    if deadline.mou_type not in policy.days_before:
        return
    moments = policy.moments(deadline.mou_type, deadline.due)
    for level, at in zip(LEVELS, moments, strict=True):
        if begin <= at < end:
            days = policy.days_left(deadline.due, at)
            recipients = audience(deadline.escalation, level)
            yield PlannedAlert(at, deadline.commitment_id, level, deadline.mou_id, days, recipients)


def dry_run(deadlines: Iterable[Deadline], policy: AlertPolicy, begin: float, end: float) -> list[PlannedAlert]:
    """Return what all of them would raise, in the order of the times."""
    return sorted(alert for deadline in deadlines for alert in planned(deadline, policy, begin, end))


def changed_policy(policy: AlertPolicy, text: str) -> AlertPolicy:
    """Return a policy with other days before the deadline; types that the text leaves out stay as they are.

    Raises ValueError, in one line, for a text that says no such days or names an unknown type of MoU.
    """
    if text in ("", "configured", "default"):
        return policy
    return replace(policy, days_before={**policy.days_before, **_days_before(policy, text)})


def _days_before(policy: AlertPolicy, text: str) -> dict[str, Days]:
    found: dict[str, Days] = {}
    for kind, said in _said(text):
        if kind not in policy.days_before:
            raise ValueError(f"{kind[:64]} is no type of MoU here; these are: {', '.join(sorted(policy.days_before))}")
        found[kind] = days_of(said)
    return found


def days_of(said: Sequence[object]) -> Days:
    """Return three numbers as days before a deadline. Raises ValueError where they do not fall or are no days."""
    if len(said) != len(LEVELS):
        raise ValueError(_FORM)
    days: list[int] = []
    for number in said:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_DAYS_BEFORE:
            raise ValueError(f"days before a deadline are whole numbers from 0 to {MAX_DAYS_BEFORE}")
        days.append(number)
    first, second, third = days
    if not first >= second >= third:
        raise ValueError("days before a deadline become fewer from level to level")
    return first, second, third


def _said(text: str) -> Iterator[tuple[str, Sequence[object]]]:
    if text.lstrip().startswith("{"):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(_FORM) from None
        for kind, days in said.items():
            if not isinstance(days, list):
                raise ValueError(_FORM)  # noqa: TRY004  of the text, not of an argument
            yield kind, days
        return
    for row in text.split(","):
        kind, _, days = row.strip().partition(":")
        numbers = days.split("/")
        if not all(number.isascii() and number.isdigit() and len(number) <= 5 for number in numbers):
            raise ValueError(_FORM)
        yield kind, [int(number) for number in numbers]
