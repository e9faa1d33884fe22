"""Operators' rows and the facts that they tell: each reader gets those that the reader may see.

Source: docs/protocol.md#derived-facts.

A row that was derived from channels says so in `channels` (names, separated by blanks) and `level` (their highest level
then); one with names of users says `personal`. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec
from msgspec import Struct, structs

from dossier_realtime.protocol.authorization import Fact, Identity, SettingsOf, may_see
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.events import OpsStats

Value = str | float | bool | None
Row = dict[str, Value]
_MARKS = frozenset({"channels", "level", "personal"})


class OpsReport(Struct):
    """A node's words of a second, before it is known who reads it.

    `restricted`: by level, the part of the message's values that was counted on channels of that level.
    """

    message: OpsStats
    restricted: dict[str, dict[str, float]] = {}

    def seen_by(self, identity: Identity, settings_of: SettingsOf) -> OpsStats:
        """Return the message without the rows and the counts that the reader may not see."""
        payload = self.message.payload
        rows = [row for row in payload.rows if may_see(identity, fact_of(row), settings_of)]
        hidden = Counter[str]()
        for level, counts in self.restricted.items():
            if not may_see(identity, Fact(level=Clearance.strict(level), personal=True), settings_of):
                hidden.update(counts)
        if not hidden and len(rows) == len(payload.rows):
            return self.message
        values = {name: value - hidden[name] for name, value in payload.values.items()}
        values = {name: value for name, value in values.items() if value or name not in hidden}
        return structs.replace(self.message, payload=structs.replace(payload, values=values, rows=rows))


def marked(values: Mapping[str, Value], fact: Fact) -> Row:
    """Return a row that says which fact it tells."""
    row: Row = dict(values)
    if fact.channels:
        row |= {"channels": " ".join(fact.channels), "level": fact.level.label}
    return row | {"personal": True} if fact.personal else row


def merged(row: Row, before: Row | None) -> Row:
    """Return a row over what was said before about the same: derived from the channels of both."""
    if before is None:
        return row
    return marked({**before, **row}, fact_of(before).joined(fact_of(row)))


def unmarked(row: Mapping[str, Value]) -> Row:
    """Return what a row tells, without the fact that it is."""
    return {name: value for name, value in row.items() if name not in _MARKS}


def fact_of(row: Mapping[str, object]) -> Fact:
    """Return the fact that a row tells. A row that names channels and no known level has the highest."""
    channels = tuple(str(row.get("channels") or "").split())
    level = Clearance.strict(str(row.get("level"))) if channels else Clearance.PUBLIC
    return Fact(channels, level, personal=bool(row.get("personal")))


def encode_report(report: OpsReport) -> bytes:
    """Return the report as nodes pass it on; no client receives it so."""
    return _encode(report)


def decode_report(body: bytes) -> OpsReport:
    """Read a report. Raises msgspec.DecodeError for anything else."""
    return _reports.decode(body)


_encode = msgspec.json.Encoder().encode
_reports = msgspec.json.Decoder(OpsReport)
