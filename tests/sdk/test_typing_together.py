"""Words that people type at one place at once stay whole, at any lines and any pace; and faults would show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dossier_realtime.client.state.editing import own_caret
from dossier_realtime.ot import collab
from dossier_realtime.ot.collab import Log
from dossier_realtime.ot.cursor import transform_selection
from dossier_realtime.ot.operations import Operation
from dossier_realtime.ot.transform import transform
from tests.sdk.typing_together import LATENCIES_MS, LETTERS_A_SECOND, PEOPLE, torn_runs


@pytest.mark.parametrize("people", PEOPLE)
def test_no_word_is_torn_at_any_latency_and_pace(people: int) -> None:
    torn = {
        (latency, pace): torn_runs(people, latency, pace, seed=people)
        for latency in LATENCIES_MS
        for pace in LETTERS_A_SECOND
    }
    assert set(torn.values()) == {0}, torn


def _first_keeps_left(first: Operation, second: Operation) -> tuple[Operation, Operation]:
    after_second, after_first = transform(second, first)
    return after_first, after_second


def _server_lets_the_first_keep_left(operation: Operation, version: int, log: Log) -> Operation:
    for committed in log.since(version):
        _, operation = _first_keeps_left(committed, operation)
    return operation


def _behind_what_others_insert(
    position: int, length: int, operation: Operation, *, own: bool = False
) -> tuple[int, int]:
    return transform_selection(position, length, operation, own=True)


Fault = tuple[object, str, Callable[..., object]]

FAULTS: dict[str, Fault] = {
    "the tie rule of before, in both halves": (collab, "transform", _first_keeps_left),
    "the tie rule of before, on the server": (collab, "rebase", _server_lets_the_first_keep_left),
    "carets move behind what others insert": (own_caret, "transform_selection", _behind_what_others_insert),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_put_in_on_purpose_tears_words_or_texts_apart(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, name, replacement = FAULTS[fault]
    monkeypatch.setattr(target, name, replacement)
    with pytest.raises(AssertionError):
        assert not sum(torn_runs(people, 100, 8, seed=1) for people in PEOPLE)
