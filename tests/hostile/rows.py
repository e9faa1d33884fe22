"""The rows of the table of bad input.

An outcome is written in a short notation, and `expected` may name several with ` | ` between them:

    H(426)                       an HTTP status; `H(0)`: the connection ended without an answer
    E(AUTH_FAILED) C(4500)       an `error` with that code, then a close frame with that one
    E(PERMISSION_DENIED) K       an `error`; the connection is kept (a ping behind it got its pong)
    subscribed K                 an answer that is no error, by its type
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.hostile.target import Target

Attack = Callable[[Target], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """One bad input. `act` brings it before the service and tells the outcome.

    `service` names the one it is for (`bench.SERVICES`). `slow`: waits for a time-out; all slow rows wait together.
    """

    id: str
    what: str
    attack: Attack
    expected: str
    service: str = "open"
    slow: bool = False

    def __str__(self) -> str:
        return f"{self.id} {self.what}"


def each(
    row: str,
    inputs: Iterable[tuple[str, Any]],
    attack: Callable[[Any], Attack],
    expected: str,
    service: str = "open",
) -> list[Row]:
    """Return the rows of several inputs with one result: `X04.1`, `X04.2` and so on."""
    return [
        Row(f"{row}.{number}", what, attack(value), expected, service) for number, (what, value) in enumerate(inputs, 1)
    ]
