"""The time of the loop that an edit made thousands of versions ago takes: `python -m benchmarks.far_behind`.

The core alone, without sockets: 10,000 versions of a text (typed at one place, and at random places), then one insert
made 9,000 versions ago, past each of them and past blocks of them. Times are of the processor.
"""

from __future__ import annotations

import random
import time

from app.core.domain.motions import Motion
from dossier_realtime.ot.operations import Component, Insert, Operation, Retain
from dossier_realtime.ot.transform import transform
from dossier_realtime.ot.units import to_units

VERSIONS, BEHIND, SMALL, LARGE = 10_000, 9_000, 64, 1_024
ROUNDS = 20


def _at(place: int, length: int) -> Operation:
    components: list[Component] = [Retain(place)] if place else []
    components.append(Insert(to_units("x")))
    if place < length:
        components.append(Retain(length - place))
    return Operation(tuple(components))


def _made(scattered: bool) -> list[Operation]:
    chance = random.Random(7)  # noqa: S311  chance that can be run again, no secret
    return [_at(chance.randrange(length + 1) if scattered else length, length) for length in range(VERSIONS)]


def _one_by_one(edit: Operation, later: list[Operation]) -> Operation:
    for committed in later:
        _, edit = transform(committed, edit)
    return edit


def _milliseconds(began: float) -> float:
    return (time.process_time() - began) * 1_000


def measure(scattered: bool) -> None:
    """Print the times of one kind of text."""
    made = _made(scattered)
    first = VERSIONS - BEHIND
    edit = _at(first // 2, first)
    began = time.process_time()
    slow = _one_by_one(edit, made[first:])
    before = _milliseconds(began)
    began = time.process_time()
    start = -(-first // LARGE) * LARGE
    small = {at: Motion.of(made[at : at + SMALL]) for at in range(start - LARGE, VERSIONS - SMALL, SMALL)}
    large = {
        at: Motion.joined([small[one] for one in range(at, at + LARGE, SMALL)])
        for at in range(start, VERSIONS - LARGE, LARGE)
    }
    building = _milliseconds(began)
    began = time.process_time()
    moved = edit
    for _ in range(ROUNDS):
        moved, at = edit, first
        head = -(-first // SMALL) * SMALL
        moved, at = Motion.of(made[first:head]).move(moved), head
        while at in small or at in large:
            block = large[at] if at in large else small[at]
            moved, at = block.move(moved), at + (LARGE if at in large else SMALL)
        moved = _one_by_one(moved, made[at:])
    after = _milliseconds(began) / ROUNDS
    if moved != slow:
        raise SystemExit("The two ways lead to different operations")
    where = "at random places" if scattered else "at one place"
    print(f"typed {where}: one by one {before:.1f} ms; in blocks {after:.2f} ms; the blocks, once, {building:.0f} ms")


if __name__ == "__main__":
    for scattered in (False, True):
        measure(scattered)
