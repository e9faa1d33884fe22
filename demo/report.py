"""What happened, counted; and what should not have happened, one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_SHOWN = 20  # surprises that are printed in full


class Facts:
    """The counts of one run. `connections` are authenticated sessions, each return of one counted again."""

    def __init__(self) -> None:
        self.people = 0
        self.connections = 0
        self.reconnections = 0
        self.sent = 0
        self.acknowledged = 0
        self.received = 0
        self.edits = 0
        self.expected: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.surprises: list[str] = []
        self.heads: dict[str, int] = {}

    def acked(self, channel: str | None, offset: int | None) -> None:
        """An event was accepted and is durable."""
        self.acknowledged += 1
        if channel is not None and offset is not None:
            self.heads[channel] = max(offset, self.heads.get(channel, 0))

    def refusal(self, rule: str, *, got: bool, of: str) -> None:
        """A refusal by `rule` was due to `of`; did it come?"""
        self.expected[rule] += 1
        if got:
            self.refused[rule] += 1
        else:
            self.surprise(f"{of} should have been refused ({rule}) and was not")

    def surprise(self, what: str) -> None:
        """Something did not happen as it should."""
        self.surprises.append(" ".join(what.split()))

    def lines(self) -> Iterable[str]:
        """The summary, one `what  number` a line, and then the surprises."""
        rows = {
            "people": self.people,
            "connections": self.connections,
            "reconnections": self.reconnections,
            "events published": self.sent,
            "events acked": self.acknowledged,
            "events received": self.received,
            "edits confirmed": self.edits,
            "refusals expected": self.expected.total(),
            "refusals got": self.refused.total(),
            **{f"refused {rule}": count for rule, count in sorted(self.refused.items())},
            "surprises": len(self.surprises),
        }
        yield from (f"{what:<28}{number:>8}" for what, number in rows.items())
        yield from (f"surprise: {surprise}" for surprise in self.surprises[:_SHOWN])
        if len(self.surprises) > _SHOWN:
            yield f"surprise: and {len(self.surprises) - _SHOWN} more"
