"""Edits that wait for nothing are decided without a task, and come to the same as all others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.core.domain import documents as core
from app.core.domain.documents import EditError, VersionedDocument
from app.services.editing.document_queue import DocumentQueue
from app.services.editing.edit_decision import EditDecision
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from app.telemetry.stalls import MeasuredLoop
from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.errors import ErrorCode
from tests.services.test_documents import DOC, bench


def _edits(seed: int) -> list[list[EditPayload]]:
    """Return edits in groups that come at one time: some old, some sent twice, some that do not fit, some empty."""
    drawn, groups = random.Random(seed), [[EditPayload("insert", 0, 0, "the text")]]  # noqa: S311  a schedule
    for number in range(40):
        version = drawn.randrange(number // 2 + 1)
        group = [
            drawn.choice(
                (
                    EditPayload("insert", 0, version, "ab", op_id=f"{seed}-{drawn.randrange(60)}"),
                    EditPayload("insert", drawn.randrange(4), version, "c", op_id=f"{number}"),
                    EditPayload("insert", 10_000, version, "beyond"),
                    EditPayload("delete", 0, version, length=1),
                    EditPayload("insert", 0, number + 500, "ahead"),
                    EditPayload("insert", 0, 0, "of another history", epoch="other"),
                )
            )
            for _ in range(drawn.randrange(1, 5))
        ]
        groups.append(group)
    return groups


def _outcome(
    folder: Path,
    groups: list[list[EditPayload]],
    *,
    stored: int = 1 << 20,
    is_lost: Callable[[int], bool] = lambda _: False,
) -> tuple[str, dict[int, object], int]:
    """Return the text that the edits lead to, the answer to each of them, and the bytes that were charged for them.

    `stored`: the author's quota in bytes. `is_lost`: whether the author of an edit has lost the right to edit.
    """

    async def scene() -> tuple[str, dict[int, object], int]:
        async with bench(folder) as it:
            it.limiter.limits = replace(it.limiter.limits, stored=stored)
            said: dict[int, object] = {}

            def answer(number: int, outcome: int | EditError) -> None:
                said[number] = (outcome.code, outcome.text) if isinstance(outcome, EditError) else outcome
                it.answers.append(outcome)

            sent = 0
            for group in groups:
                for edit in group:
                    submission = EditSubmission(EditAuthor("ali", "Ali"), edit, partial(answer, sent))
                    submission.holds = partial(lambda number: not is_lost(number), sent)
                    it.documents.submit(DOC, submission)
                    sent += 1
                await it.answered(sent)
            return await it.text(), said, it.limiter.spent("ali", "stored", 0.0)[1]

    with asyncio.Runner(loop_factory=MeasuredLoop) as runner:
        return runner.run(scene())


@pytest.mark.parametrize("seed", range(8))
def test_edits_come_to_the_same_at_once_and_by_the_way_of_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    play = partial(
        _outcome,
        groups=_edits(seed),
        stored=4_000 if seed % 2 else 1 << 20,  # of about 9,000
        is_lost=lambda number: seed > 3 and number % 5 == 4,
    )
    at_once = play(tmp_path / "a")
    monkeypatch.setattr(EditDecision, "at_once", lambda *_: [])
    assert play(tmp_path / "b") == at_once


def test_what_people_type_needs_no_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[int] = []
    work = DocumentQueue._work

    async def counted(queue: DocumentQueue) -> None:
        worked.append(queue.committed.version)
        await work(queue)

    monkeypatch.setattr(DocumentQueue, "_work", counted)
    _outcome(tmp_path, [[EditPayload("insert", number, number, "x", op_id=str(number))] for number in range(50)])
    assert worked == [0], "the first edit loads the document; all that follow are decided at once"


def test_an_edit_whose_decision_fails_is_answered_and_the_next_ones_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = core.decide

    def failing(tentative: VersionedDocument, change: EditPayload, *more: Any) -> Any:
        if change.op_id == "bad":
            raise ValueError("nobody thought of this")
        return decide(tentative, change, *more)

    def edit(name: str) -> EditPayload:
        return EditPayload("insert", 0, 0, "x", op_id=name)

    monkeypatch.setattr(core, "decide", failing)
    text, said, _ = _outcome(tmp_path, [[edit("first")], [edit("good"), edit("bad")], [edit("last")]])
    assert said[2] == (ErrorCode.INTERNAL_ERROR, "The service failed to take this edit; send it again")
    assert text.count("x") == sum(isinstance(version, int) for version in said.values())
    assert isinstance(said[3], int), "the queue goes on"
