"""Requests to all nodes, over the bulletin."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from app.engine.ports.control import ControlCommand
from app.engine.redis.live.bulletin import Bulletin

_KIND = "order"
_DECODER = msgspec.json.Decoder(ControlCommand)


class RedisControl:
    """`ports.ControlBus`."""

    def __init__(self, bulletin: Bulletin) -> None:
        self._bulletin = bulletin
        self._carry_out: Callable[[ControlCommand], None] = lambda order: None
        bulletin.receivers[_KIND] = lambda body, number: self._carry_out(_DECODER.decode(body))

    def start(self, carry_out: Callable[[ControlCommand], None]) -> None:
        self._carry_out = carry_out

    async def send(self, order: ControlCommand) -> None:
        await self._bulletin.post(_KIND, msgspec.json.encode(order).decode())
