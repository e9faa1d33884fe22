"""An edit, or a whole new text, on its way into its document's queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.core.origin import Origin, origin_now
from dossier_realtime.protocol.commands import EditPayload

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.domain.documents import EditError
    from dossier_realtime.ot.difference import Hunk


@dataclass(frozen=True, slots=True)
class EditAuthor:
    """The author of an edit. `connection_id` gets an answer in place of its own versions; "" for an edit over HTTP."""

    user_id: str
    name: str
    role: str = ""
    connection_id: str = ""


@dataclass(frozen=True, slots=True)
class WholeText:
    """A document's whole new text, in place of the text at version `expected`.

    `hunks`: the difference to that text; None until it is found.
    """

    text: str
    expected: int
    hunks: list[Hunk] | None = None


@dataclass(slots=True, eq=False)
class EditSubmission:
    """An edit on its way to its document.

    `answer` is called with the version that the edit became, or with the error for which it was refused. `holds`:
    whether the author still has the right to edit; asked again before a commit.
    """

    author: EditAuthor
    change: EditPayload | WholeText
    answer: Callable[[int | EditError], None]
    holds: Callable[[], bool] = lambda: True
    origin: Origin | None = field(default_factory=origin_now.get)
    is_answered: bool = False

    @property
    def op_id(self) -> str | None:
        """The id that the author gave the edit; None where there is none."""
        return self.change.op_id if isinstance(self.change, EditPayload) else None

    def reply(self, outcome: int | EditError) -> None:
        """Answer the author; later answers have no effect."""
        if not self.is_answered:
            self.is_answered = True
            self.answer(outcome)
