"""Cyclic garbage: what is alive is walked through once, and what ends is freed without any walk."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from app.telemetry.collections import FrozenSurvivors


class Knot:
    """An object that only a collection of cycles can free."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def frozen() -> Iterator[FrozenSurvivors]:
    survivors = FrozenSurvivors(least=0, growth=1.2)
    survivors.install()
    yield survivors
    survivors.remove()
    gc.collect()


@pytest.mark.usefixtures("frozen")
def test_a_later_collection_passes_over_what_survived_an_earlier_one() -> None:
    alive = [[number] for number in range(10_000)]
    gc.collect()
    assert len(gc.get_objects()) < 1_000, "what survived is walked through again"
    assert gc.get_freeze_count() > len(alive)


@pytest.mark.usefixtures("frozen")
def test_cycles_among_frozen_objects_are_freed_once_these_have_grown_much() -> None:
    knot = Knot()
    gc.collect()
    ended = weakref.ref(knot)
    del knot
    gc.collect()
    assert ended() is not None, "it was never frozen, so this shows nothing"
    alive = [[number] for number in range(gc.get_freeze_count())]
    for _ in range(3):  # freezes, finds how much that is, walks through all
        gc.collect()
    assert ended() is None
    assert len(gc.get_objects()) < len(alive)
    assert gc.get_freeze_count() > 0, "it goes on with freezing"
