"""Checks of what a generator wrote, before people see it (docs/administrators.md#checks-of-a-written-brief). Pure.

A check says how far a text passes it, from 0 to 1. The confidence of a brief is their product; a text that fails one
is no brief.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

Language = Literal["en", "ar"]
CheckName = Literal["language", "length", "repetition", "sources", "sections"]

MIN_LETTERS: Final = 120
MAX_CHARACTERS: Final = 12_000
SECTIONS: Final[dict[Language, tuple[str, ...]]] = {
    "en": ("Summary", "Recent developments", "Recommended next steps"),
    "ar": ("الملخص", "آخر التطورات", "الخطوات الموصى بها"),
}
"""The headings that a model's brief must have, in this order."""

_PASS: Final[dict[CheckName, float]] = {
    "language": 0.7, "length": 1.0, "repetition": 0.6, "sources": 0.5, "sections": 1.0
}  # fmt: skip
_CITED = re.compile(r"\[(F[0-9]+(?:\s*[,،]\s*F[0-9]+)*)\]")
_FACT = re.compile(r"F[0-9]+")
_SENTENCES = re.compile(r"[^.!?؟\n]+")
_NUMBER = re.compile(r"(?<![\w.])[0-9٠-٩][0-9٠-٩.,٫٬]*")
_WORDS_OF_A_PHRASE = 5


class CheckResult(NamedTuple):
    """The result of one check. `score`: from 0 to 1; `passed`: it reaches what the check asks for."""

    name: CheckName
    score: float
    passed: bool
    note: str = ""


class Review(NamedTuple):
    """The results of all checks of one text."""

    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Return whether every check was passed."""
        return all(result.passed for result in self.results)

    @property
    def confidence(self) -> float:
        """The product of all scores, 0 where a check failed."""
        confidence = 1.0
        for result in self.results:
            confidence *= result.score if result.passed else 0.0
        return round(confidence, 3)

    @property
    def failures(self) -> str:
        """The names and notes of the checks that failed, for the journal."""
        return "; ".join(
            f"{each.name} {each.score:.2f} {each.note}".strip() for each in self.results if not each.passed
        )


def review(text: str, language: Language, facts: dict[str, str]) -> Review:
    """Check a text in a language against the facts that its generator was given, by their ids."""
    return Review(
        (
            _result("language", language_share(text, language)),
            _result("length", _length(text)),
            _result("repetition", variety(text)),
            _sources(text, facts),
            _result("sections", _sections(text, language)),
        )
    )


def language_share(text: str, language: Language) -> float:
    """Return the share of a text's letters that are in the script of a language; 0 without letters.

    Names and codes of the other script are usual in an Arabic text.
    """
    letters = [letter for letter in text if letter.isalpha()]
    if not letters:
        return 0.0
    own = _is_arabic if language == "ar" else str.isascii
    return sum(1 for letter in letters if own(letter)) / len(letters)


def variety(text: str) -> float:
    """Return the share of a text's phrases of five words that are there once; a loop of a model brings it near 0."""
    words = [word.strip("#*-|[](){}.,،؛:;!?؟\"'").lower() for word in text.split()]
    words = [word for word in words if word]
    phrases = Counter(tuple(words[at : at + _WORDS_OF_A_PHRASE]) for at in range(len(words) - _WORDS_OF_A_PHRASE + 1))
    total = sum(phrases.values())
    if not total:
        return 1.0
    return sum(1 for count in phrases.values() if count == 1) / total


def cited(text: str) -> list[str]:
    """Return the ids of facts that a text names in brackets, in their order."""
    return [fact for group in _CITED.findall(text) for fact in _FACT.findall(group)]


def _result(name: CheckName, score: float, note: str = "") -> CheckResult:
    return CheckResult(name, round(score, 3), score >= _PASS[name], note)


def _length(text: str) -> float:
    letters = sum(1 for letter in text if letter.isalpha())
    return 1.0 if letters >= MIN_LETTERS and len(text) <= MAX_CHARACTERS else 0.0


def _sections(text: str, language: Language) -> float:
    """Return 1 where each heading stands on a line of its own, in order, with words below it."""
    places: list[int] = []
    lines = [line.strip().strip("#*: ").casefold() for line in text.splitlines()]
    for heading in SECTIONS[language]:
        start = places[-1] + 1 if places else 0
        found = next((at for at in range(start, len(lines)) if lines[at] == heading.casefold()), None)
        if found is None:
            return 0.0
        places.append(found)
    ends = [*places[1:], len(lines)]
    return 1.0 if all(any(lines[start + 1 : end]) for start, end in zip(places, ends, strict=True)) else 0.0


def _sources(text: str, facts: dict[str, str]) -> CheckResult:
    """Check that every cited fact was given, that enough sentences cite one, and that no number is made up."""
    named = cited(text)
    unknown = sorted(set(named) - facts.keys())
    if unknown:
        return CheckResult("sources", 0.0, passed=False, note=f"cites {', '.join(unknown[:5])}, which was not given")
    known = set(_numbers(" ".join(facts.values()))) | set(_numbers(" ".join(facts)))
    invented = sorted({number for number in _numbers(_CITED.sub("", text)) if number not in known and len(number) > 1})
    if invented:
        return CheckResult("sources", 0.0, passed=False, note=f"has {', '.join(invented[:5])}, which no fact has")
    body = "\n".join(line for line in text.splitlines() if not _is_heading(line))
    sentences = [one for one in _SENTENCES.findall(body) if sum(map(str.isalpha, one)) > 10]
    with_source = sum(1 for sentence in sentences if _CITED.search(sentence))
    return _result("sources", with_source / len(sentences) if sentences else 0.0)


def _is_heading(line: str) -> bool:
    said = line.strip().strip("#*: ").casefold()
    return line.lstrip().startswith("#") or said in {each.casefold() for each in (*SECTIONS["en"], *SECTIONS["ar"])}


def _numbers(text: str) -> Iterable[str]:
    for found in _NUMBER.findall(text):
        yield "".join(str(int(digit)) for digit in found if digit.isdigit())


def _is_arabic(letter: str) -> bool:
    return "\u0600" <= letter <= "\u06ff" or "\u0750" <= letter <= "\u077f" or "\ufb50" <= letter <= "\ufeff"
