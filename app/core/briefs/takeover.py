"""The nodes that have ended, by what was learned of the others: their briefs may be taken over. Pure.

After an outage of the store every report is old until its node has renewed it, and a node that has just started has not
reported yet. So one look proves no end: another node would write the brief at the same time.
"""

from __future__ import annotations

from typing import NamedTuple


class NodeLook(NamedTuple):
    """An answered question for the other nodes, in steady seconds.

    `first`: the first answer of this spell of answers. `living`: the nodes that reported lately. `leases`: the number
    of nodes that have a lease, whether they reported or not.
    """

    at: float
    first: float
    living: frozenset[str]
    leases: int


def looked(before: NodeLook | None, at: float, living: frozenset[str], leases: int, seconds: float) -> NodeLook:
    """Return the look that follows on `before`; None: the store did not answer before, or was not asked.

    A node that has not reported for `seconds` counts as absent. An outage as long may hide in a pause of twice that.
    """
    is_spell = before is not None and at - before.at <= 2 * seconds
    return NodeLook(at, before.first if before is not None and is_spell else at, living, leases)


def has_ended(node: str, before: NodeLook | None, look: NodeLook, seconds: float) -> bool:
    """Return whether a node was absent in two looks in a row, at the latter of which all had had time to report.

    A lease that no report explains may be its lease.
    """
    if before is None or before.first != look.first or look.at - look.first < seconds:
        return False
    return all(node not in each.living and each.leases <= len(each.living) for each in (before, look))
