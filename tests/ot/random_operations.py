"""Documents and operations made of chance. One seed makes the same ones with any Python: only `random()` is drawn."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from dossier_realtime.ot.attributes import PLAIN, applied
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Component, Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes

T = TypeVar("T")

CHARACTERS = "ab مé\n😀𝄞"
CHANGES = (
    Attributes(bold=True),
    Attributes(bold=None),
    Attributes(bold=False, italic=True),
    Attributes(heading=1, list=None),
    Attributes(heading=None, list="bullet"),
    Attributes(underline=True, link="https://example.org/"),
    Attributes(strike=True, bold=True, list=None),
)

Step = tuple[str, int, int]
"""A kind ('r', 'i', 'd' or 'f'), a count of characters, and the index of a text or a change."""


class Chance:
    """The choices of a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  chance that can be run again, no secret

    def below(self, limit: int) -> int:
        """Return one of 0 … limit - 1."""
        return int(self._random.random() * limit)

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.below(len(options))]

    def happens(self, probability: float) -> bool:
        """Return True with this probability."""
        return self._random.random() < probability

    def text(self, longest: int) -> str:
        """Up to `longest` characters."""
        return "".join(self.pick(CHARACTERS) for _ in range(self.below(longest + 1)))

    def steps(self, most: int) -> list[Step]:
        """Up to `most` steps."""
        return [(self.pick("rrriddf"), 1 + self.below(3), self.below(56)) for _ in range(self.below(most + 1))]

    def document(self, longest: int) -> Document:
        """Up to `longest` characters, every second time formatted."""
        document = Document.of(self.text(longest))
        if self.happens(0.5):
            formats = [("f" if kind == "d" else "r", count, which) for kind, count, which in self.steps(6)]
            document = apply(operation_of(formats, document), document)
        return document


def operation_of(steps: Sequence[Step], document: Document) -> Operation:
    """Return the steps walked over the document's characters; what they do not reach stays."""
    components: list[Component] = []
    characters = document.content
    at = 0
    for kind, count, which in steps:
        if kind == "i":
            text = "".join(CHARACTERS[(which + n) % len(CHARACTERS)] for n in range(count))
            attributes = applied(CHANGES[which % len(CHANGES)], PLAIN) if which % 5 == 0 else PLAIN
            components.append(Insert(to_units(text), attributes))
            continue
        length = len(to_units(characters[at : at + count]))
        at += count
        if kind == "d":
            components.append(Delete(length))
        elif kind == "f":
            components.append(Format(length, CHANGES[which % len(CHANGES)]))
        else:
            components.append(Retain(length))
    components.append(Retain(len(to_units(characters[at:]))))
    return Operation.normal(components)
