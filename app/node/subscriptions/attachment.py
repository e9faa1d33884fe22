"""A connection's place in one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import asyncio

    from dossier_realtime.protocol.events import Event


class Attachment(msgspec.Struct, gc=False):
    """A subscription of one connection. Everything after offset `start` was or will be delivered to it.

    A node may hold 100,000 of them: `gc=False` takes them out of the cyclic garbage collector's work.
    """

    channel: str
    start: int
    catching_up: asyncio.Task[None] | None = None
    hidden: bool = False
    held: tuple[Event, ...] = ()
    """Answers that take their place behind the events that the connection catches up on."""
    epoch: str = ""
    """Of a document: the history of the text that the connection has."""
