"""Bodies and answers of the calls about signed snapshots of documents. Times are Unix seconds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, json

from ..fields import Count, Id, Level, Line, Timestamp
from ..http.revisions import MAX_VERSION_NAME, VersionRef
from ..responses import FormatRun

MAX_PRESENT = 100  # users that a snapshot names; `present_count` is exact
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class SnapshotRequest(Struct, forbid_unknown_fields=True):
    """The version to sign, by number or name, by default the present one; words about it; a name that it gets."""

    version: VersionRef | None = None
    note: Line | None = None
    name: Annotated[str, Meta(min_length=1, max_length=MAX_VERSION_NAME)] | None = None


class SnapshotUser(Struct):
    """A user by id, with the name of the newest token."""

    user_id: Id
    name: str


class SnapshotStatement(Struct, omit_defaults=True, kw_only=True):
    """The words that are signed.

    `epoch` names the history that `version` counts in. `author` and `committed_at`: of the version, by its history.
    `text_sha256` is over the text in UTF-8, `format_sha256` over `format` as JSON without white space. `asked_by`: the
    user who had it signed at `signed_at`, while `present` had the document open; both are absent where the
    channel keeps no presence. `key`: the fingerprint of the key.
    """

    form: int = 1
    document: Id
    epoch: str
    version: Count
    classification: Level
    text_sha256: Sha256
    format_sha256: Sha256
    author: SnapshotUser
    committed_at: Timestamp | None = None
    asked_by: SnapshotUser
    signed_at: Timestamp
    present: list[SnapshotUser] | None = None
    present_count: Count | None = None
    note: Line | None = None
    name: str | None = None
    key: Sha256


class SignedSnapshot(Struct, kw_only=True):
    """A text with its signed statement: the body is the file, byte for byte, that `verify --snapshot` checks.

    `signature`: Ed25519 in base64, over the purpose `snapshot` and the statement.
    """

    statement: SnapshotStatement
    content: str
    format: list[FormatRun]
    signature: str

    @property
    def file(self) -> bytes:
        """The bytes of its file."""
        return json.encode(self)


class KeptSnapshot(Struct, kw_only=True):
    """A signed statement that the service keeps; `id` reads the whole snapshot while its version is kept."""

    id: str
    statement: SnapshotStatement
    signature: str


class KeptSnapshots(Struct, omit_defaults=True):
    """A page of a document's snapshots, oldest first; ask again with `next` as `after`."""

    document: Id
    snapshots: list[KeptSnapshot]
    next: str | None = None
