"""Requests of one node to all nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class ControlCommand:
    """A request of one node to every node.

    `subject`: a session's or a user's id, or the channel of a document that was deleted; `count`: how often the session
    had come back on the connection that replaces all of before; `seconds`: for how long limits are raised, 0 to end it.
    """

    kind: Literal["end_session", "end_user", "replace", "lift_limits", "end_document"]
    subject: str
    reason: str = ""
    count: int = 0
    seconds: int = 0


class ControlBus(Protocol):
    """Requests to all nodes, the sender included."""

    def start(self, carry_out: Callable[[ControlCommand], None]) -> None:
        """Begin. `carry_out` is called on the event loop for every order."""

    async def send(self, order: ControlCommand) -> None:
        """Carried out on every living node within 2 s; on this one before the call returns."""
