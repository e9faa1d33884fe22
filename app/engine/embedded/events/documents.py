"""Operations of documents in one process: versions are events of the document's own stream."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from app.engine.embedded.events.broker import EmbeddedBroker
from app.engine.embedded.events.event_log import DocumentEnd
from app.engine.embedded.events.log_access import LogAccess
from app.engine.embedded.events.operation_ids import STREAM, known
from app.engine.ports.documents import NO_EXTRAS, CommitExtras, KnownOperation, OperationKey, Version


class EmbeddedDocuments:
    """`ports.DocumentStore` on the event log."""

    def __init__(self, access: LogAccess, broker: EmbeddedBroker, now: Callable[[], float]) -> None:
        self._writer, self._reader, self._log, self._broker = access.writer, access.reader, access.log, broker
        self._now = now

    def append(
        self,
        channel: str,
        tip: int,
        versions: Sequence[Version],
        epoch: str = "",
        extras: CommitExtras = NO_EXTRAS,
    ) -> Awaitable[object]:
        end = DocumentEnd(channel, tip, epoch)
        work = partial(self._log.append_at, end=end, versions=tuple(versions), now=self._now(), extras=extras)
        return self._writer.submit(work, self._broker.appended)

    async def known(self, channel: str, keys: Sequence[OperationKey]) -> Mapping[OperationKey, KnownOperation]:
        return await self._reader.run(partial(known, channel=channel, keys=tuple(keys)))

    async def keep_snapshot(self, channel: str, version: int, state: bytes) -> None:
        self._writer.post(partial(_keep, channel=channel, version=version, state=state))

    async def snapshot(self, channel: str, version: int) -> tuple[int, bytes] | None:
        return await self._reader.run(partial(_snapshot, channel=channel, version=version))


def _keep(db: sqlite3.Connection, channel: str, version: int, state: bytes) -> None:
    # The document may have been deleted meanwhile: the version is then none of its present stream.
    found = f"SELECT stream, offset, ? FROM events WHERE stream = {STREAM} AND offset = ?"  # noqa: S608 - ours
    db.execute(f"INSERT OR REPLACE INTO snapshots (stream, version, state) {found}", (state, channel, version))


def _snapshot(db: sqlite3.Connection, channel: str, version: int) -> tuple[int, bytes] | None:
    row: tuple[int, bytes] | None = db.execute(
        f"SELECT version, state FROM snapshots WHERE stream = {STREAM} AND version <= ?"  # noqa: S608 - ours
        " ORDER BY version DESC LIMIT 1",
        (channel, version),
    ).fetchone()
    return row
