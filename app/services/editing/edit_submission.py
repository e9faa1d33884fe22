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
    from collections.abc import Callable

    from app.core.domain.documents import EditError
    from dossier_realtime.ot.difference import Hunk

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
    """A document's whole new text, in place of the text at version `expected` of the history `epoch`.

    `epoch` None stands for the present history. `hunks`: the difference to that text; None until it is found.
    """

    text: str
    expected: int
    hunks: list[Hunk] | None = None
    epoch: str | None = None


@dataclass(slots=True, eq=False)
class EditSubmission:
    """An edit on its way to its document.

    `answer` is called with the version that the edit became, or with the error for which it was refused. `holds`:
    whether the author still has the right to edit; asked again before a commit. `charged`: the channels and bytes that
    were charged to the author for versions that are not committed yet.
    """

    author: EditAuthor
    change: EditPayload | WholeText
    answer: Callable[[int | EditError], None]
    holds: Callable[[], bool] = lambda: True
    origin: Origin | None = field(default_factory=origin_now.get)
    is_answered: bool = False
    charged: tuple[int, int] = (0, 0)

    @property
    def key(self) -> OperationKey | None:
        """The name that the author gave the edit; None where there is none."""
        op_id = self.change.op_id if isinstance(self.change, EditPayload) else None
        return None if op_id is None else OperationKey(self.author.user_id, op_id)

    @property
    def digest(self) -> bytes:
        """The digest of the edit as its author sent it, whatever the order of its members.

        Its author and the history that it names do not count: both may be added where it is sent again.
        """
        if not isinstance(self.change, EditPayload):
            return b""
        body = msgspec.structs.replace(self.change, op_id=None, epoch=None, user_id=None, user_name=None)
        return blake2b(msgspec.json.encode(body, order="sorted"), digest_size=_DIGEST_BYTES).digest()

    def reply(self, outcome: int | EditError) -> None:
        """Answer the author; later answers have no effect."""
        if not self.is_answered:
            self.is_answered = True
            self.answer(outcome)
