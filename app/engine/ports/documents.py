"""Operations of documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Version:
    """One operation that becomes one version: the encoded `remote_operation`, its author, and its `op_id`.

    `exclude_connection`: the author's, which gets an `operation_ack` in its place.
    """

    body: bytes
    user_id: str
    op_id: str | None
    exclude_connection: str = ""


@dataclass(frozen=True, slots=True)
class KnownOperation:
    """An operation that was committed before, and the last version that it became."""

    user_id: str
    version: int


class DocumentStore(Protocol):
    """The operations of documents.

    They are the log of the document's channel, each version one publication: the Broker reads, keeps and delivers them
    like events (`offset` is the version), and they count as its commits.
    """

    async def append(self, channel: str, tip: int, versions: Sequence[Version]) -> None:
        """Commit all as versions `tip + 1`, `tip + 2` …, or none; returns when they are durable and delivered.

        Raises TipMoved when `tip` is no longer the last version, and Unavailable (nothing was committed).
        """

    async def known(self, channel: str, op_ids: Sequence[str]) -> Mapping[str, KnownOperation]:
        """Return those of the operations that are in the log. They are remembered as long as the log keeps them."""

    async def keep_snapshot(self, channel: str, version: int, state: bytes) -> None:
        """Keep the document as it was at a version, so that it can be made again without all its log. May be lost."""

    async def snapshot(self, channel: str, version: int) -> tuple[int, bytes] | None:
        """Return the latest snapshot at or before a version, such that every operation after it is kept.

        None: there is none, and the log begins at version 1.
        """
