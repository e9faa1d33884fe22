"""Names that no other test of this process uses, also where tests of several files share one service."""

from __future__ import annotations

from itertools import count

_numbers = count(1)


def fresh(word: str) -> str:
    """Return a name of its own that begins with the word."""
    return f"{word}-{next(_numbers)}"
