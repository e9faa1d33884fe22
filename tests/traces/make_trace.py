"""Writes own_trace.json: three people who type at once at the same places, in the format of the public traces.

    python -m tests.traces.make_trace

Here too each person sees what the others type only after a while. The text that they end with is found without any
transformation: every character keeps its place in one list for good, deleted or not, and a character that is typed
goes directly behind the one that its author saw on the left, so before what others typed there in the meantime. People
delete only what they typed themselves and nobody types behind it; then this is exactly the rule of the service.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).with_name("own_trace.json")
SEED = 20_261_128
START = "[مذكرة]\n[😀 note]\n[…]\n"
WORDS = (
    ("delegation", "Signature", "annex", "clause 4", "Riyadh"),
    ("تفاهم", "الملحق", "مادة ثالثة", "سفارة", "وفد"),
    ("😀😁😂", "naïve—", "🇸🇦🇫🇷", "e\u0301te\u0301", "👩‍💻 ok"),
)
"""Of each person; typed again and again, letter by letter."""


@dataclass(eq=False)
class Letter:
    """One character. `born`, `gone`: the numbers of the transactions that typed and deleted it; -1 for the start."""

    character: str
    born: int
    gone: int | None = None


@dataclass
class Typist:
    """One person. `lag`: after how many ticks they see what others did; `left`: the letter at the caret's left."""

    agent: int
    lag: int
    left: Letter
    to_type: list[str] = field(default_factory=list)
    typed: list[Letter] = field(default_factory=list)  # of the word at hand


def made() -> str:
    """Return the trace as JSON."""
    dice = random.Random(SEED)  # noqa: S311  repeatable, no secret
    letters = [Letter(character, -1) for character in START]
    places = [letter for letter in letters if letter.character in "[]\n"]
    people = [Typist(agent, lag, places[0]) for agent, lag in enumerate((4, 9, 15))]
    transactions: list[dict[str, object]] = []
    authors: list[int] = []  # of each transaction, and the tick at which it was made
    ticks: list[int] = []
    for tick in range(260):
        for one in people:
            if dice.random() < 0.3:
                continue
            own = {n for n, made_by in enumerate(authors) if made_by == one.agent}
            seen = own | {n for n, when in enumerate(ticks) if when <= tick - one.lag}
            patch = _typed(one, seen, letters, places, len(authors), dice)
            newest = {authors[n]: n for n in sorted(seen)}
            transactions.append({"parents": sorted(newest.values()), "agent": one.agent, "patches": [patch]})
            authors.append(one.agent)
            ticks.append(tick)
    end = "".join(letter.character for letter in letters if letter.gone is None)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in transactions)
    head = {"kind": "concurrent", "startContent": START, "endContent": end, "numAgents": len(people)}
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "txns": [\n{rows}\n]}}\n'


def _typed(
    one: Typist, seen: set[int], letters: list[Letter], places: list[Letter], number: int, dice: random.Random
) -> tuple[int, int, str]:
    """Type or delete a letter, and return it as a patch of the text that its author sees."""
    view = [letter for letter in letters if letter.born in seen or letter.born < 0]
    view = [letter for letter in view if letter.gone is None or letter.gone not in seen]
    if len(one.typed) > 1 and one.to_type and dice.random() < 0.08:
        gone = one.typed.pop()
        position = view.index(gone)
        gone.gone, one.left = number, one.typed[-1]
        return position, 1, ""
    if not one.to_type:
        one.to_type, one.typed, one.left = list(dice.choice(WORDS[one.agent])), [], dice.choice(places[:3])
    letter = Letter(one.to_type.pop(0), number)
    position = view.index(one.left) + 1
    letters.insert(letters.index(one.left) + 1, letter)
    one.typed.append(letter)
    one.left = letter
    return position, 0, letter.character


if __name__ == "__main__":
    FILE.write_text(made(), encoding="utf-8")
