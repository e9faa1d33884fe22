"""Acts of a connection, recorded in the journal before they are done, and not done without the right to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.journal.acts import Act
from app.journal.initiator import Initiator
from app.journal.lanes import ActNotRecorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.journal.acts import ActRecord, Outcome
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext


class RightLostError(Exception):
    """Raised when the token was revoked, or the right taken, while the act was recorded: it must not be done."""


class RecordedAct:
    """One act: `record` makes it durable before it is done; the end of the `async with` block records its outcome.

    `is_allowed` is asked after each wait; false means that the author lost the right. Set `unchanged` for an act that
    found everything as it wanted it.
    """

    def __init__(self, acts: ActRecord, connection: Connection, is_allowed: Callable[[], bool]) -> None:
        identity = connection.session.identity
        assert identity is not None  # noqa: S101  the session checked
        via = f"session:{connection.session.session_id}"
        self._actor = Initiator(identity.user_id, identity.name, identity.token_id or "", connection.address, via)
        self._acts = acts
        self._is_allowed = is_allowed
        self._done: tuple[int, Act] | None = None
        self.unchanged = False

    @classmethod
    def of_token(cls, context: EffectContext, connection: Connection) -> RecordedAct:
        """Return an act that is allowed as long as the connection's token is in force."""
        return cls(context.services.acts, connection, lambda: not context.rights.is_revoked(connection))

    async def record(self, act: Act) -> None:
        """Make the act durable.

        Raises:
            ActNotRecorded: the journal cannot be written; the act must not be done.
            RightLostError: the author lost the right meanwhile; the act must not be done.
        """
        try:
            self._done = await self._acts.begin(self._actor, act), act
        except ActNotRecorded as failed:
            if failed.entry is not None:
                self._acts.end(failed.entry, self._actor, act, "failed")
            raise
        if not self._is_allowed():
            raise RightLostError

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._done is not None:
            outcome: Outcome = "failed" if kind is not None else "unchanged" if self.unchanged else "done"
            self._acts.end(self._done[0], self._actor, self._done[1], outcome)
