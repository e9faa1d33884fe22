"""The runner of a connection on the event loop: tokens, sockets, timers and tasks."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ..errors import AuthFailed, ConnectFailed, RealtimeError, UnusableToken
from ..state.connection import ClientConnection
from ..state.effects import ConnectionState, Dial, Drop, Effect, ErrorReport, Renew, Write
from ..state.read_flow import ReadFlow
from .callback_queue import is_of_user_code
from .endpoint import TokenSource, ask
from .transport import Transport, dial
from .unfinished import Unfinished

STANDSTILL_SECONDS = (
    1.0  # seconds that an alarm rings late when the process did not run (a closed lid, a stopped process)
)


class ConnectionRunner:
    """The event loop of one `ClientConnection`. Effects that concern no socket go to `on_effect`."""

    def __init__(
        self,
        connection: ClientConnection,
        url: str,
        token: TokenSource,
        tls: ssl.SSLContext | None,
        connect_timeout: float,
        on_effect: Callable[[Effect], None],
    ) -> None:
        self._connection = connection
        self._url = url
        self._token = token
        self._tls = tls
        self._connect_timeout = connect_timeout
        self._on_effect = on_effect
        self._transport: Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.flow = ReadFlow(self._flow_changed)
        self._held = False
        self._dialling: asyncio.Task[None] | None = None
        self._unfinished = Unfinished()
        self._ended = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._hang_ups: set[asyncio.Task[None]] = set()

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out the effects in order, and set the timer for the next deadline."""
        for effect in effects:
            match effect:
                case Dial():
                    self._begin_dialling()
                case Renew():
                    self._begin_renewal()
                case Write(frame):
                    if self._transport is not None:
                        self._transport.write(frame)
                case Drop(code, reason):
                    self._drop(code, reason)
                case _:
                    self._on_effect(effect)
        if self._held or self.flow.full:
            self._hold_or_go_on()
        self._set_alarm()

    def _flow_changed(self) -> None:
        if self._held or self.flow.full:
            self._hold_or_go_on()
            self._set_alarm()

    def _hold_or_go_on(self) -> None:
        """Pause reading while a subscription is full, unless the program may be waiting for an answer.

        A callback may await that answer, and only the end of the callback makes room.
        """
        ready = self._connection.state is ConnectionState.AUTHENTICATED
        held = ready and self.flow.full and not self._connection.session.awaits_answers
        if held != self._held:
            self._held = held
            self._connection.hold(_now(), held=held)
            if self._transport is not None:
                self._transport.hold(held=held)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Start a task that ends with the client; None where the client has ended already."""
        if self._ended:
            work.close()
            return None
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Cancel every task but the calling one, and wait until the sockets are closed."""
        self._ended = True
        mine = asyncio.current_task()  # a callback may close the client that calls it
        tasks = [task for task in self._tasks if task is not mine]
        for task in tasks:
            task.cancel()
        ending = [*tasks, *self._hang_ups]
        if ending:
            await asyncio.wait(ending)
        await self._unfinished.end()

    def abandon(self) -> None:
        """Stop connecting, as if it had not been started."""
        self._stop_dialling()
        self.perform(self._connection.abandon())

    def _begin_dialling(self) -> None:
        self._dialling = self.spawn(self._dial())
        if self._dialling is not None:
            self._dialling.add_done_callback(self._dialled)

    def _stop_dialling(self) -> None:
        task, self._dialling = self._dialling, None
        if task is not None:
            task.cancel()

    def _dialled(self, task: asyncio.Task[None]) -> None:
        """Report an attempt that ended without an outcome; the connection would wait for one for ever."""
        if task is not self._dialling:
            return  # it was stopped, or another one has begun
        self._dialling = None
        wrong = None if task.cancelled() else task.exception()
        if self._ended or (wrong is None and not task.cancelled()):
            return
        failed = ConnectFailed(f"The attempt to connect broke off ({wrong or 'it was cancelled'!r}); trying again")
        self.perform(self._connection.broke_off(failed, _now()))

    async def _dial(self) -> None:
        try:
            token = await self._fresh_token()
            transport = await dial(
                self._url,
                ssl_context=self._tls,
                timeout=self._connect_timeout,
                on_frame=self._received,
                on_bytes=self._bytes_received,
                on_lost=self._lost,
                unfinished=self._unfinished,
            )
        except UnusableToken as wrong:
            self.perform(self._connection.unusable(wrong, _now()))
        except AuthFailed as refused:
            self.perform(self._connection.give_up(refused))
        except ConnectFailed as failed:
            self.perform(self._connection.refused(failed, _now()))
        else:
            self._transport = transport
            self._held = False
            self.perform(self._connection.opened(token, _now()))

    def _begin_renewal(self) -> None:
        task = self.spawn(self._renew())
        if task is not None:
            task.add_done_callback(self._renewed)

    def _renewed(self, task: asyncio.Task[None]) -> None:
        """Report a renewal that ended without an outcome."""
        wrong = None if task.cancelled() else task.exception()
        if not self._ended and (wrong is not None or task.cancelled()):
            self.perform([ErrorReport(ConnectFailed(f"The renewal broke off ({wrong or 'it was cancelled'!r})"))])

    async def _renew(self) -> None:
        try:
            self.perform(self._connection.renewed(await self._fresh_token()))
        except RealtimeError as failed:
            self.perform([ErrorReport(failed)])  # the old token is valid for a while; then the client reconnects

    async def _fresh_token(self) -> str:
        try:
            async with asyncio.timeout(self._connect_timeout):
                return await ask(self._token)
        except AuthFailed:
            raise
        except BaseException as wrong:
            if not is_of_user_code(wrong):
                raise
            raise ConnectFailed(f"The token source failed ({wrong!r}); it is asked again") from wrong

    def _received(self, frame: str | bytes) -> None:
        self.perform(self._connection.received(frame, _now()))

    def _bytes_received(self) -> None:
        self._connection.bytes_received(_now())

    def _lost(self, code: int, reason: str) -> None:
        self._transport = None
        self.perform(self._connection.lost(code, reason, _now()))

    def _drop(self, code: int, reason: str) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            # Not one of `_tasks`: a close is never cancelled, it ends by itself within its grace.
            task = asyncio.get_running_loop().create_task(transport.close(code, reason))
            self._hang_ups.add(task)
            task.add_done_callback(self._hang_ups.discard)

    def _set_alarm(self) -> None:
        # A send times out also while the client is not connected yet.
        running = self._connection.session.waits or (self._connection.started and not self._connection.finished)
        due = self._deadline(_now()) if running else None
        if self._timer is not None:
            if due is not None and self._timer.when() <= due:
                return  # it fires early, finds nothing due and is set again: cheaper than a new timer a frame
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._alarm, due)

    def _deadline(self, now: float) -> float | None:
        due = [at for at in (self._connection.deadline(now), self.flow.deadline()) if at is not None]
        return max(now, min(due)) if due else None

    def _alarm(self, due: float) -> None:
        self._timer = None
        now = _now()
        if now - due >= STANDSTILL_SECONDS:
            self._connection.stood_still(now)
        self.flow.tick(now)
        self.perform(self._connection.tick(now))


def _now() -> float:
    return asyncio.get_running_loop().time()
