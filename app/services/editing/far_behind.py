"""Edits that were made long ago: moved past many versions at once, in blocks that are kept for the next such edit.

Blocks of 64 versions are joined to blocks of 1,024. An edit that was made 10,000 versions ago meets some 40 of them,
and finds its place in each without walking through it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from app.core.domain import documents as core
from app.core.domain.motions import Motion
from app.engine.ports.errors import Unavailable
from dossier_realtime.ot.flat import read
from dossier_realtime.ot.operations import Operation

from .document_log import payloads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.domain.documents import VersionedDocument
    from app.engine.ports.events import Broker
    from dossier_realtime.protocol.commands import EditPayload

_Part = TypeVar("_Part", Operation, Motion)

NEAR: Final = 192
"""Versions between an edit and the present up to which it is moved past each of them."""

_SMALL: Final = 64
_LARGE: Final = 1_024
_PAGE_VERSIONS: Final = 512  # read at once
_MAX_STEPS_AT_ONCE: Final = 2_000  # that are joined on the loop, some milliseconds
_MAX_KEPT_STEPS: Final = 500_000  # in the blocks of a document: some 7 MB
_FAR_UNITS: Final = 1 << 40  # more than a text has: a motion says nothing of what is behind its last step


class FarBehind:
    """The blocks of one document's log that old edits have needed. `epoch`: the history that they are of."""

    def __init__(self, channel: str, broker: Broker) -> None:
        self._channel, self._broker = channel, broker
        self._epoch = ""
        self._blocks: dict[tuple[int, int], Motion] = {}

    @property
    def steps(self) -> int:
        """The number of steps in all blocks that are kept."""
        return sum(len(motion.kinds) for motion in self._blocks.values())

    async def moved(
        self, edit: EditPayload, versioned: VersionedDocument, settled: int, epoch: str
    ) -> tuple[Operation, int] | None:
        """Return an old edit as an operation on a later version, and that version; None where it has to go one by one.

        `settled`: the last version that is committed. Raises EditError, and Unavailable.
        """
        if epoch != self._epoch:
            self._blocks.clear()
            self._epoch = epoch
        until = settled // _SMALL * _SMALL
        oldest = (await self._broker.position(self._channel)).oldest
        if until - edit.version < NEAR or until < versioned.log.start or edit.version < oldest - 1:
            return None
        first = -(-edit.version // _SMALL) * _SMALL
        path = [await self._joined(edit.version, first, versioned)] if edit.version < first else []
        while first < until:
            size = _LARGE if first % _LARGE == 0 and first + _LARGE <= until else _SMALL
            path.append(await self._block(size, first, versioned))
            first += size
        length = core.length_before(versioned, until) - sum(motion.growth for motion in path)
        operation = core.move_far(edit, length, path, versioned.version)
        self._forget(oldest)
        return None if operation is None else (operation, until)

    async def _block(self, size: int, first: int, versioned: VersionedDocument) -> Motion:
        found = self._blocks.get((size, first))
        if found is None:
            if size == _SMALL:
                await self._read(first, versioned)
            else:
                small = [await self._block(_SMALL, at, versioned) for at in range(first, first + _LARGE, _SMALL)]
                steps = sum(len(motion.kinds) for motion in small)
                self._blocks[size, first] = await _made(Motion.joined, small, steps)
            found = self._blocks[size, first]
        return found

    async def _read(self, first: int, versioned: VersionedDocument) -> None:
        """Make the small block after version `first`, and those that come with it in one page of the store."""
        start = versioned.log.start
        last = first + _SMALL if first >= start else max(first + _SMALL, min(first + _PAGE_VERSIONS, start))
        operations = await self._operations(first, last, versioned)
        for at in range(0, len(operations) - _SMALL + 1, _SMALL):
            self._blocks[_SMALL, first + at] = await _motion(operations[at : at + _SMALL])

    async def _joined(self, first: int, last: int, versioned: VersionedDocument) -> Motion:
        return await _motion(await self._operations(first, last, versioned))

    async def _operations(self, first: int, last: int, versioned: VersionedDocument) -> list[Operation]:
        """Return the operations of the versions after `first` up to `last`."""
        log, found = versioned.log, list[Operation]()
        while first < min(last, log.start):
            page = await self._broker.read(self._channel, first, min(last, log.start) - first)
            if not page:
                raise Unavailable(f"the log of {self._channel} has a hole after version {first}")
            found += [read(payload, _FAR_UNITS) async for payload in payloads_of(page)]
            first += len(page)
        return found + log.operations[first - log.start : last - log.start] if first < last else found

    def _forget(self, oldest: int) -> None:
        """Drop the blocks of versions that have left the log, and those made first where there is too much in all."""
        first = next(iter(self._blocks), None)
        if first is not None and first[1] + _LARGE < oldest:
            self._blocks = {key: motion for key, motion in self._blocks.items() if key[1] >= oldest - 1}
        steps = self.steps
        for key in list(self._blocks):
            if steps <= _MAX_KEPT_STEPS:
                break
            steps -= len(self._blocks.pop(key).kinds)


async def _motion(operations: Sequence[Operation]) -> Motion:
    return await _made(Motion.of, operations, sum(len(one.components) for one in operations))


async def _made(make: Callable[[Sequence[_Part]], Motion], parts: Sequence[_Part], steps: int) -> Motion:
    """Return the motion of `parts`, which are `steps` pieces together: of many, made in a thread.

    Batches of scattered operations take seconds to join, in which the loop would serve nobody.
    """
    if steps > _MAX_STEPS_AT_ONCE:
        return await asyncio.to_thread(make, parts)
    motion = make(parts)
    await asyncio.sleep(0)
    return motion
