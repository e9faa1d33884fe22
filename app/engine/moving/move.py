"""Moving all that one store keeps into another, and proving that it arrived."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, Self

from app.engine.moving.moved_rows import MovedRow, RowTally
from app.engine.ports.errors import EngineError


class RowStore(Protocol):
    """A store as rows. It is taken with `async with`, then begun for reading or for writing."""

    name: str
    """The value of `storage.engine` that names it, without a password."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def begin_reading(self) -> None:
        """Check that it can be moved. Raises EngineError and Unavailable."""

    async def begin_writing(self) -> None:
        """Check that it holds nothing and is not in use. Raises EngineError and Unavailable."""

    async def finish(self) -> None:
        """Let services open what was written."""

    def rows(self) -> AsyncIterator[list[MovedRow]]:
        """Yield all rows, in batches."""

    async def write(self, rows: Sequence[MovedRow]) -> None:
        """Write a batch."""


async def move(source: RowStore, target: RowStore) -> RowTally:
    """Copy all rows and compare both stores; return what was moved. The source stays as it is.

    Raises EngineError where the target is not empty or one of them is in use, where what arrived is not what was there
    (then no service opens the target), and Unavailable.
    """
    async with source, target:
        await source.begin_reading()
        await target.begin_writing()
        sent, arrived = RowTally(), RowTally()
        async for rows in source.rows():
            sent.take(rows)
            await target.write(rows)
        async for rows in target.rows():
            arrived.take(rows)
        if wrong := arrived.difference(sent):
            raise EngineError(f"what arrived is not what was there ({wrong}): it is not used; try again")
        await target.finish()
        return sent
