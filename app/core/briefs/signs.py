"""The last sign that a brief of an external program is being served, on the steady clock. Pure.

A brief that waits while its type is served is in a queue; one whose type nobody serves is silent, and so is one whose
own worker reports no more (docs/protocol.md#workers).
"""

from __future__ import annotations

from typing import NamedTuple


class Signs(NamedTuple):
    """Steady seconds. `listening`: since when this process could hear anything.

    `known`: since when it knows of the brief. `served`: the last claim of, or report on, a brief of its type.
    `reported`: the last claim of, or report on, itself. None: not yet.
    """

    listening: float
    known: float | None = None
    served: float | None = None
    reported: float | None = None


def last_sign(signs: Signs, *, claimed: bool) -> float:
    """Return when a brief gave its last sign of life; it is not silent before this process could have heard it."""
    if claimed:
        return signs.listening if signs.reported is None else signs.reported
    return max(signs.listening, signs.known or signs.listening, signs.served or signs.listening)
