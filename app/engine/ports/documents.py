"""Operations of documents."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from app.engine.ports.events import PublicationEntry
from app.engine.ports.records import RecordChange


class OperationKey(NamedTuple):
    """The name of an edit: an id of its author's. The same id of another user names another edit."""

    user_id: str
    op_id: str


@dataclass(frozen=True, slots=True)
class Version:
    """One operation that becomes one version: the encoded `remote_operation`, its author, and its `op_id`.

    `exclude_connection`: the author's, which gets an `operation_ack` in its place. `digest` is of the edit as its
    author sent it.
    """

    body: bytes
    user_id: str
    op_id: str | None
    exclude_connection: str = ""
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class KnownOperation:
    """An edit that was committed before: the last version that it became, and the digest of what its author sent.

    The digest is empty for an edit that was committed before digests were kept.
    """

    version: int
    digest: bytes = b""


class CommitExtras(NamedTuple):
    """The part of a commit that is no version: changes of records, and events that follow the versions."""

    changes: Sequence[RecordChange] = ()
    events: Sequence[PublicationEntry] = ()


NO_EXTRAS: Final = CommitExtras()


class EditsKnown(Exception):
    """Raised when edits that were to be committed are remembered: they were committed before."""

    def __init__(self, known: Mapping[OperationKey, KnownOperation]) -> None:
        super().__init__("The store has these edits already: answer them with the versions that they became")
        self.known = known


class DocumentStore(Protocol):
    """The operations of documents.

    They are the log of the document's channel, each version one publication: the Broker reads, keeps and delivers them
    like events (`offset` is the version), and they count as its commits.
    """

    def append(
        self,
        channel: str,
        tip: int,
        versions: Sequence[Version],
        epoch: str = "",
        extras: CommitExtras = NO_EXTRAS,
    ) -> Awaitable[object]:
        """Commit all as versions `tip + 1`, `tip + 2` …, or none; to be awaited until they are durable and delivered.

        `epoch` names the history that they continue; empty for whichever is the present one. `extras` are part of the
        same commit. Raises TipMoved when `tip` is no longer the last version of it, EditsKnown when one of the edits
        was committed before, Moved when a record was changed by another call first, and Unavailable (nothing was
        committed).
        """

    async def known(self, channel: str, keys: Sequence[OperationKey]) -> Mapping[OperationKey, KnownOperation]:
        """Return those of the edits that were committed.

        They are remembered for 24 h, over a restart and however short the log is, within a bound in bytes.
        """

    async def keep_snapshot(self, channel: str, version: int, state: bytes) -> None:
        """Keep the document as it was at a version, so that it can be made again without all its log. May be lost."""

    async def snapshot(self, channel: str, version: int) -> tuple[int, bytes] | None:
        """Return the latest snapshot at or before a version, such that every operation after it is kept.

        None: there is none, and the log begins at version 1.
        """
