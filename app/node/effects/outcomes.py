"""Outcomes of messages that take time, counted once each, when they were carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from app.core.sessions.effects import (
    ApplySettings,
    DomainCommand,
    HoldField,
    Join,
    Lasting,
    OpenSession,
    Publish,
    RefuseDocument,
    ShareCursor,
    SubmitEdit,
    UpdateOwnPresence,
    VerifyToken,
)
from app.telemetry.series import message_name
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Auth, ChangeSettings, Subscribe, UpdatePresence
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from app.node.recorder import Recorder
    from app.node.sockets.background import Background


class Outcomes:
    """The counter of outcomes."""

    def __init__(self, recorder: Recorder, background: Background) -> None:
        self._recorder = recorder
        self._background = background

    def begin(self, effect: Lasting, work: Coroutine[Any, Any, ErrorCode | None]) -> asyncio.Task[None]:
        """Start `work`, which carries the effect out and returns its refusal's code, and count its outcome."""
        return self._background.start(self._watch(effect, work))

    def settle(self, effect: Lasting, refused: ErrorCode | None) -> None:
        """Count the message that led to the effect, accepted (None) or refused."""
        self._recorder.record_outcome(_name(effect), refused)

    async def passes(self, effect: Lasting, work: Coroutine[Any, Any, ErrorCode | None]) -> bool:
        """Do the work that precedes an effect; return True unless it was refused. A refusal or a failure is counted."""
        try:
            refused = await work
        except Exception:
            self.settle(effect, ErrorCode.INTERNAL_ERROR)
            raise
        if refused is not None:
            self.settle(effect, refused)
        return refused is None

    async def _watch(self, effect: Lasting, work: Coroutine[Any, Any, ErrorCode | None]) -> None:
        if await self.passes(effect, work):
            self.settle(effect, None)


def _name(effect: Lasting) -> str:
    match effect:
        case VerifyToken() | OpenSession():
            return codec.message_type(Auth)
        case Join() | RefuseDocument():
            return codec.message_type(Subscribe)
        case UpdateOwnPresence():
            return codec.message_type(UpdatePresence)
        case ApplySettings():
            return codec.message_type(ChangeSettings)
        case Publish(inbound):
            return message_name(inbound)
        case SubmitEdit(command) | ShareCursor(command) | HoldField(command) | DomainCommand(command):
            return message_name(command)
        case _:
            assert_never(effect)
