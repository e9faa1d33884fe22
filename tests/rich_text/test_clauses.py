"""Clauses of a text and of its translation: where they begin, which belong together, which changed since."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot.document import Document
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.rich_text.clauses import MAX_CLAUSES, Clause, clauses
from dossier_realtime.rich_text.pairing import PairedClause, TranslationMark, aligned, marked, paired
from tests.rich_text.rich_documents import documents, rich

ENGLISH = """Agreement
between the parties

Article 1 Scope
This applies to all.
1. First rule
2. Second rule
Article 2: Term
Five years.
"""
ARABIC = """اتفاقية
بين الطرفين

المادة ١ النطاق
تسري على الجميع.
١- القاعدة الأولى
٢- القاعدة الثانية
المادة الثانية: المدة
خمس سنوات.
"""


def of(text: str) -> list[Clause]:
    return clauses(Document.of(text))


def keys(text: str) -> list[str]:
    return [clause.key for clause in of(text)]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("Article 3", "article-3"),
        ("ARTICLE IV: Term", "article-4"),
        ("Art. 12 Law", "article-12"),
        ("Section (2) x", "section-2"),
        ("المادة ٣", "article-3"),
        ("المادة (٣): النطاق", "article-3"),
        ("المادة الثالثة", "article-3"),
        ("\u200fمادة 3 - النطاق", "article-3"),
        ("البند الأول", "clause-1"),
        ("الملحق ٢", "annex-2"),
        ("1. Scope", "1"),
        ("1.2 Scope", "1.2"),
        ("1.2.3. Scope", "1.2.3"),
        ("١.٢ النطاق", "1.2"),
        ("۱۲. متن", "12"),
        ("(4) x", "4"),
        ("4) x", "4"),
        ("٢- نص", "2"),
        ("  07. x", "7"),
        ("1990 was a year", None),
        ("3 years", None),
        ("Articles are long", None),
        ("Article one", None),
        ("1.5million", None),
        ("مادة خام", None),
        ("-", None),
    ],
)
def test_a_marker_begins_a_clause_in_either_language(line: str, key: str | None) -> None:
    assert keys(line) == ["preamble" if key is None else key]


def test_numbers_stand_within_their_article_and_a_preamble_before_the_first() -> None:
    expected = ["preamble", "article-1", "article-1/1", "article-1/2", "article-2"]
    assert keys(ENGLISH) == keys(ARABIC) == expected
    preamble, article, *_ = of(ENGLISH)
    text = ENGLISH[article.position : article.position + article.length]
    assert (text, article.title, article.direction) == (
        "Article 1 Scope\nThis applies to all.",
        "Article 1 Scope",
        "ltr",
    )
    assert ENGLISH[: preamble.length] == "Agreement\nbetween the parties"
    assert of(ARABIC)[1].direction == "rtl"


def test_headings_and_items_of_ordered_lists_begin_clauses_without_a_marker() -> None:
    heading, item = Attributes(heading=1), Attributes(list="ordered")
    lines = [("Scope", heading), ("\nx\n", Attributes()), ("one\ntwo\n", item), ("Term", heading), ("\n", Attributes())]
    lines += [("Sub", Attributes(heading=2)), ("\n", Attributes()), ("one", item)]
    found = [clause.key for clause in clauses(rich(lines))]
    assert found == ["heading-1", "heading-1/1", "heading-1/2", "heading-2", "heading-2.1", "heading-2.1/1"]


def test_a_key_occurs_once_and_the_number_of_clauses_has_a_bound() -> None:
    assert keys("1. a\n1. b\n1. c") == ["1", "1~2", "1~3"]
    many = of("\n".join(f"{number % 900}. x" for number in range(2 * MAX_CLAUSES)))
    assert len(many) == MAX_CLAUSES
    assert len({clause.key for clause in many}) == MAX_CLAUSES


@given(documents)
def test_clauses_cover_the_text_in_order_but_for_blanks(document: Document) -> None:
    at = 0
    for clause in clauses(document):
        assert not document.text[at : clause.position].strip()
        at = clause.position + clause.length
    assert not document.text[at:].strip()


_keyed = st.lists(st.sampled_from("abcdefg"), unique=True).map(
    lambda names: [Clause(name, name, number, 1, "ltr", name) for number, name in enumerate(names)]
)


@given(_keyed, _keyed)
def test_alignment_has_each_clause_once_keeps_the_order_of_the_first_and_joins_equal_keys(
    first: list[Clause], second: list[Clause]
) -> None:
    rows = aligned(first, second)
    assert [one for one, _ in rows if one is not None] == first
    assert sorted(other.key for _, other in rows if other is not None) == sorted(clause.key for clause in second)
    shared = {clause.key for clause in first} & {clause.key for clause in second}
    assert {one.key for one, other in rows if one and other} == shared
    assert all(one is None or other is None or one.key == other.key for one, other in rows)


def mark_all(first: str, second: str, marks: tuple[TranslationMark, ...] = ()) -> list[TranslationMark]:
    both = [(row.first, row.second) for row in paired(of(first), of(second), marks)]
    new = [TranslationMark(a.key, (a.digest, b.digest), (1, 1), "ali", 0) for a, b in both if a and b]
    return marked(marks, new)


def told(rows: list[PairedClause]) -> dict[str, str]:
    return {row.key: " ".join((row.status, *row.changed)) for row in rows}


def test_a_clause_is_changed_on_the_side_whose_words_are_others_since_it_was_marked() -> None:
    assert set(told(paired(of(ENGLISH), of(ARABIC), [])).values()) == {"untranslated"}
    marks = mark_all(ENGLISH, ARABIC)
    assert set(told(paired(of(ENGLISH), of(ARABIC), marks)).values()) == {"translated"}
    changed = told(paired(of(ENGLISH.replace("Five", "Six")), of(ARABIC.replace("القاعدة الثانية", "قاعدة")), marks))
    assert changed == {
        "preamble": "translated",
        "article-1": "translated",
        "article-1/1": "translated",
        "article-1/2": "changed second",
        "article-2": "changed first",
    }
    both = told(paired(of(ENGLISH.replace("Five", "Six")), of(ARABIC.replace("خمس", "ست")), marks))
    assert both["article-2"] == "changed first second"
    spaces = told(paired(of(ENGLISH.replace("Five years", "Five  years")), of(ARABIC), marks))
    assert spaces["article-2"] == "translated"


def test_new_numbers_do_not_make_what_was_translated_changed() -> None:
    marks = mark_all(ENGLISH, ARABIC)
    english = ENGLISH.replace("Article 2", "Article 2 New\nNew words.\nArticle 3")
    arabic = ARABIC.replace("المادة الثانية", "المادة الثانية الجديدة\nكلام جديد.\nالمادة الثالثة")
    rows = told(paired(of(english), of(arabic), marks))
    assert rows["article-3"] == "translated"
    assert rows["article-2"] == "changed first second"
    alone = told(paired(of(english), of(ARABIC), marks))
    assert alone["article-3"] == "missing"


def test_a_clause_of_one_side_alone_is_missing_and_stands_behind_its_neighbour() -> None:
    rows = paired(of("1. a\n2. b"), of("0. z\n1. a\n5. e\n2. b"), [])
    assert [(row.key, row.status) for row in rows] == [
        ("0", "missing"),
        ("1", "untranslated"),
        ("5", "missing"),
        ("2", "untranslated"),
    ]


def test_marks_of_the_same_keys_are_replaced_and_their_number_has_a_bound() -> None:
    marks = [TranslationMark(str(number), ("a", "b"), (1, 1), "ali", 0) for number in range(MAX_CLAUSES)]
    again = marked(
        marks,
        [TranslationMark("3", ("c", "d"), (2, 2), "bea", 1), TranslationMark("new", ("e", "f"), (2, 2), "bea", 1)],
    )
    assert len(again) == MAX_CLAUSES
    assert [mark.key for mark in again[-2:]] == ["3", "new"]
    assert again[0].key == "1"


@pytest.mark.parametrize(
    "line", ["Article \u0131 Scope", "art\u0131cle 3 Scope", "\u017fection 2 Scope", "ART\u0130CLE 1", "Article IL"]
)
def test_letters_that_only_look_like_a_marker_make_none_and_break_nothing(line: str) -> None:
    assert len(of(f"{line}\nText.\nArticle 2 Term\nText.")) >= 1
