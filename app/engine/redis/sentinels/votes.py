"""Votes of sentinels on the master: the rule by which a node follows one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Address: TypeAlias = "tuple[str, int]"

_DOWN: Final = ("s_down", "o_down")
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Vote:
    """The answer of one sentinel.

    `epoch`: of its configuration, which grows with each failover. `sentinels`: how many it counts, with itself.
    `alive`: it does not take the master for dead.
    """

    address: Address
    epoch: int
    sentinels: int
    alive: bool = True


def told_vote(address: Sequence[bytes] | None, told: Sequence[bytes]) -> Vote | None:
    """Return the vote in what a sentinel replied to GET-MASTER-ADDR-BY-NAME and to MASTER.

    In a failover the first may name the new master while the second still tells the state of the old one: that state
    counts for nobody but the server that it is of. Raises ValueError, KeyError, IndexError, TypeError and
    AttributeError where the reply is not one of a sentinel.
    """
    if not address:
        return None
    fields = {told[at].decode(): told[at + 1].decode() for at in range(0, len(told), 2)}
    named = address[0].decode(), int(address[1])
    is_down = any(flag in fields["flags"].split(",") for flag in _DOWN)
    return Vote(
        named,
        int(fields["config-epoch"]),
        int(fields["num-other-sentinels"]) + 1,
        not is_down or (fields["ip"], int(fields["port"])) != named,
    )


def existing(votes: Sequence[Vote]) -> int:
    """Return how many sentinels there are, by their own count."""
    return max((vote.sentinels for vote in votes), default=0)


def counting(votes: Sequence[Vote], asked: int, followed: int) -> Sequence[Vote]:
    """Return the votes that count. `followed`: the epoch of the master that is followed.

    Where the settings name only some of the sentinels, most of them may be those that are cut off: what they say of an
    older epoch does not count.
    """
    return [vote for vote in votes if vote.epoch >= followed] if asked < existing(votes) else votes


def agreed_master(votes: Sequence[Vote], asked: int, waiting: int = 0, followed: int = 0) -> Address | None:
    """Return the address that a majority of the sentinels names in the newest epoch; None where there is no such one.

    `waiting`: how many of those asked may still answer; `followed`: the epoch of the master that is followed.

    One that is cut off with an old master names it for as long as it is: alone it never counts. Nor does one that was
    made to fail over without the others, until they have learned of it. The majority is of all sentinels there are by
    their own count. Where the settings name only some of them, it is of these, and all of them are heard first; where
    no majority of all could come, or one of two may be lost, the newest epoch decides.
    """
    total = existing(votes)
    counted = counting(votes, asked, followed)
    needed = total // 2 + 1
    if asked < total:
        if waiting:
            return None
        needed = 1 if needed > asked or asked <= _PAIR else min(needed, asked // 2 + 1)
    if not counted:
        return None
    newest = max(vote.epoch for vote in counted)
    voters: dict[Address, list[Vote]] = {}
    for vote in counted:
        if vote.epoch == newest:
            voters.setdefault(vote.address, []).append(vote)
    address, theirs = max(voters.items(), key=lambda item: len(item[1]))
    return address if len(theirs) >= needed and any(vote.alive for vote in theirs) else None
