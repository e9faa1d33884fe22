"""Requests to all nodes, where there is one."""

from __future__ import annotations

from collections.abc import Callable

from app.engine.ports.control import ControlCommand


class EmbeddedControl:
    """`ports.ControlBus`."""

    def __init__(self) -> None:
        self._carry_out: Callable[[ControlCommand], None] = lambda order: None

    def start(self, carry_out: Callable[[ControlCommand], None]) -> None:
        self._carry_out = carry_out

    async def send(self, order: ControlCommand) -> None:
        self._carry_out(order)
