"""Orders to all nodes, where there is one."""

from __future__ import annotations

from collections.abc import Callable

from app.engine.ports import Order


class EmbeddedControl:
    """`ports.ControlBus`."""

    def __init__(self) -> None:
        self._carry_out: Callable[[Order], None] = lambda order: None

    def start(self, carry_out: Callable[[Order], None]) -> None:
        self._carry_out = carry_out

    async def send(self, order: Order) -> None:
        self._carry_out(order)
