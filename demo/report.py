"""The counts of a run, and one line for each violation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_MAX_PRINTED_VIOLATIONS = 20


DOMAIN_ROWS = (
    "commitments registered",
    "commitments completed",
    "commitments snoozed",
    "levels raised",
    "alerts acknowledged",
    "briefs asked for",
    "briefs written",
    "briefs not written",
    "tasks completed",
    "tasks cancelled",
    "inbox entries read",
    "inbox entries snoozed",
    "facts posted",
    "relationships silent",
)
"""The counts of the office's work on commitments, briefs, tasks and inboxes."""


class SimulationReport:
    """The counts of one run. `connections` counts authentications, each resumption included."""

    def __init__(self) -> None:
        self.people = 0
        self.connections = 0
        self.reconnections = 0
        self.sent = 0
        self.acknowledged = 0
        self.received = 0
        self.edits = 0
        self.expected: Counter[str] = Counter()
        self.domain: Counter[str] = Counter(dict.fromkeys(DOMAIN_ROWS, 0))
        self.refused: Counter[str] = Counter()
        self.violations: list[str] = []
        self.highest_offsets: dict[str, int] = {}

    def count(self, what: str, number: int = 1) -> None:
        """Count something of `DOMAIN_ROWS`."""
        self.domain[what] += number

    def record_ack(self, channel: str | None, offset: int | None) -> None:
        """Count an acknowledged event and keep the highest offset of its channel."""
        self.acknowledged += 1
        if channel is not None and offset is not None:
            self.highest_offsets[channel] = max(offset, self.highest_offsets.get(channel, 0))

    def record_refusal(self, rule: str, *, got: bool, of: str) -> None:
        """Count an expected refusal of `of` by `rule`; `got` is False when it did not come."""
        self.expected[rule] += 1
        if got:
            self.refused[rule] += 1
        else:
            self.record_violation(f"{of} should have been refused ({rule}) and was not")

    def record_violation(self, what: str) -> None:
        """Keep one line about something that went wrong."""
        self.violations.append(" ".join(what.split()))

    def lines(self) -> Iterable[str]:
        """Return the summary, one `name  number` a line, followed by the violations."""
        rows = {
            "people": self.people,
            "connections": self.connections,
            "reconnections": self.reconnections,
            "events published": self.sent,
            "events acked": self.acknowledged,
            "events received": self.received,
            "edits confirmed": self.edits,
            **self.domain,
            "refusals expected": self.expected.total(),
            "refusals got": self.refused.total(),
            **{f"refused {rule}": count for rule, count in sorted(self.refused.items())},
            "violations": len(self.violations),
        }
        yield from (f"{what:<28}{number:>8}" for what, number in rows.items())
        yield from (f"violation: {violation}" for violation in self.violations[:_MAX_PRINTED_VIOLATIONS])
        if len(self.violations) > _MAX_PRINTED_VIOLATIONS:
            yield f"violation: and {len(self.violations) - _MAX_PRINTED_VIOLATIONS} more"
