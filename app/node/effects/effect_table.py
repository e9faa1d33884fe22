"""Handlers of effects, by the type of the effect or of the domain's command in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from app.core.sessions.effects import DomainCommand
from app.engine.ports.errors import Unavailable
from app.node.effects.replies import refuse_busy

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from app.core.sessions.effects import Effect
    from app.node.connections.connection import Connection
    from app.node.effects.outcomes import Outcomes
    from app.node.sockets.background import Background
    from dossier_realtime.protocol.errors import ErrorCode

E = TypeVar("E")
Work: TypeAlias = "Coroutine[Any, Any, ErrorCode | None]"
"""Work that replies to its client itself and returns the code of the refusal, None for an accepted message."""


class EffectTable:
    """One row a type. The row's method says in which way its handler runs."""

    def __init__(self, outcomes: Outcomes, background: Background) -> None:
        self._outcomes = outcomes
        self._background = background
        self._rows: dict[type, Callable[[Connection, Any, Any], asyncio.Task[None] | None]] = {}

    @property
    def types(self) -> frozenset[type]:
        """The types of effects and of the domain's commands that have a handler."""
        return frozenset(self._rows)

    def execute(self, connection: Connection, effect: Effect) -> asyncio.Task[None] | None:
        """Begin an effect; a returned task must end before the connection's next message."""
        subject = effect.command if isinstance(effect, DomainCommand) else effect
        return self._rows[type(subject)](connection, effect, subject)

    def at_once(self, kind: type[E], handler: Callable[[Connection, E], asyncio.Task[None] | None]) -> None:
        """Call the handler in place. It counts the outcome of the message itself."""
        self._rows[kind] = lambda connection, _, subject: handler(connection, subject)

    def refused(self, kind: type[E], handler: Callable[[Connection, E], ErrorCode]) -> None:
        """Call the handler in place; it refuses the message."""

        def row(connection: Connection, effect: Any, subject: E) -> None:
            self._outcomes.settle(effect, handler(connection, subject))

        self._rows[kind] = row

    def in_turn(self, kind: type[E], handler: Callable[[Connection, E], Work]) -> None:
        """Run the handler before the connection's next message."""
        self._rows[kind] = lambda connection, effect, subject: self._outcomes.begin(
            effect, _answered(connection, subject, handler)
        )

    def in_turn_while(
        self,
        kind: type[E],
        first: Callable[[Connection, E], Work | None],
        handler: Callable[[Connection, E], Work],
        holds: Callable[[Connection], bool],
    ) -> None:
        """Run `first`, where it returns work, then the handler, unless `first` refused the message.

        The work of `first` ends before the connection's next message. The handler does too, if `holds` is true right
        after it began.
        """

        def begin(connection: Connection, effect: Any, subject: E) -> asyncio.Task[None] | None:
            begun = self._outcomes.begin(effect, _answered(connection, subject, handler))
            return begun if holds(connection) else None

        async def open_(connection: Connection, effect: Any, subject: E, opening: Work) -> None:
            passed = await self._outcomes.passes(effect, _answer(connection, subject, opening))
            begun = begin(connection, effect, subject) if passed else None
            if begun is not None:
                await asyncio.wait([begun])

        def row(connection: Connection, effect: Any, subject: E) -> asyncio.Task[None] | None:
            opening = first(connection, subject)
            if opening is None:
                return begin(connection, effect, subject)
            return self._background.start(open_(connection, effect, subject, opening))

        self._rows[kind] = row

    def concurrent(self, kind: type[E], handler: Callable[[Connection, E], Work]) -> None:
        """Run the handler beside the connection's next messages; handlers begin in the order of the messages."""

        def row(connection: Connection, effect: Any, subject: E) -> None:
            self._outcomes.begin(effect, _answered(connection, subject, handler))

        self._rows[kind] = row

    def uncounted(self, kind: type[E], handler: Callable[[Connection, E], Coroutine[Any, Any, None]]) -> None:
        """Run the handler before the connection's next message; the decision counted that message already."""
        self._rows[kind] = lambda connection, _, subject: self._background.start(handler(connection, subject))


def _answered(connection: Connection, subject: E, handler: Callable[[Connection, E], Work]) -> Work:
    return _answer(connection, subject, handler(connection, subject))


async def _answer(connection: Connection, subject: object, work: Work) -> ErrorCode | None:
    """Do the work; where the store cannot do it now, say so: a message without an answer is waited for in vain."""
    try:
        return await work
    except Unavailable:
        message = getattr(subject, "command", subject)
        return refuse_busy(connection, getattr(message, "ref", None), getattr(message, "channel", None))
