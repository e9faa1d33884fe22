"""The state of a commitment, and each change of it (docs/protocol.md#commitments). Pure.

A level is raised once to a recipient: `raised` says to whom each was, and is kept in the same commit as the alerts.
"""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Struct, structs

from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.http.commitments import CommitmentBody, HandAct
from dossier_realtime.recording.commitments.dry_run import Deadline, audience
from dossier_realtime.recording.commitments.ladder import LEVELS, URGENT_LEVEL, AlertPolicy

KIND: Final = "commitment"
MAX_HANDS: Final = 30
"""Steps of people that are kept of one commitment, the latest ones: with the longest reasons they fit in its record."""
State = Literal["open", "acknowledged", "completed", "deleted"]
_MOU_LABEL: Final = "mou:"


class Delegation(Struct, frozen=True):
    """A user who receives alerts in place of another until a time (Unix seconds)."""

    user: str
    to: str
    until: int


class Hand(Struct, frozen=True, omit_defaults=True):
    """A step that a user took about a commitment, and why. `to`: the delegate; `until`: Unix seconds."""

    at: int
    user: str
    act: HandAct
    reason: str = ""
    to: str = ""
    until: int | None = None


class Commitment(Struct, frozen=True, kw_only=True):
    """One registered commitment. `raised` has the users of the levels 1, 2 and 3; `passed_over` those not cleared."""

    commitment_id: str
    said: CommitmentBody
    registered_by: str
    registered_at: int
    state: State = "open"
    by: str = ""
    snoozed_until: int | None = None
    delegations: tuple[Delegation, ...] = ()
    level: int = 0
    raised: tuple[tuple[str, ...], ...] = ((), (), ())
    passed_over: tuple[tuple[str, ...], ...] = ((), (), ())
    restarted: bool = False
    """True where its clock began anew: alerts of before say nothing of it."""
    hands: tuple[Hand, ...] = ()
    """The steps that people took about it, the latest last."""
    restarts: int = 0
    """The number of times that its clock began anew: the alerts of each are entries of their own in inboxes."""

    @property
    def due(self) -> date:
        """The day of the deadline."""
        return date.fromisoformat(self.said.due_date)

    @property
    def deadline(self) -> Deadline:
        """The part that the moments of its alerts follow from."""
        said = self.said
        groups = tuple(tuple(group) for group in said.escalation)
        return Deadline(self.commitment_id, said.mou_id, said.mou_type, self.due, groups)

    def people(self, now: float) -> frozenset[str]:
        """Return the users whom it concerns: its owner, its recipients, and their delegates whose time is not over."""
        named = {user for group in self.said.escalation for user in group}
        raised = {user for users in self.raised for user in users}
        return frozenset({self.said.owner, *named, *raised, *(one.to for one in self.delegations if now < one.until)})

    def encode(self) -> bytes:
        """Return it as its record keeps it."""
        return msgspec.json.encode(self)


def mou_label(mou_id: str) -> str:
    """Return the label of the commitments of an MoU."""
    return _MOU_LABEL + mou_id


def labelled_mou(labels: str) -> str:
    """Return the MoU that the labels of a commitment's record name, one a line."""
    found = (label.removeprefix(_MOU_LABEL) for label in labels.split("\n") if label.startswith(_MOU_LABEL))
    return next(found, "")


_decoder = msgspec.json.Decoder(Commitment)


def decode(body: bytes) -> Commitment:
    """Return the commitment that a record keeps."""
    return _decoder.decode(body)


class RaisedLevel(NamedTuple):
    """A level that is raised now: to whom, and who is passed over as not cleared. `after`: the state behind it."""

    level: int
    recipients: tuple[str, ...]
    passed_over: tuple[str, ...]
    after: Commitment


def registered(known: Commitment | None, commitment_id: str, said: CommitmentBody, by: str, now: float) -> Commitment:
    """Return the commitment as registered or registered again.

    A new deadline, a new type of MoU or another MoU starts its clock anew; any other change leaves it. Where its
    classification becomes lower, the steps of people are kept without reasons: those were given at the higher one.
    """
    hands = () if known is None or known.state == "deleted" else _hands_at(known, said)
    if known is not None and known.state != "deleted":
        clock = ("due_date", "mou_type", "mou_id")
        if all(getattr(known.said, name) == getattr(said, name) for name in clock):
            return structs.replace(known, said=said, hands=hands)
    return Commitment(
        commitment_id=commitment_id,
        said=said,
        registered_by=by,
        registered_at=int(now),
        restarted=known is not None,
        restarts=0 if known is None else known.restarts + 1,
        hands=hands,
    )


def _hands_at(known: Commitment, said: CommitmentBody) -> tuple[Hand, ...]:
    """Return the steps of people as they are shown at the classification of a new body."""
    if Clearance.parse(said.classification) >= Clearance.parse(known.said.classification):
        return known.hands
    return tuple(structs.replace(hand, reason="") for hand in known.hands)


