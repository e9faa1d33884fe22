"""Requests to commit.lua, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from app.engine.ports.documents import KnownOperation, OperationKey
from app.engine.ports.events import IdempotencyKey
from app.engine.ports.records import RecordChange
from app.engine.redis.log.stored_event import StoredEvent, encoded


class Tip(NamedTuple):
    """The last version of a document that its next ones were made for.

    `generation`: of its history; -1 for any. `store`: the id of the store that the history is in; "" for any.
    """

    channel: str
    version: int
    generation: int = -1
    store: str = ""


class EditId(NamedTuple):
    """An id of an edit: its key in the store, the index of the edit's last entry, and the digest of the edit."""

    key: bytes
    entry: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class CommitParts:
    """All that one commit does. `kept` says which events are numbered; `edits` names the ids by their stored keys."""

    events: Sequence[StoredEvent]
    kept: Sequence[bool]
    key: IdempotencyKey | None = None
    changes: Sequence[RecordChange] = ()
    tip: Tip | None = None
    ids: Sequence[EditId] = ()
    edits: Mapping[bytes, OperationKey] | None = None

    def with_changes(self, changes: Sequence[RecordChange]) -> CommitParts:
        """Return the same with more changes of records."""
        return CommitParts(self.events, self.kept, self.key, (*self.changes, *changes), self.tip, self.ids, self.edits)


class RequestArguments:
    """The arguments of one call of commit.lua: the request, and the bytes that it names by their place.

    The script reads MessagePack with text, numbers and lists, and cannot read its binary type.
    """

    def __init__(self, log: str, shared: Mapping[str, Any], parts: CommitParts) -> None:
        self._bytes: list[bytes] = []
        key = parts.key
        kept = zip(parts.events, parts.kept, strict=True)
        self._log, self._fields = (
            log,
            {
                **shared,
                "lane": self._put(shared["lane"]),
                "key": "" if key is None else hashed(key),
                "named": "" if key is None else f"{key.user_id}\0{key.key}",
                "digest": self._put(b"" if key is None else key.digest),
                "entries": [(one.channel, numbered, self._put(encoded(one))) for one, numbered in kept],
                "changes": [self._change(one) for one in parts.changes],
                "tip": parts.tip[:3] if parts.tip is not None else False,
                "ids": [(self._put(one.key), one.entry, self._put(one.digest)) for one in parts.ids],
            },
        )

    def all(self) -> list[str | bytes]:
        """Return the arguments in their order."""
        return [self._log, msgspec.msgpack.encode(self._fields), *self._bytes]

    def _put(self, value: bytes) -> int:
        self._bytes.append(value)
        return len(self._bytes) + 2  # the places of a script's arguments begin with 1

    def _change(self, change: RecordChange) -> tuple[Any, ...]:
        return (
            *(change.kind, change.key, change.revision, False if change.body is None else self._put(change.body)),
            *("\n".join(change.labels), change.order),
            *(False if one is None else one for one in (change.due, change.expires, change.placed_by)),
        )


def hashed(key: IdempotencyKey) -> str:
    """Return the name of a user's key in the store. A user id has no NUL: no two pairs are written alike."""
    return blake2b(f"{key.user_id}\0{key.key}".encode(), digest_size=16).hexdigest()


def known_edits(parts: CommitParts, reply: Sequence[Any]) -> dict[OperationKey, KnownOperation]:
    """Return the edits that a reply names as committed before."""
    edits = parts.edits or {}
    triples = zip(reply[0::3], reply[1::3], reply[2::3], strict=True)
    return {edits[bytes(key)]: KnownOperation(int(version), bytes(digest)) for key, version, digest in triples}
