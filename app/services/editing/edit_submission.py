"""An edit, or a whole new text, on its way into its document's queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.core.origin import Origin, origin_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.domain.documents import EditError
    from dossier_realtime.ot.difference import Hunk
    from dossier_realtime.protocol.commands import EditPayload


@dataclass(slots=True, eq=False)
class EditSubmission:
    """An edit on its way to its document.

    `answer` gets the version that it became, or why it did not. The connection `connection_id` gets no other notice of
    its own versions; it is empty for an edit over HTTP. `whole`: instead of an edit, the document's new text; `hunks`:
    how it came from the text of version `expected`, where that is known. `holds`: whether the author has the right
    still; asked before a commit.
    """

    connection_id: str
    user_id: str
    user_name: str
    answer: Callable[[int | EditError], None]
    edit: EditPayload | None = None
    whole: str = ""
    expected: int = 0
    role: str = ""
    hunks: list[Hunk] | None = None
    answered: bool = False
    holds: Callable[[], bool] = lambda: True
    origin: Origin | None = field(default_factory=origin_now.get)

    def reply(self, outcome: int | EditError) -> None:
        """Answer the author; later answers have no effect."""
        if not self.answered:
            self.answered = True
            self.answer(outcome)
