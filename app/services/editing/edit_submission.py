"""An edit, or a whole new text, on its way into its document's queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from app.core.origin import Origin, origin_now
from app.engine.ports.documents import OperationKey
from dossier_realtime.protocol.commands import EditPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.domain.documents import EditError, VersionedDocument
    from app.engine.ports.documents import CommitExtras
    from dossier_realtime.ot.operations import Operation
    from dossier_realtime.protocol.fields import DeletedPlace
    from dossier_realtime.protocol.responses import FormatRun

_DIGEST_BYTES = 8  # tells an edit from another one of the same author, who gains nothing by two that meet


@dataclass(frozen=True, slots=True)
class EditAuthor:
    """The author of an edit. `connection_id` gets an answer in place of its own versions; "" for an edit over HTTP."""

    user_id: str
    name: str
    role: str = ""
    connection_id: str = ""


@dataclass(frozen=True, slots=True)
class WholeText:
    """A document's whole new text, made from the text of version `base` of the history `epoch`.

    `epoch` None stands for the present history. `format`: the formatting of all of it; None leaves that of the text
    that stays. `expected`: the version that the document must be at; None merges it with all since `base`. `key`: the
    name of the call, for resends. `operation`: the change of the text at `base`; None until it is found, and where
    there is none: the queue then refuses it.
    """

    text: str
    base: int
    expected: int | None = None
    format: Sequence[FormatRun] | None = None
    key: str | None = None
    operation: Operation | None = None
    epoch: str | None = None


@dataclass(slots=True, eq=False)
class EditSubmission:
    """An edit on its way to its document.

    `answer` is called with the version that the edit became, or with the error for which it was refused. `holds`:
    whether the author still has the right to edit; asked again before a commit. `charged`: the channels and bytes that
    were charged to the author for versions that are not committed yet. `within`: the place of an insert inside of text
    that was deleted meanwhile, as it is decided. `is_reconsidered`: it was refused by a text without what other nodes
    had committed, and is decided once more.

    `extras` returns the records and events that are committed together with the edit, from the document as the edit
    makes it; it may be called several times. They are committed only with a version: an edit that has nothing left to
    do is answered without them. Where a record has moved, the edit is refused with RecordMovedError.
    """

    author: EditAuthor
    change: EditPayload | WholeText
    answer: Callable[[int | EditError], None]
    holds: Callable[[], bool] = lambda: True
    origin: Origin | None = field(default_factory=origin_now.get)
    is_answered: bool = False
    charged: tuple[int, int] = (0, 0)
    within: DeletedPlace | None = None
    epoch: str = ""
    """The history of the text that the author has open; empty where it is not known."""
    is_reconsidered: bool = False
    extras: Callable[[VersionedDocument], CommitExtras] | None = None
    _digest: bytes = b""

    @property
    def key(self) -> OperationKey | None:
        """The name that the author gave the edit; None where there is none."""
        change = self.change
        if isinstance(change, EditPayload):
            return None if change.op_id is None else OperationKey(self.author.user_id, change.op_id)
        # A NUL keeps the keys of calls apart from the ids of edits. An op_id that begins with one meets only the calls
        # of its own user, who would be told that the id was given to another edit.
        return None if change.key is None else OperationKey(self.author.user_id, f"\0{change.key}")

    @property
    def digest(self) -> bytes:
        """The digest of the edit as its author sent it, whatever the order of its members.

        Its author and the history that it names do not count: both may be added where it is sent again. It is empty for
        an edit without a name, and is made once: a long text may become hundreds of versions.
        """
        if not self._digest and self.key is not None:
            self._digest = self._digested()
        return self._digest

    def _digested(self) -> bytes:
        change = self.change
        if isinstance(change, EditPayload):
            body = msgspec.structs.replace(change, op_id=None, epoch=None, user_id=None, user_name=None)
            said = msgspec.json.encode(body, order="sorted")
        else:
            said = msgspec.json.encode((change.text, change.base, change.expected, change.format), order="sorted")
        return blake2b(said, digest_size=_DIGEST_BYTES).digest()

    def reply(self, outcome: int | EditError) -> None:
        """Answer the author; later answers have no effect."""
        if not self.is_answered:
            self.is_answered = True
            self.answer(outcome)
