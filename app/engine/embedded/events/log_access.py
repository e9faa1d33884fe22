"""The threads and the log that all parts of the event store share."""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.embedded.events.event_log import EventLog
from app.engine.sqlite.reader import Reader
from app.engine.sqlite.writer import Writer


@dataclass(frozen=True, slots=True)
class LogAccess:
    """Access to one event store. `store` is its id, which all epochs are derived from."""

    writer: Writer
    reader: Reader
    log: EventLog
    store: str
