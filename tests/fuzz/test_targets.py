"""Every fuzz target, on its seeds, on what was found before, and on inputs by chance."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

FOUND = Path(__file__).parent / "found"
SEEDS = {name: list(target.seeds()) for name, target in TARGETS.items()}


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_keep_the_promise(name: str) -> None:
    assert SEEDS[name]
    for seed in SEEDS[name]:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_once_keeps_the_promise(name: str) -> None:
    for file in sorted((FOUND / name).glob("*")):
        TARGETS[name].run(file.read_bytes())


def test_every_folder_of_findings_belongs_to_a_target() -> None:
    assert {folder.name for folder in FOUND.glob("*")} <= set(TARGETS)


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with up to four stretches replaced, doubled, or swapped with a piece of another seed."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 16)))
        piece = draw(
            st.one_of(st.binary(max_size=8), st.just(bytes(data[start:end]) * 2), st.sampled_from(seeds).map(_middle))
        )
        data[start:end] = piece
    return bytes(data)


def _middle(seed: bytes) -> bytes:
    return seed[len(seed) // 3 : 2 * len(seed) // 3]


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=300)
@given(data=st.data())
def test_inputs_by_chance_keep_the_promise(name: str, data: st.DataObject) -> None:
    TARGETS[name].run(data.draw(st.one_of(damaged(SEEDS[name]), st.binary(max_size=200))))
