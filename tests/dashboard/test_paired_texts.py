"""The changes by which a player follows the clauses of a pair: put together they are the clauses of each moment."""

from __future__ import annotations

from math import inf
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboard.playback import paired_texts as made
from dashboard.playback.paired_texts import paired_texts
from dossier_realtime.ot.document import Document
from dossier_realtime.protocol.events import RemoteOperationPayload
from dossier_realtime.recording.entry import Detail, Header
from dossier_realtime.recording.replay.documents import DocumentHistory, RecordedEdit
from dossier_realtime.recording.replay.pairs import PairNames, PairReplay, RecordedPairs
from dossier_realtime.rich_text.clauses import clauses
from dossier_realtime.rich_text.known_clauses import clause_rows

NAMES = PairNames("document:en", "document:ar")
PIECES = ("1. a\n", "2. b\n", "(3)\n", "\n", "المادة ١\n", "ب", "c")
EDITS = st.lists(st.tuples(st.booleans(), st.sampled_from(PIECES), st.booleans(), st.integers(0, 10**6)), max_size=25)


def histories(edits: list[tuple[bool, str, bool, int]]) -> list[DocumentHistory]:
    """Return the two texts after edits, one a second: of which text, what is inserted, or deleted, and where."""
    texts: dict[bool, tuple[str, list[RecordedEdit]]] = {True: ("", []), False: ("", [])}
    for second, (side, piece, inserts, place) in enumerate(edits, 1):
        text, told = texts[side]
        at = place % (len(text) + 1)
        if not inserts and at == len(text):
            continue
        shape: dict[str, Any] = {"operation_type": "insert", "content": piece}
        if not inserts:
            shape = {"operation_type": "delete", "length": 1}
        payload = RemoteOperationPayload(
            user_id="u", user_name="U", position=at, version=len(told) + 1, timestamp=second, **shape
        )
        told.append(RecordedEdit(len(told) + 1, float(second), payload))
        texts[side] = (text[:at] + piece + text[at:] if inserts else text[:at] + text[at + 1 :]), told
    return [
        DocumentHistory(name, texts[side][1], (0, Document())) for name, side in zip(NAMES, (True, False), strict=True)
    ]


def recorded(marked_at: int) -> RecordedPairs:
    """Return a pair that is made at 2 s and marked at `marked_at` s, at the first versions of both texts."""
    pairs = RecordedPairs()
    join: Detail = {"verb": "pair_documents", "before": '{"paired":false}'}
    versions = [f"{name} 0" for name in NAMES]
    mark: Detail = {"verb": "mark_translated", "after": '{"clauses":"all"}', "versions": versions}
    for seq, at, detail in ((1, 2.0, join), (3, float(marked_at), mark)):
        pairs.take(Header(seq, "act", at, detail={"channels": list(NAMES), **detail}), at)
        pairs.take(Header(seq + 1, "outcome", at, cause=seq, detail={"outcome": "done"}), at)
    return pairs


@given(EDITS, st.integers(3, 20))
def test_the_moments_put_together_are_the_clauses_and_their_status(
    edits: list[tuple[bool, str, bool, int]], marked_at: int
) -> None:
    texts, pairs = histories(edits), recorded(marked_at)
    (pair,) = paired_texts(pairs, texts, [0, 0], 0.0, 30.0)
    replay, lists = PairReplay(pairs, NAMES, *texts), list[list[Any]]([[], [], []])
    for moment in pair["moments"]:
        at = moment[0] / 1000
        marks = replay.until(at)
        assert (len(moment) > 1) is (at >= 2)
        if at < 2:
            continue
        _, first, second, *changes = moment
        assert [first, second] == [text.version_at(at) for text in texts]
        for told, (begin, removed, items) in zip(lists, changes, strict=True):
            told[begin : begin + removed] = items
        sides = clauses(texts[0].document_at(at)), clauses(texts[1].document_at(at))
        assert [(row[0], row[1], tuple(row[2])) for row in lists[2]] == [
            (row.key, row.status, row.changed) for row in clause_rows(*sides, marks)
        ]
        for text, found, cuts in zip(texts, sides, lists, strict=False):
            assert sum(length for length, _ in cuts) == text.document_at(at).length
            assert [direction for _, direction in cuts[1:]] == [clause.direction for clause in found]
    assert [moment[0] for moment in pair["moments"]] == sorted({moment[0] for moment in pair["moments"]})


@given(st.lists(st.floats(0, 1_000), max_size=60), st.integers(2, 40))
def test_of_more_moments_than_fit_the_last_of_each_stretch_is_kept(times: list[float], limit: int) -> None:
    kept = made._moments([*times, -inf, inf], 0.0, 1_000.0, limit)
    every = sorted({0.0, *times})
    assert set(kept) <= set(every)
    assert kept == sorted(kept)
    assert kept[-1] == every[-1]
    assert len(kept) <= limit + 2
    if len(every) <= limit:
        assert kept == every
