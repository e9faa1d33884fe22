"""Votes of sentinels on the master: the rule by which a node follows one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Address: TypeAlias = "tuple[str, int]"


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


def agreed_master(votes: Sequence[Vote], asked: int) -> Address | None:
    """Return the address that a majority of the sentinels names in the newest epoch; None where there is no such one.

    One that is cut off with an old master names it for as long as it is: alone it never counts. Nor does one that was
    made to fail over without the others, until they have learned of it. The majority is of all sentinels there are by
    their own count. Where fewer than that can be asked, because the address in the settings names fewer, the newest
    epoch decides.
    """
    if not votes:
        return None
    needed = max(vote.sentinels for vote in votes) // 2 + 1
    newest = max(vote.epoch for vote in votes)
    if needed > asked:
        needed = 1
    voters: dict[Address, list[Vote]] = {}
    for vote in votes:
        if vote.epoch == newest:
            voters.setdefault(vote.address, []).append(vote)
    address, theirs = max(voters.items(), key=lambda item: len(item[1]))
    return address if len(theirs) >= needed and any(vote.alive for vote in theirs) else None
