"""Documents converge; no acknowledged operation is lost or doubled (10,000 schedules)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.ot.simulation import World

PER_BATCH = 1_000


@pytest.mark.parametrize("batch", [0, *(pytest.param(batch, marks=pytest.mark.long) for batch in range(1, 10))])
def test_in_every_schedule_all_end_with_the_server_s_text_and_nothing_acknowledged_is_lost_or_doubled(
    batch: int,
) -> None:
    met: Counter[str] = Counter()
    for seed in range(batch * PER_BATCH, (batch + 1) * PER_BATCH):
        world = World(seed)
        try:
            world.run()
        except Exception as wrong:
            raise AssertionError(f"schedule {seed}: {wrong}") from wrong
        met.update(world.met)
    assert all(met[path] for path in ROUGH_PATHS), f"the schedules have become too smooth: {met}"


ROUGH_PATHS = (
    "resent",
    "sent twice",
    "own came back",
    "2 parts",
    "0 parts",
    "conflict",
    "loaded anew",
    "loaded anew in flight",
    "copy taken out",
    "out of step after loading",
    "undone",
)