def handled(commitment: Commitment, hand: Hand) -> Commitment:
    """Return the commitment with a step of a user as its last one."""
    return structs.replace(commitment, hands=(*commitment.hands, hand)[-MAX_HANDS:])


def next_moment(commitment: Commitment, policy: AlertPolicy) -> float | None:
    """Return when the next level is due (Unix seconds); None where nothing is raised any more.

    A snoozed commitment raises nothing before its end, and then in working hours, but for the urgent level.
    """
    if commitment.state != "open" or commitment.level >= LEVELS[-1]:
        return None
    if commitment.said.mou_type not in policy.days_before:
        return None
    moment = policy.moments(commitment.said.mou_type, commitment.due)[commitment.level]
    if commitment.snoozed_until is None or commitment.snoozed_until <= moment:
        return moment
    if commitment.level + 1 == URGENT_LEVEL:
        return commitment.snoozed_until
    return policy.calendar.working_from(commitment.snoozed_until)


def recipients(commitment: Commitment, level: int, now: float) -> tuple[str, ...]:
    """Return whom a level goes to now: delegates in place of those who delegated."""
    stand_in = {one.user: one.to for one in commitment.delegations if now < one.until}
    users = audience(commitment.said.escalation, level)
    absent = [to for user, to in stand_in.items() if user == commitment.said.owner and user not in users]
    return tuple(dict.fromkeys([*(stand_in.get(user, user) for user in users), *absent]))


def climb(commitment: Commitment, now: float, cleared: frozenset[str]) -> RaisedLevel:
    """Return the next level, raised now to those of its recipients who are cleared and do not have it yet."""
    level = commitment.level + 1
    return _raised(commitment, level, recipients(commitment, level, now), cleared)


def acknowledged(commitment: Commitment, by: str) -> Commitment:
    """Return the commitment as acknowledged: it climbs no further. The first one holds."""
    return structs.replace(commitment, state="acknowledged", by=by) if commitment.state == "open" else commitment


def completed(commitment: Commitment, by: str) -> Commitment:
    """Return the commitment as completed. The first one holds."""
    return commitment if commitment.state == "completed" else structs.replace(commitment, state="completed", by=by)


def deleted(commitment: Commitment) -> Commitment:
    """Return what is kept of a removed commitment: that its id belongs to its MoU."""
    return structs.replace(commitment, state="deleted")


def known(commitment: Commitment, level: int, users: frozenset[str]) -> Commitment:
    """Return the commitment with users who have a level already, by an event of another program."""
    fresh = tuple(sorted(users - set(commitment.raised[level - 1])))
    return structs.replace(commitment, raised=_extended(commitment.raised, level, fresh)) if fresh else commitment


def snoozed(commitment: Commitment, until: int) -> Commitment:
    """Return the commitment as one that raises nothing before a time (Unix seconds)."""
    return structs.replace(commitment, snoozed_until=until)


def delegations(commitment: Commitment, by: str, to: str, until: int, now: float) -> tuple[Delegation, ...]:
    """Return whom a delegate stands in for where `by` delegates: `by` as a recipient, and those who delegated to them.

    A delegate hands on no more than the time that they were given. One who is neither delegates for the owner.
    """
    given = tuple(
        Delegation(one.user, to, min(until, one.until))
        for one in commitment.delegations
        if one.to == by and now < one.until and one.user != to
    )
    receives = any(by in group for group in commitment.said.escalation)
    if receives or by == commitment.said.owner or not given:
        own = Delegation(by if receives else commitment.said.owner, to, until)
        return (own, *(one for one in given if one.user != own.user))
    return given


def delegated(commitment: Commitment, made: tuple[Delegation, ...], now: float, cleared: frozenset[str]) -> RaisedLevel:
    """Return the commitment with a delegate in place of users until a time.

    What stands raised is raised to the delegate too, once, so that they can act on it.
    """
    replaced = {one.user for one in made}
    kept = tuple(one for one in commitment.delegations if one.user not in replaced and one.until > now)
    after = structs.replace(commitment, delegations=(*kept, *made))
    if not after.level or after.state != "open":
        return RaisedLevel(0, (), (), after)
    return _raised(after, after.level, tuple(dict.fromkeys(one.to for one in made)), cleared)


def _raised(commitment: Commitment, level: int, users: tuple[str, ...], cleared: frozenset[str]) -> RaisedLevel:
    had = commitment.raised[level - 1]
    fresh = tuple(user for user in users if user not in had)
    told = tuple(user for user in fresh if user in cleared)
    over = tuple(user for user in fresh if user not in cleared and user not in commitment.passed_over[level - 1])
    after = structs.replace(
        commitment,
        level=max(level, commitment.level),
        raised=_extended(commitment.raised, level, told),
        passed_over=_extended(commitment.passed_over, level, over),
    )
    return RaisedLevel(level, told, over, after)


def _extended(users: tuple[tuple[str, ...], ...], level: int, more: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((*known, *more) if index == level - 1 else known for index, known in enumerate(users))
