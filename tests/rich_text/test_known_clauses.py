"""The status of clauses where all marks of a pair are known, some of them, or none."""

from __future__ import annotations

import pytest

from dossier_realtime.ot.document import Document
from dossier_realtime.rich_text import known_clauses
from dossier_realtime.rich_text.clause_words import CLAUSE_WORDS
from dossier_realtime.rich_text.clauses import Clause, clauses
from dossier_realtime.rich_text.known_clauses import ClauseRow, KnownMarks, clause_rows
from dossier_realtime.rich_text.pairing import TranslationMark

ONE, OTHER = "Article 1\nAll.\nArticle 2\nFive.", "المادة ١\nالكل.\nالمادة ٢\nخمسة."
SIX, TEN = ONE.replace("Five", "Six"), OTHER.replace("خمسة", "عشرة")
RENUMBERED = (
    ONE.replace("Article 2", "Article 2\nNew.\nArticle 3"),
    OTHER.replace("المادة ٢", "المادة ٢\nجديد.\nالمادة ٣"),
)


def parts(text: str) -> list[Clause]:
    return clauses(Document.of(text))


def marks(*keys: str, one: str = ONE, other: str = OTHER) -> tuple[TranslationMark, ...]:
    """Return marks of clauses with the words that they have in two texts."""
    sides = [{clause.key: clause.digest for clause in parts(text)} for text in (one, other)]
    return tuple(TranslationMark(key, (sides[0][key], sides[1][key]), (1, 1), "ali", 5) for key in keys)


BOTH = marks("article-1", "article-2")
CASES: dict[str, tuple[str, str, KnownMarks | None, dict[str, str]]] = {
    "all known, none": (ONE, OTHER, KnownMarks((), True), {"article-1": "untranslated", "article-2": "untranslated"}),
    "all known": (ONE, OTHER, KnownMarks(BOTH, True), {"article-1": "translated", "article-2": "translated"}),
    "first changed": (SIX, OTHER, KnownMarks(BOTH, True), {"article-1": "translated", "article-2": "changed first"}),
    "second changed": (ONE, TEN, KnownMarks(BOTH, True), {"article-1": "translated", "article-2": "changed second"}),
    "both changed": (
        SIX,
        TEN,
        KnownMarks(BOTH, True),
        {"article-1": "translated", "article-2": "changed first second"},
    ),
    "one has none": (
        ONE,
        "المادة ١\nالكل.",
        KnownMarks(BOTH, True),
        {"article-1": "translated", "article-2": "missing"},
    ),
    "other numbers": (
        *RENUMBERED,
        KnownMarks(BOTH, True),
        {"article-1": "translated", "article-2": "changed first second", "article-3": "translated"},
    ),
    "none known": (ONE, OTHER, KnownMarks(), {"article-1": "unknown", "article-2": "unknown"}),
    "none known, one has none": (
        ONE,
        "المادة ١\nالكل.",
        KnownMarks(),
        {"article-1": "unknown", "article-2": "missing"},
    ),
    "one known": (ONE, OTHER, KnownMarks(BOTH[:1]), {"article-1": "translated", "article-2": "unknown"}),
    "one known, changed since": (
        SIX,
        OTHER,
        KnownMarks(BOTH[1:]),
        {"article-1": "unknown", "article-2": "changed first"},
    ),
    # An article before it may have given it this number; then an earlier mark of its words counts.
    "one known, both changed": (SIX, TEN, KnownMarks(BOTH), {"article-1": "translated", "article-2": "unknown"}),
    "texts not known": (ONE, "المادة ١\nالكل.", None, {"article-1": "unknown", "article-2": "unknown"}),
}


def statuses(rows: list[ClauseRow]) -> dict[str, str]:
    return {row.key: " ".join((row.status, *row.changed)) for row in rows}


@pytest.mark.parametrize("case", CASES)
def test_a_status_is_told_where_the_marks_suffice(case: str) -> None:
    first, second, known, expected = CASES[case]
    assert statuses(clause_rows(parts(first), parts(second), known)) == expected
    turned = {key: " ".join(_turned(status.split())) for key, status in expected.items()}
    back = clause_rows(parts(second), parts(first), None if known is None else known.swapped())
    assert statuses(back) == turned


def _turned(words: list[str]) -> list[str]:
    status, *sides = words
    return [status, *sorted({"first": "second", "second": "first"}[side] for side in sides)]


@pytest.mark.parametrize("rule", [lambda _: True, lambda row: row.status != "untranslated"])
def test_a_rule_that_says_more_than_is_known_is_found(monkeypatch: pytest.MonkeyPatch, rule: object) -> None:
    monkeypatch.setattr(known_clauses, "_is_certain", rule)
    wrong = {case for case, (one, other, known, said) in CASES.items() if statuses_of(one, other, known) != said}
    assert "one known, both changed" in wrong


def statuses_of(first: str, second: str, known: KnownMarks | None) -> dict[str, str]:
    return statuses(clause_rows(parts(first), parts(second), known))


def test_every_status_has_words_in_both_languages() -> None:
    rows = {
        ClauseRow("1", None, None, "changed", ("first", "second")),
        ClauseRow("1", None, None, "changed", ("second",)),
        *(ClauseRow("1", None, None, status) for status in ("translated", "untranslated", "missing", "unknown")),
    }
    for words in CLAUSE_WORDS.values():
        said = {words.of(row) for row in rows}
        assert len(said) == len(rows)
        assert "{}" not in "".join(said)
    assert CLAUSE_WORDS["en"].of(ClauseRow("1", None, None, "changed", ("second",))) == "changed: counterpart"
