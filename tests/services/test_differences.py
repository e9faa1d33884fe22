"""Whole new texts: the search for what changed runs beside the loop, ends in time, and never makes many versions."""

from __future__ import annotations

import asyncio
import random

from app.core.domain import whole_texts
from app.services.editing.differences import Differences
from dossier_realtime.ot.difference import from_hunks, middle
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.units import Units, to_units
from tests.harness.measurements import Report


def _words(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)  # noqa: S311  a text
    return [f"{chance.choice(('word', 'م', '😀'))}{chance.randrange(50)}" for _ in range(count)]


def _rewritten(stretches: int) -> tuple[Units, Units]:
    """A long text, and the same with so many stretches written anew."""
    lines = [" ".join(_words(40, number)) for number in range(4 * stretches)]
    after = [" ".join(_words(40, -number - 1)) if number % 4 == 1 else line for number, line in enumerate(lines)]
    return to_units("\n".join(lines)), to_units("\n".join(after))


def _leads(old: Units, new: Units, found: list[tuple[int, int, int]]) -> bool:
    return apply(from_hunks(found, new), Document(old)) == Document(new)


def test_the_loop_turns_while_a_long_difference_is_looked_for(report: Report) -> None:
    async def scene() -> tuple[list[tuple[int, int, int]], int, int]:
        differences, turns = Differences(deadline=120), 0
        search = asyncio.create_task(differences.between(old, new))
        while not search.done():
            await asyncio.sleep(0.001)
            turns += 1
        return await search, turns, differences.gave_up

    old, new = _rewritten(185)
    found, turns, gave_up = asyncio.run(scene())
    assert gave_up == 0
    assert _leads(old, new, found)
    assert turns > 20
    report(f"{len(new)} units, 185 stretches written anew: {len(found)} hunks, {turns} turns of the loop meanwhile")


def test_two_edits_far_apart_are_two_small_operations() -> None:
    """The first and the last of many lines, and two boxes of a form; both were one replacement of all between."""

    async def scene(old: str, new: str) -> list[tuple[int, int, int]]:
        return await Differences().between(to_units(old), to_units(new))

    lines = [f"Clause {number % 9}: as agreed\n" for number in range(2_100)]
    changed = ["Clause 0: as written\n", *lines[1:-1], lines[-1].replace("agreed", "written")]
    form = [f"{line}\n" for line in ("Name: ____", "☐ agreed", "") * 130]
    ticked = [line.replace("☐", "☑") if number in (31, 301) else line for number, line in enumerate(form)]
    for old, new in ((lines, changed), (form, ticked)):
        found = asyncio.run(scene("".join(old), "".join(new)))
        assert [hunk for hunk in found if max(hunk[1:]) > 10] == []
        assert sum(1 for _, inserted, deleted in found if inserted or deleted) == 2


def test_a_search_that_takes_too_long_is_one_replacement_of_the_middle() -> None:
    async def scene() -> list[tuple[int, int, int]]:
        differences = Differences(deadline=0)
        found = await differences.between(old, new)
        assert differences.gave_up == 1
        return found

    old, new = _rewritten(40)
    found = asyncio.run(scene())
    assert found == middle(old, new)
    assert _leads(old, new, found)


def test_what_differs_little_is_found_without_a_process() -> None:
    async def scene() -> list[tuple[int, int, int]]:
        return await Differences(deadline=0).between(to_units("x" * 900_000 + " a b"), to_units("x" * 900_000 + " b"))

    assert sum(inserted for _, inserted, _ in asyncio.run(scene())) == 0


def test_a_whole_new_text_becomes_a_bounded_number_of_versions() -> None:
    old = to_units("1234567-" * 700)
    text = to_units("1234567!" * 700)
    many = [(7, 1, 1)] * 700
    document = Document(old)
    parts = whole_texts.versions(whole_texts.change(document, Document(text), many, formats=False), document)
    assert len(parts) == 3  # batches
    for part in parts:
        document = apply(part, document)
    assert document.text == text
