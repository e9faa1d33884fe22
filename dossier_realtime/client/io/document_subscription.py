"""The subscription of a document that is edited."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dossier_realtime.protocol.fields import Position

from ..callbacks import Callbacks
from ..errors import RealtimeError, UnsavedEdits
from .callback_queue import Spawn, logger
from .subscription_state import SubscriptionState


class DocumentSubscription(SubscriptionState):
    """The subscription of a document: its end and its errors. Its operations go to the replica directly."""

    def __init__(
        self, channel: str, spawn: Spawn, on_error: Callable[[Exception], None], on_end: Callable[[], None]
    ) -> None:
        super().__init__(channel, spawn, Callbacks(on_error=on_error))
        self._on_end = on_end

    def event(self, event: object, position: Position | None, *, recovered: bool = False) -> bool:
        """Take an event; the replica has it already."""
        return True

    def end(self, error: RealtimeError | None) -> None:
        """End the subscription, with its error."""
        super().end(error)
        self._on_end()


def raise_unsaved(texts: dict[str, str], error: BaseException | None, causes: Iterable[str]) -> None:
    """Raise UnsavedEdits; beside another `error`, which goes on, log it and note it there.

    `causes`: for each document why its edits were not saved, where more is known than that there was no answer.
    """
    unsaved = UnsavedEdits(texts, "; ".join(filter(None, causes)))
    if error is None:
        raise unsaved
    logger.error("%s", unsaved)
    error.add_note(str(unsaved))
