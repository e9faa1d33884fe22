"""A soft lock on a field or a clause: it says to others that the user works there (docs/protocol.md#soft-locks)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from dossier_realtime.protocol.documents.field_locks import (
    LEASE_SECONDS,
    LockField,
    LockPayload,
    LockState,
    LockStatePayload,
    UnlockField,
    UnlockPayload,
)

from ..errors import FOR_NOW, ConnectionClosed, DeniedError, RealtimeError
from ..io.client_calls import ClientCalls
from ..state.effects import ShowPresence

_RENEWALS = 3  # of a lease, while it runs


class FieldLock:
    """A lock for an `async with` block, renewed while the block runs and released at its end.

        async with client.hold("document:brief-7", "clause.3") as lock:
            if not lock.is_own:
                print(f"{lock.holder.name} works on this clause")

    While another user has the field, it is asked for again with each renewal and as soon as it is free.
    The block runs either way: a lock refuses no edit. `client.presence(channel).locks` has all of a channel.
    """

    def __init__(
        self,
        channel: str,
        payload: LockPayload,
        ask: Callable[[LockField | UnlockField], Awaitable[LockState]],
        user_id: Callable[[], str | None],
        watched: list[Callable[[ShowPresence], None]],
    ) -> None:
        self.channel, self.field = channel, payload.field
        self.holder = LockStatePayload(field=payload.field)
        """The state that the service told last: `user_id`, `name` and `expires_in` of the holder.

        Without `user_id` once a renewal was denied, or could not be told before the lease was over.
        """
        self._told_at = 0.0  # by the clock of the loop
        self._lapse: asyncio.TimerHandle | None = None  # runs while the holder may not be known any more
        self._payload, self._ask, self._user_id = payload, ask, user_id
        self._watched, self._freed = watched, asyncio.Event()
        self._is_asked_for = False
        self._renewing: asyncio.Task[None] | None = None

    @property
    def is_own(self) -> bool:
        """True while the user has the field, as far as the service told."""
        return self.holder.user_id is not None and self.holder.user_id == self._user_id()

    async def take(self) -> bool:
        """Ask for the field once, or hold it longer; True where the user has it then.

        Raises DeniedError, QueueFull, TimedOut and ConnectionClosed.
        """
        self._told((await self._ask(LockField(channel=self.channel, payload=self._payload))).payload)
        return self.is_own

    async def release(self) -> None:
        """Release the field, if the user has it. Raises as `take`."""
        self._told((await self._ask(UnlockField(channel=self.channel, payload=UnlockPayload(self.field)))).payload)

    async def __aenter__(self) -> Self:
        self._watched.append(self._look)  # before: it may be free as soon as it is told to be taken
        try:
            await self.take()
        except BaseException:
            self._watched.remove(self._look)
            raise
        self._renewing = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._renewing is not None:
            self._watched.remove(self._look)
            self._renewing.cancel()
            with suppress(asyncio.CancelledError):
                await self._renewing
        self._no_lapse()
        with suppress(RealtimeError):  # without a connection it ends by itself
            await self.release()

    def _told(self, holder: LockStatePayload) -> None:
        self._no_lapse()
        self.holder, self._told_at = holder, asyncio.get_running_loop().time()

    def _lapse_later(self) -> None:
        """Let the holder be nobody once the lease that was told is over."""
        self._no_lapse()
        until = self._told_at + (self.holder.expires_in or 0)
        self._lapse = asyncio.get_running_loop().call_at(until, self._told, LockStatePayload(field=self.field))

    def _no_lapse(self) -> None:
        if self._lapse is not None:
            self._lapse.cancel()
            self._lapse = None

    def _look(self, shown: ShowPresence) -> None:
        """Note that the field of another user has become free: it is asked for once then."""
        if shown.channel != self.channel:
            return
        if self.field in shown.presence.locks:
            self._is_asked_for = False
        elif not self.is_own and not self._is_asked_for:
            self._freed.set()

    async def _renew(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._payload.seconds / _RENEWALS):
                    await self._freed.wait()
                    self._is_asked_for = True
            self._freed.clear()
            if self.is_own:
                self._lapse_later()  # the answer may take longer than the lease
            try:
                await self.take()
            except RealtimeError as error:
                if isinstance(error, DeniedError) and error.error_code not in FOR_NOW:
                    self._told(LockStatePayload(field=self.field))  # denied now; the next attempt may not be
                else:
                    self._lapse_later()  # no answer says nothing of the lease
                if isinstance(error, ConnectionClosed):
                    return


class LockCalls(ClientCalls):
    """The calls of a client about locks."""

    def hold(self, channel: str, field: str, *, seconds: int = LEASE_SECONDS) -> FieldLock:
        """Return a lock on a field of a subscribed channel, for an `async with` block. `seconds`: its lease, 5 to 300.

        It needs `write`, and is shown with presence. A wrong field or lease is a ValueError when the block begins.
        """

        async def ask(command: LockField | UnlockField) -> LockState:
            answer = await self._command(lambda ref: replace(command, ref=ref))
            assert isinstance(answer, LockState)  # noqa: S101  it is answered by nothing else
            return answer

        return FieldLock(channel, LockPayload(field, seconds), ask, lambda: self.user_id, self._listeners.watching)
