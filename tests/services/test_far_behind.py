"""An edit that was made thousands of versions ago lands where its author, who receives them one by one, has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.core.domain import documents
from app.core.domain.documents import EditError, VersionedDocument
from app.core.domain.motions import Motion
from app.services.editing import far_behind
from app.services.editing.document_log import payload_of
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from app.services.editing.far_behind import FarBehind
from dossier_realtime.ot.document import apply, effective
from dossier_realtime.ot.flat import parts, read, write
from dossier_realtime.ot.operations import Operation
from dossier_realtime.ot.transform import transform
from dossier_realtime.protocol.commands import EditPayload, FlatOperation
from dossier_realtime.protocol.errors import ErrorCode
from tests.ot.random_operations import Chance, operation_of
from tests.services.test_documents import DOC, Bench, bench


async def edited(it: Bench, count: int, chance: Chance) -> list[Operation]:
    """Make `count` versions at random places; return their operations."""
    text = (await it.documents.committed(DOC)).document
    made: list[Operation] = []
    while len(made) < count:
        whole = operation_of(chance.steps(3) if text.length else [("i", 3, 1)], text)
        for part in parts(effective(whole, text)):
            it.documents.submit(
                DOC, EditSubmission(EditAuthor("ali", "Ali"), write(part, len(made)), it.answers.append)
            )
            made.append(part)
            text = apply(part, text)
    assert (await it.answered(len(made)))[-1] == len(made)
    return made


async def late(it: Bench, payload: EditPayload) -> int | EditError:
    answered: asyncio.Future[int | EditError] = asyncio.get_running_loop().create_future()
    it.documents.submit(DOC, EditSubmission(EditAuthor("bea", "Bea"), payload, answered.set_result))
    return await answered


def expected(payload: EditPayload, length: int, made: list[Operation]) -> Operation:
    operation = read(payload, length)
    for committed in made:
        _, operation = transform(committed, operation)
    return operation


@pytest.mark.parametrize("seed", [1, 2])
def test_it_lands_where_it_does_past_each_version(tmp_path: Path, seed: int) -> None:
    async def scene() -> None:
        chance = Chance(seed)
        async with bench(tmp_path) as it:
            made = await edited(it, 3_300, chance)
            lengths = [0, *(one.after for one in made)]
            for base in (0, 1, 63, 64, 65, 700, 1_023, 1_024, 2_000, 2_900, 3_050, 3_200):
                place = chance.below(lengths[base] + 1)
                whole = VersionedDocument()
                for one in made[:base]:
                    whole.advance(one)
                text = whole.document
                while 0 < place < text.length and "\udc00" <= text.text[place] <= "\udfff":
                    place -= 1
                for payload in (
                    EditPayload("insert", place, base, "late"),
                    EditPayload("delete", place, base, length=max(1, lengths[base] - place)),
                ):
                    if payload.operation_type == "delete" and place == lengths[base]:
                        continue
                    wanted = expected(payload, lengths[base], made[base:])
                    version = await late(it, payload)
                    steps = list(parts(wanted))
                    assert version == len(made) + len(steps)
                    stored = [payload_of(one.frame) for one in await it.engine.broker.read(DOC, len(made), 1_000)]
                    found = [read(one, step.before) for one, step in zip(stored, steps, strict=True)]
                    assert found == steps, (base, payload)
                    made += steps
                    lengths += [one.after for one in steps]

    asyncio.run(scene())


def test_one_that_fits_no_text_of_then_is_refused_as_ever(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            made = await edited(it, 2_500, Chance(3))
            refusal = await late(it, EditPayload("insert", 1 << 20, 5, "x"))
            assert isinstance(refusal, EditError)
            assert (refusal.code, refusal.version) == (ErrorCode.VERSION_CONFLICT, len(made))
            assert "subscribe to the document anew" in refusal.text

    asyncio.run(scene())


def test_the_blocks_of_a_document_are_made_once_and_few_are_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            made = await edited(it, 5_000, Chance(4))
            read_from: list[int] = []
            read_page = it.engine.broker.read

            async def counted(channel: str, after: int, limit: int) -> object:
                read_from.append(after)
                return await read_page(channel, after, limit)

            it.engine.broker.read = counted  # type: ignore[assignment, method-assign]  # counts, and reads
            met: list[int] = []
            move = documents.move_far

            def moved(edit: EditPayload, length: int, path: Sequence[Motion], tip: int) -> Operation | None:
                met.append(len(path))
                return move(edit, length, path, tip)

            monkeypatch.setattr(documents, "move_far", moved)
            for _ in range(3):
                await late(it, EditPayload("insert", 0, 128, "x"))
            assert len(met) == 3
            assert max(met) <= 5_000 // 1_024 + 2 * 1_024 // 64, "the number of blocks grows with the distance"
            assert len(read_from) == len(set(read_from)) <= 1 + len(made) // 512

    asyncio.run(scene())


@pytest.mark.usefixtures("no_collection")
def test_the_loop_turns_while_scattered_batches_are_read_and_joined(tmp_path: Path) -> None:
    """Between two turns the loop works less than half of what it takes to join one block of such batches."""
    count = 264  # batches, of 200 operations each

    async def scene() -> None:
        async with bench(tmp_path) as it:
            chance, author = Chance(5), EditAuthor("ali", "Ali")
            first = EditPayload("insert", 0, 0, "a" * 9_000)
            it.documents.submit(DOC, EditSubmission(author, first, it.answers.append))
            for number in range(1, count):
                scattered = tuple(FlatOperation("insert", chance.below(9_000), "x") for _ in range(200))
                change = EditPayload("batch", version=number, operations=scattered)
                it.documents.submit(DOC, EditSubmission(author, change, it.answers.append))
            assert (await it.answered(count))[-1] == count
            block = [read(payload_of(one.frame), 1 << 40) for one in await it.engine.broker.read(DOC, 1, 64)]
            began = time.thread_time()
            Motion.of(block)
            block_seconds = time.thread_time() - began
            longest, last = 0.0, time.thread_time()

            async def turn() -> None:
                nonlocal longest, last
                while True:
                    await asyncio.sleep(0.001)
                    now = time.thread_time()
                    longest, last = max(longest, now - last), now

            it.documents.deleted(DOC)  # it is read from the log again
            turning = asyncio.create_task(turn())
            await it.documents.state(DOC)
            assert await late(it, EditPayload("insert", 0, 1, "late")) == count + 1
            turning.cancel()
            assert longest < block_seconds / 2

    asyncio.run(scene())


def test_what_is_kept_for_old_edits_is_bounded_and_changes_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as it:
            await edited(it, 3_000, Chance(7))
            versioned = await it.documents.committed(DOC)
            epoch = (await it.engine.broker.position(DOC)).epoch
            roomy = FarBehind(DOC, it.engine.broker)
            payload = EditPayload("insert", 0, 128, "x")
            wanted = await roomy.moved(payload, versioned, 3_000, epoch)
            monkeypatch.setattr(far_behind, "_MAX_KEPT_STEPS", roomy.steps // 4)
            narrow = FarBehind(DOC, it.engine.broker)
            for _ in range(2):
                assert await narrow.moved(payload, versioned, 3_000, epoch) == wanted
                assert 0 < narrow.steps <= roomy.steps // 4

    asyncio.run(scene())
