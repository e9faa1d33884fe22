"""The rows of the operators' channels, and the facts they are derived from, by which each reader's are selected.

Source: docs/protocol.md#derived-facts.

A row that was derived from channels has their names in `channels` (separated by blanks) and their highest level at that
time in `level`; one with names of users has `personal`. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from dossier_realtime.protocol.authorization import Fact, Identity, SettingsOf, may_see
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.events import OpsStats

Wire = dict[str, str | float | bool | None]
"""A row as `ops_stats` carries it; the topic of its channel says which of the Structs here it is."""

TextField = str | UnsetType
NumberField = int | float | UnsetType


class OpsRow(Struct, kw_only=True, omit_defaults=True):
    """The fields of rows of every topic: the key of the thing, and the fact that the row is derived from.

    A field that is not set is unchanged: a later row about the same thing keeps the earlier value.
    """

    TOPIC: ClassVar[str] = ""

    key: str = ""
    channels: str = ""
    level: str = ""
    personal: bool = False


class LimitRow(OpsRow, kw_only=True, omit_defaults=True, rename={"rate_class": "class"}):
    """A user at a limit (`warned`, `exceeded`), or with raised limits (`lifted` until a time, `restored`)."""

    TOPIC: ClassVar[str] = "limits"

    user_id: TextField = UNSET
    name: TextField = UNSET
    rate_class: TextField = UNSET
    state: TextField = UNSET
    rate: NumberField = UNSET
    until: NumberField = UNSET


class EndedSessionRow(OpsRow, kw_only=True, omit_defaults=True):
    """Sessions that were ended: those of a token or of a user (`revoked`, issued `until` a time, or `disconnected`)."""

    TOPIC: ClassVar[str] = "sessions"

    state: TextField = UNSET
    token_id: TextField = UNSET
    user_id: TextField = UNSET
    until: NumberField = UNSET


class AlertRow(OpsRow, kw_only=True, omit_defaults=True):
    """An alert of a commitment; times in Unix seconds."""

    TOPIC: ClassVar[str] = "alerts"

    priority: TextField = UNSET
    mou_id: TextField = UNSET
    title: TextField = UNSET
    title_ar: TextField = UNSET
    days_until_deadline: NumberField = UNSET
    responsible_department: TextField = UNSET
    responsible_department_ar: TextField = UNSET
    alert_level: NumberField = UNSET
    next_level_at: NumberField | None = UNSET
    state: TextField = UNSET
    acknowledged_by: TextField | None = UNSET


class BriefRow(OpsRow, kw_only=True, omit_defaults=True):
    """A brief in progress or ended; durations in milliseconds."""

    TOPIC: ClassVar[str] = "briefs"

    state: TextField = UNSET
    brief_type: TextField = UNSET
    estimated_time: NumberField = UNSET
    entity_id: TextField = UNSET
    stage: TextField = UNSET
    progress: NumberField = UNSET
    generation_time: NumberField = UNSET
    error: TextField = UNSET
    error_ar: TextField = UNSET


_Row = TypeVar("_Row", bound=OpsRow)
_ROWS: dict[str, type[OpsRow]] = {row.TOPIC: row for row in (LimitRow, EndedSessionRow, AlertRow, BriefRow)}


class OpsReport(Struct):
    """The report of a node for one second, before the selection for a reader.

    `restricted`: by level, the part of the message's values that was counted on channels of that level.
    """

    message: OpsStats
    restricted: dict[str, dict[str, float]] = {}

    def seen_by(self, identity: Identity, settings_of: SettingsOf) -> OpsStats:
        """Return the message without the rows and the counts that the reader may not see."""
        payload = self.message.payload
        rows = [row for row in payload.rows if may_see(identity, fact_of(msgspec.convert(row, OpsRow)), settings_of)]
        hidden = Counter[str]()
        for level, counts in self.restricted.items():
            if not may_see(identity, Fact(level=Clearance.strict(level), personal=True), settings_of):
                hidden.update(counts)
        if not hidden and len(rows) == len(payload.rows):
            return self.message
        values = {name: value - hidden[name] for name, value in payload.values.items()}
        values = {name: value for name, value in values.items() if value or name not in hidden}
        return structs.replace(self.message, payload=structs.replace(payload, values=values, rows=rows))


def encode_row(row: OpsRow) -> Wire:
    """Return a row as `ops_stats` carries it."""
    wire: Wire = msgspec.to_builtins(row)
    return wire


def decode_rows(topic: str, rows: Iterable[Wire]) -> list[OpsRow]:
    """Return the rows of a topic; one that is not of the topic's form, as another version may send it, is left out."""
    form, found = _ROWS.get(topic), list[OpsRow]()
    for row in rows if form is not None else ():
        try:
            found.append(msgspec.convert(row, form))
        except msgspec.ValidationError:
            continue
    return found


def marked(row: _Row, fact: Fact) -> _Row:
    """Return the row marked with the fact that it is derived from."""
    names, level = (" ".join(fact.channels), fact.level.label) if fact.channels else ("", "")
    return structs.replace(row, channels=names, level=level, personal=fact.personal)


def merged(row: _Row, before: _Row | None) -> _Row:
    """Return a row merged over the earlier one of the same thing; it is derived from the channels of both."""
    if before is None:
        return row
    said = {name: getattr(row, name) for name in row.__struct_fields__}
    known = structs.replace(before, **{name: value for name, value in said.items() if value is not UNSET})
    return marked(known, fact_of(before).joined(fact_of(row)))


def unmarked(row: _Row) -> _Row:
    """Return the row without the fact that it is derived from."""
    return structs.replace(row, channels="", level="", personal=False)


def fact_of(row: OpsRow) -> Fact:
    """Return the fact that a row is derived from. A row with channels and no known level has the highest."""
    names = tuple(row.channels.split())
    return Fact(names, Clearance.strict(row.level) if names else Clearance.PUBLIC, personal=row.personal)


def encode_report(report: OpsReport) -> bytes:
    """Return the encoding of a report between nodes; clients never receive it."""
    return _encode(report)


def decode_report(body: bytes) -> OpsReport:
    """Read a report. Raises msgspec.DecodeError for other bytes."""
    return _reports.decode(body)


_encode = msgspec.json.Encoder().encode
_reports = msgspec.json.Decoder(OpsReport)
