"""Pairs of documents in a recording: the status of each clause at any time, from a real service's journal."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest

from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import Signer
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.ot.document import Document
from dossier_realtime.recording.entry import Detail, Header
from dossier_realtime.recording.recording import Recording
from dossier_realtime.recording.replay import pairs as fold
from dossier_realtime.recording.replay.documents import DocumentHistory
from dossier_realtime.recording.replay.pairs import Marking, PairNames, PairReplay, RecordedPairs
from dossier_realtime.rich_text.clause_words import CLAUSE_WORDS
from dossier_realtime.rich_text.side_by_side import SideBySide
from tests.recording.paired_scenario import ARABIC, ENGLISH, OTHER, STATUSES, PairedScenario, play

A, B, C = "document:a", "document:b", "document:c"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> PairedScenario:
    return play(tmp_path_factory.mktemp("paired") / "data")


@pytest.fixture(scope="module")
def recording(played: PairedScenario) -> Recording:
    return open_journal(played.service.data / "journal", clearance="secret")


def statuses(shown: SideBySide) -> dict[str, str]:
    return {row.key: " ".join((row.status, *row.changed)) for row in shown.rows()}


@pytest.mark.parametrize("moment", STATUSES)
def test_a_notebook_shows_the_statuses_that_the_service_answered_then(
    played: PairedScenario, recording: Recording, moment: str
) -> None:
    shown = recording.side_by_side(ENGLISH, ARABIC, played.moments[moment])
    assert statuses(shown) == STATUSES[moment] | {"article-3": "missing"} == played.answers[moment]
    turned = {"first": "second", "second": "first"}
    back = recording.side_by_side(ARABIC, ENGLISH, played.moments[moment])
    assert {row.key: {turned[side] for side in row.changed} for row in back.rows()} == {
        row.key: set(row.changed) for row in shown.rows()
    }


def test_a_notebook_shows_them_in_both_languages(played: PairedScenario, recording: Recording) -> None:
    for words in CLAUSE_WORDS.values():
        page = recording.side_by_side(ENGLISH, ARABIC, played.moments["changed"], language=words.language).html()
        assert f'dir="{words.direction}"' in page.partition(">")[0]
        for word in (words.clause, words.untranslated, words.changed.format(words.second)):
            assert f">{word}</t" in page


def test_nothing_is_known_before_a_pair_was_made_and_of_texts_that_are_none(
    played: PairedScenario, recording: Recording
) -> None:
    before = recording.side_by_side(ENGLISH, ARABIC, played.moments["unpaired"])
    assert set(statuses(before).values()) == {"unknown", "missing"}
    assert statuses(recording.side_by_side(OTHER, OTHER)) == {"1": "unknown"}
    after = recording.side_by_side(ENGLISH, ARABIC)
    assert set(statuses(after).values()) == {"untranslated", "missing"}  # the marks went with the pair


def test_a_journal_that_begins_behind_the_marks_says_unknown(played: PairedScenario, tmp_path: Path) -> None:
    archive = Archive(played.service.data / "journal", "test", Signer(played.service.data))
    file = tmp_path / "late.ndjson"
    lines = archive.export(Selection(since=played.moments["marked"]), made_at=1.0, made_by="auditor")
    file.write_bytes(b"".join(lines))
    late = open_export(file, clearance="secret")
    for moment in ("read", "changed", "changed back"):
        assert statuses(late.side_by_side(ENGLISH, ARABIC, played.moments[moment])) == {
            **dict.fromkeys(("preamble", "article-1", "article-2"), "unknown"),
            "article-3": "missing",
        }
    assert statuses(late.side_by_side(ENGLISH, ARABIC, played.moments["marked again"])) == {
        **dict.fromkeys(("preamble", "article-1"), "unknown"),
        "article-2": "changed first",
        "article-3": "missing",
    }


def test_who_may_not_see_one_text_is_told_nothing_of_the_pair(played: PairedScenario) -> None:
    view = open_journal(played.service.data / "journal", clearance="internal")
    assert view.document(ENGLISH).last
    assert list(view.pairs) == []
    for names in ((ENGLISH, ARABIC), (ARABIC, ENGLISH)):
        with pytest.raises(KeyError):
            view.side_by_side(*names)
    assert not any(ARABIC in str(entry.header) for entry in view.entries())


def _all_clauses(marking: Marking) -> Marking:
    return marking._replace(keys=None)


def _sides_mistaken(marking: Marking) -> Marking:
    names, versions = marking.versions.keys(), marking.versions.values()
    return marking._replace(versions=dict(zip(names, reversed(versions), strict=True)))


@pytest.mark.parametrize(("wrong", "moment"), [(_all_clauses, "marked"), (_sides_mistaken, "marked again")])
def test_a_wrong_reading_of_an_act_is_found(
    played: PairedScenario,
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[[Marking], Marking],
    moment: str,
) -> None:
    right = fold._marking
    monkeypatch.setattr(fold, "_marking", lambda *parts: wrong(right(*parts)))
    recording = open_journal(played.service.data / "journal", clearance="secret")
    shown = recording.side_by_side(ENGLISH, ARABIC, played.moments[moment])
    assert statuses(shown) != played.answers[moment]


def act(verb: str, *names: str, before: str = "{}", node: str = "", **detail: str | list[str]) -> Header:
    told: Detail = {"verb": verb, "channels": list(names), "before": before, **detail}
    channel = names[0] if verb == "delete_document" else ""
    return Header(seq=0, kind="act", at=0.0, user="ali", channel=channel, detail=told, node=node)


def outcome(outcome: str = "done", status: int = 200) -> Header:
    return Header(seq=0, kind="outcome", at=0.0, detail={"outcome": outcome, "status": status})


MADE = act("pair_documents", A, B, before='{"paired":false}'), outcome()
ALL = '{"clauses":"all","version":0}'
MARKED = (
    act("mark_translated", B, A, before='{"marked":0}', after=ALL, versions=["document:b 0", "document:a 0"]),
    outcome(),
)
AGAIN = (
    act("mark_translated", A, B, before='{"marked":1}', after=ALL, versions=["document:a 0", "document:b 0"]),
    outcome(),
)
CRASHED = Header(seq=0, kind="start", at=0.0)
FOLDS: dict[str, tuple[tuple[Header, ...], str]] = {
    "nothing": ((), "unpaired unknown"),
    "made": (MADE, "paired untranslated"),
    "made, refused": ((MADE[0], outcome("failed", 409)), "unpaired unknown"),
    "made, under way": (MADE[:1], "unpaired unknown"),
    "found": ((act("pair_documents", A, B, before='{"paired":true}'), outcome("unchanged")), "paired unknown"),
    "languages changed": ((*MADE, *MARKED, act("pair_documents", B, A, before='{"paired":true}'), outcome()),
                          "paired translated"),
    "marked": ((*MADE, *MARKED), "paired translated"),
    "marked, of a pair from before": (MARKED, "paired translated"),
    "marked, not the first": (AGAIN, "paired translated"),
    "marked, refused": ((*MADE, MARKED[0], outcome("failed", 400)), "paired untranslated"),
    "marked, gone meanwhile": ((*MADE, MARKED[0], outcome("unchanged")), "paired untranslated"),
    "marked, answer lost": ((*MADE, MARKED[0], outcome("failed", 503)), "paired unknown"),
    "marked, crashed": ((*MADE, MARKED[0], CRASHED), "paired unknown"),
    "marked, another node crashed": ((*MADE, MARKED[0], Header(seq=0, kind="start", at=0.0, node="n2"), MARKED[1]),
                                     "paired translated"),
    "marked, and again after a crash": ((*MADE, MARKED[0], CRASHED, *AGAIN), "paired translated"),
    "marked by an older service": ((*MADE, act("mark_translated", A, B, before='{"marked":0}', after=ALL), outcome()),
                                   "paired unknown"),
    "marked at a version that is not recorded": (
        (*MADE, act("mark_translated", A, B, after=ALL, versions=["document:a 7", "document:b 0"]), outcome()),
        "paired unknown",
    ),
    "another clause marked": (
        (*MADE, act("mark_translated", A, B, items=['"2"'], versions=["document:a 0", "document:b 0"]), outcome()),
        "paired unknown",
    ),
    "restored": ((*MADE, *MARKED, Header(seq=0, kind="restored", at=0.0)), "paired unknown"),
    "parted": ((*MADE, *MARKED, act("part_documents", B, A), outcome()), "unpaired untranslated"),
    "parted, crashed": ((*MADE, *MARKED, act("part_documents", B, A), CRASHED), "paired unknown"),
    "deleted": ((*MADE, *MARKED, act("delete_document", B), outcome()), "unpaired untranslated"),
    "deletion refused": ((*MADE, *MARKED, act("delete_document", B), outcome("failed", 412)), "paired translated"),
    "made again": ((*MADE, *MARKED, act("part_documents", B, A), outcome(), *MADE), "paired untranslated"),
    "another pair": ((*MADE, *MARKED, act("pair_documents", A, C, before='{"paired":false}'), outcome("failed", 409)),
                     "paired translated"),
    "seen by an administrator of one text": ((act("pair_documents", A), outcome()), "unpaired unknown"),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLDS)
def test_acts_change_what_is_known_of_a_pair(case: str) -> None:
    headers, expected = FOLDS[case]
    recorded, last = RecordedPairs(), 0
    for number, header in enumerate(headers, 1):
        last = number if header.kind == "act" else last
        recorded.take(
            Header(number, header.kind, float(number), user=header.user, channel=header.channel, node=header.node,
                   cause=last if header.kind == "outcome" else 0, detail=header.detail),
            float(number),
        )  # fmt: skip
    texts = [DocumentHistory(name, [], (0, Document.of("1. x"))) for name in (A, B)]
    names = recorded.names(A, B)
    replay = PairReplay(recorded, names, *(texts if names == PairNames(A, B) else texts[::-1]))
    marks = replay.until(100.0)
    (status,) = statuses(SideBySide(Document.of("1. x"), Document.of("1. x"), marks=marks)).values()
    assert f"{'paired' if replay.is_paired else 'unpaired'} {status}" == expected


@pytest.mark.parametrize(("since", "ends", "known"), [(None, inf, True), (101.0, inf, False), (None, 99.0, False)])
def test_of_texts_that_are_not_known_then_no_status_is(since: float | None, ends: float, known: bool) -> None:
    texts = [DocumentHistory(name, [], (0, Document()), since, ends=ends) for name in (A, B)]
    marks = PairReplay(RecordedPairs(), PairNames(A, B), *texts).until(100.0)
    assert (marks is not None) is known
