"""Acts of a connection: recorded before they are done, and not done by who lost the right meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.journal.acts import Act
from app.journal.initiator import Initiator
from app.journal.lanes import ActNotRecorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.journal.acts import ActRecord, Outcome
    from app.node.connections.connection import Connection


class RightLost(Exception):
    """The author's token was revoked, or their right taken, while the act was recorded: it must not be done."""


class Acting:
    """An act of a connection: `record` before it is done, and its outcome when the block ends.

    `stands`: whether its author may do it still; asked after each wait.
    """

    def __init__(self, acts: ActRecord, connection: Connection, stands: Callable[[], bool]) -> None:
        identity = connection.session.identity
        assert identity is not None  # noqa: S101  the session checked
        via = f"session:{connection.session.session_id}"
        self._actor = Initiator(identity.user_id, identity.name, identity.token_id or "", connection.address, via)
        self._acts = acts
        self._stands = stands
        self._done: tuple[int, Act] | None = None
        self.unchanged = False

    async def record(self, act: Act) -> None:
        """Make the act durable. Raises ActNotRecorded and RightLost: then it must not be done."""
        try:
            self._done = await self._acts.begin(self._actor, act), act
        except ActNotRecorded as failed:
            if failed.entry is not None:
                self._acts.end(failed.entry, self._actor, act, "failed")
            raise
        if not self._stands():
            raise RightLost

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._done is not None:
            outcome: Outcome = "failed" if kind is not None else "unchanged" if self.unchanged else "done"
            self._acts.end(self._done[0], self._actor, self._done[1], outcome)
