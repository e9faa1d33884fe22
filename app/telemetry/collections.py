"""Short collections of cyclic garbage, however much is alive.

Python's full collection walks through every object that is alive, and the loop stands meanwhile: 350 ms with 100,000
subscriptions. Nearly all of them live until their connection ends and are then freed by their reference counts, so
each object is walked through once: what survived a full collection is frozen, which later ones pass over.
Cycles among frozen objects would stay for ever; when their number has grown fourfold, all are walked through again.
"""

from __future__ import annotations

import gc
from typing import Literal

_MIN_FROZEN = 1_000_000  # frozen objects, below which their cycles are not worth a long collection (about 100 MiB)
_GROWTH = 4


class FrozenSurvivors:
    """A policy for the process: freeze what survives.

    `least`: frozen objects that never cause a long collection; `growth`: so many times as many since the last do.
    """

    def __init__(self, least: int = _MIN_FROZEN, growth: float = _GROWTH) -> None:
        self._least = least
        self._growth = growth
        self._limit = 0
        self._frozen = 0  # at most so many: counting them exactly walks through all
        self._walks_all = False

    def install(self) -> None:
        """Collect and freeze what is alive now, and from now on what survives."""
        gc.collect()
        self._freeze_all()
        gc.callbacks.append(self._after)

    def remove(self) -> None:
        """Leave the process as it was before `install`."""
        gc.callbacks.remove(self._after)
        gc.unfreeze()

    def _after(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        if phase != "stop" or info["generation"] != 2:
            return
        if self._walks_all:
            self._walks_all = False
            self._freeze_all()
            return
        self._frozen += len(gc.get_objects(generation=2))
        gc.freeze()
        if self._frozen > self._limit:
            self._frozen = gc.get_freeze_count()  # less those that were freed since
            if self._frozen > self._limit:
                gc.unfreeze()  # the next full collection, which is not far, walks through all of them
                self._walks_all = True

    def _freeze_all(self) -> None:
        """Freeze what a collection of everything left, and set the number at which the next one is due."""
        gc.freeze()
        self._frozen = gc.get_freeze_count()
        self._limit = max(self._least, int(self._growth * self._frozen))
