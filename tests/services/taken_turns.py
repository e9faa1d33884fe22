"""Nodes whose calls of a store come one at a time, in an order that a test chooses, and a node that ends in between."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from tests.harness.eventually import HANG_SECONDS

PARTS: Final = ("broker", "documents", "records")
"""The parts of an engine that change or read what all nodes share."""


class TakenTurns:
    """Holds each call of a store until it is the turn of its node."""

    def __init__(self) -> None:
        self._held: dict[str, deque[asyncio.Future[None]]] = {}
        self._acts: dict[str, asyncio.Task[Any]] = {}
        self._news = asyncio.Event()
        self._is_open = True

    def engine(self, engine: Any, node: str) -> Any:
        """Return the engine as the services of a node have it."""
        self._held[node] = deque()
        return _Engine(engine, lambda: self._turn(node))

    async def run(
        self, acts: Mapping[str, Callable[[], Awaitable[Any]]], schedule: Sequence[int], ends: str = ""
    ) -> dict[str, Any]:
        """Let each node do its act, and return what came of each.

        Each number of `schedule` says which of the nodes that are at work does its next call. Once all were said, the
        node `ends` is at its end, where it stands, and the others go on.
        """
        self._is_open = False
        self._acts = {node: asyncio.ensure_future(_outcome(act)) for node, act in acts.items()}
        try:
            for number in schedule:
                await self._next(number)
            await self._held_or_done()
            self._end(ends)
            while await self._next(0):
                pass
        finally:
            self._is_open = True
            for node in self._held:
                self._end(node)
        await asyncio.wait(self._acts.values())
        return {node: act.result() for node, act in self._acts.items() if not act.cancelled()}

    async def _next(self, number: int) -> bool:
        """Let one more call be done; return False where none is left."""
        await self._held_or_done()
        nodes = self._at_work()
        if nodes:
            self._held[nodes[number % len(nodes)]].popleft().set_result(None)
            await asyncio.sleep(0)
        return bool(nodes)

    async def _held_or_done(self) -> None:
        async with asyncio.timeout(HANG_SECONDS):
            while any(not self._held[node] for node in self._at_work()):
                self._news.clear()
                news = asyncio.ensure_future(self._news.wait())
                running = [self._acts[node] for node in self._at_work()]
                await asyncio.wait([news, *running], return_when=asyncio.FIRST_COMPLETED)
                news.cancel()

    def _at_work(self) -> list[str]:
        return [node for node, act in self._acts.items() if not act.done() and not act.cancelling()]

    def _end(self, node: str) -> None:
        if node in self._acts:
            self._acts[node].cancel()
            while self._held[node]:
                self._held[node].popleft().cancel()

    async def _turn(self, node: str) -> None:
        if not self._is_open:
            turn = asyncio.get_running_loop().create_future()
            self._held[node].append(turn)
            self._news.set()
            await turn


class _Engine:
    def __init__(self, engine: Any, turn: Callable[[], Awaitable[None]]) -> None:
        self._engine = engine
        for name in PARTS:
            setattr(self, name, _Part(getattr(engine, name), turn))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


class _Part:
    def __init__(self, part: Any, turn: Callable[[], Awaitable[None]]) -> None:
        self._part, self._turn = part, turn

    def __getattr__(self, name: str) -> Any:
        through = getattr(self._part, name)
        if name != "append" and not inspect.iscoroutinefunction(through):
            return through  # `append` returns what is awaited, and begins when it is called

        async def call(*arguments: Any, **named: Any) -> Any:
            await self._turn()
            return await through(*arguments, **named)

        return call


async def _outcome(act: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await act()
    except Exception as refusal:  # the test says which are right
        return refusal
