"""The inbox of a user as a recording has it: the entries, and what became of each (docs/protocol.md#inbox)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.commands import AcknowledgeNotifications, Command, SnoozeNotification
from dossier_realtime.protocol.domain.inbox import InboxState
from dossier_realtime.protocol.domain.inbox_ids import InboxEvent, entry_id
from dossier_realtime.protocol.inbound import InboundMessage

if TYPE_CHECKING:
    import pandas as pd

    from .entry import Entry

_COMMANDS = ("notification_ack", "notification_snooze")


@dataclass(slots=True)
class RecordedEntry:
    """An entry of an inbox at the end of a recording. Times are Unix seconds; `changed` is None while it is new."""

    id: str
    kind: str
    offset: int
    received: float
    state: Literal["unread", "read", "snoozed"] = "unread"
    changed: float | None = None


def inbox_entries(entries: Iterable[Entry], user: str) -> list[RecordedEntry]:
    """Return what came to a user's inbox, in its order, from all entries of a recording.

    Raises ValueError where the recording withholds the messages that marked entries, as one below `secret` does.
    """
    own, found = channels.user(user), dict[str, RecordedEntry]()
    asked: dict[int, Command | InboundMessage] = {}
    for entry in entries:
        header = entry.header
        if entry.frame is None:
            continue
        if header.kind == "in" and header.type in _COMMANDS:
            asked[header.seq] = codec.decode_command(entry.frame)
        elif header.kind in ("fanout", "recovered") and header.channel == own and header.offset:
            _fold(found, entry, asked.pop(header.cause, None))
    return list(found.values())


def inbox_table(rows: Sequence[RecordedEntry]) -> pd.DataFrame:
    """Return one row an entry, by the time at which it came (UTC)."""
    import pandas as pd  # noqa: PLC0415  only analysts have it

    columns = ["entry", "kind", "offset", "state", "changed"]
    table = pd.DataFrame([(row.id, row.kind, row.offset, row.state, row.changed) for row in rows], columns=columns)
    table["changed"] = pd.to_datetime(table["changed"], unit="s", utc=True)
    received = pd.to_datetime([row.received for row in rows], unit="s", utc=True)
    return table.set_index(pd.DatetimeIndex(received, name="time"))


def _fold(found: dict[str, RecordedEntry], entry: Entry, asked: Command | InboundMessage | None) -> None:
    header = entry.header
    try:
        event = codec.decode_event(entry.frame or b"")
    except msgspec.DecodeError:  # of another version of the protocol
        return
    if isinstance(event, InboxEvent):
        name = entry_id(event) or ""
        found.setdefault(name, RecordedEntry(name, header.type, header.offset, header.at))
    elif isinstance(event, InboxState):
        if event.payload.returned:
            _mark(found, event.payload.returned, "unread", header.at)
        elif isinstance(asked, SnoozeNotification):
            _mark(found, [asked.payload.id], "snoozed", header.at)
        elif event.payload.up_to is not None:
            up_to = event.payload.up_to
            _mark(
                found,
                [row.id for row in found.values() if row.state == "unread" and row.offset <= up_to],
                "read",
                header.at,
            )
        elif isinstance(asked, AcknowledgeNotifications):
            _mark(found, asked.payload.ids or (), "read", header.at)
        else:
            text = f"entry {header.cause} marked an inbox, and this view withholds it"
            raise ValueError(f"{text}; open the recording with clearance='secret'")


def _mark(
    found: dict[str, RecordedEntry], names: Iterable[str], state: Literal["unread", "read", "snoozed"], at: float
) -> None:
    for name in names:
        row = found.get(name)
        if row is not None and row.state != state:
            row.state, row.changed = state, at
