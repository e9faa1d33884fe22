"""The client of the real-time service (docs/protocol.md#client-interface)."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from functools import partial
from secrets import token_urlsafe
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from msgspec import UNSET, UnsetType

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.commands import AcknowledgeAlert, AlertAckPayload, PresenceChange
from dossier_realtime.protocol.domain.inbox import InboxState
from dossier_realtime.protocol.events import AlertState, Event
from dossier_realtime.protocol.fields import Activity, Position, Status
from dossier_realtime.protocol.responses import Ack

from .briefs import BriefCalls
from .callbacks import Callbacks, OnError, OnMessage, OnPresence, OnUnknown
from .documents.comments import DocumentComments
from .editor import FLUSH_SECONDS, DocumentEditor
from .errors import ConnectionClosed, NotSubscribed
from .inbox import InboxCalls
from .io.connection_runner import ConnectionRunner
from .io.document_subscription import raise_unsaved
from .io.endpoint import TokenSource, check_token, check_url, http_address, tls_context
from .io.http_calls import HttpCalls
from .io.listeners import Listeners
from .io.subscription_state import SubscriptionState
from .state.backoff import Backoff
from .state.channel_state import beginning
from .state.connection import ClientConnection
from .state.document_replica import DocumentReplica
from .state.effects import (
    Changed,
    CommentsChanged,
    ConnectionState,
    CursorsMoved,
    Dial,
    Drop,
    Effect,
    EnterState,
    Opened,
    Reject,
    Renew,
    Settle,
    Settled,
    StatusChanged,
    Synced,
    Write,
)
from .state.outbound_frames import Message, Sendable, command_frame, frame_of
from .state.presence import PresenceState
from .state.session import ClientSession
from .subscription import Subscription
from .together.field_lock import LockCalls

_ID_BYTES = 16  # of chance in the id of an edit


class DossierRealtimeClient(BriefCalls, InboxCalls, LockCalls):
    """A connection that reconnects by itself, its subscriptions and its sends; for one user and one event loop.

        async with DossierRealtimeClient(token, url) as client:
            client.subscribe("dossier:country:SA", on_message=print)

    `token`: a token, or an async function that returns a fresh one; it is called for every connection and before a
    token expires, and may raise AuthFailed to give up. `url`: `wss://…/v1` with TLS 1.3 and a verified certificate
    (`ssl_context` for a private certificate authority); `ws://` only to this machine, unless `insecure`.
    The time-outs are in seconds.

    Raises:
        ValueError: for an address that is not safe or not usable (blanks, a user, another scheme).
        TypeError: for a token that is neither a string nor a function.
    """

    def __init__(
        self,
        token: TokenSource,
        url: str,
        *,
        insecure: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        connect_timeout: float = 10.0,
        send_timeout: float = 120.0,
        backoff: Backoff | None = None,
    ) -> None:
        check_token(token)
        secure = check_url(url, ("ws", "wss"), insecure=insecure)
        tls = tls_context(ssl_context, insecure=insecure) if secure else None
        self.close_timeout = FLUSH_SECONDS
        """The longest wait, in seconds, of `close` and of the end of `async with` for edits that are not saved yet."""
        self._session = ClientSession(send_timeout)
        self._connection = ClientConnection(
            self._session, backoff or Backoff(), random.random, renewable=not isinstance(token, str)
        )
        self._http = HttpCalls(token, http_address(url), insecure=insecure, ssl_context=tls, timeout=connect_timeout)
        self._runner = ConnectionRunner(self._connection, url, token, tls, connect_timeout, self._on_effect)
        self._listeners = Listeners(self._runner.spawn, self._detached)
        self._sends: dict[str, asyncio.Future[Settled]] = {}
        self._editors: dict[str, DocumentEditor] = {}
        self._entered = asyncio.Event()
        self._connecting = 0  # calls of `connect` that wait

    # --- the connection --------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect and authenticate, with as many attempts as that takes, and return when it is done.

        A call that is cancelled before the client was ever authenticated leaves no connection behind; `connect` may be
        called again.

        Raises:
            AuthFailed, ConnectFailed, ConnectionClosed: where no attempt can succeed (token, address, certificate).
            UnusableToken: for a token function that is not async or returns no token; a TypeError too.
        """
        self._runner.perform(self._connection.start())
        self._connecting += 1
        try:
            while self.state is not ConnectionState.AUTHENTICATED:
                self._still_wanted()
                self._entered.clear()
                await self._entered.wait()
        except asyncio.CancelledError:
            if self._connecting == 1 and self._connection.granted is None:
                self._runner.abandon()
            raise
        finally:
            self._connecting -= 1

    async def close(self) -> None:
        """Save the edits that wait, for `close_timeout` seconds at most, then close the connection.

        Subscriptions end, waiting sends raise ConnectionClosed, no callback follows.

        Raises UnsavedEdits, with the texts, where edits of open documents could not be saved; the client is closed.
        """
        await self._close(None)

    async def _close(self, error: BaseException | None) -> None:
        unsaved: dict[str, str] = {}
        causes: list[str] = []
        try:
            editors = [editor for editor in self._editors.values() if not editor.closed and editor.unsaved]
            if editors:
                await asyncio.gather(*(editor.flush(self.close_timeout) for editor in editors))
        finally:
            for editor in self._editors.values():
                if not editor.closed and editor.unsaved:
                    unsaved |= editor.unsaved
                    causes.append(editor.why_unsaved)
            await self._end()
        if unsaved:
            raise_unsaved(unsaved, error, causes)

    async def _end(self) -> None:
        self._runner.perform(self._connection.close())
        self._listeners.stop()
        await self._runner.stop()
        await self._http.close()

    async def __aenter__(self) -> Self:
        try:
            await self.connect()
        except BaseException as error:
            await self._close(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(error)

    @property
    def state(self) -> ConnectionState:
        """The state of the connection (docs/protocol.md#client-interface)."""
        return self._connection.state

    @property
    def session_id(self) -> str | None:
        """The id of the session at the server, kept over a reconnect. None before the first `auth_success`."""
        return self._connection.granted.session_id if self._connection.granted else None

    @property
    def user_id(self) -> str | None:
        """The id of the user whom the token names. None before the first `auth_success`."""
        return self._connection.granted.user_id if self._connection.granted else None

    @property
    def permissions(self) -> tuple[str, ...]:
        """The permissions of the token, such as `read:dossier:country:*`. Empty before the first `auth_success`."""
        return tuple(self._connection.granted.permissions) if self._connection.granted else ()

    @property
    def recovering(self) -> frozenset[str]:
        """The subscribed channels that are not confirmed on this connection, or whose missed events are still to come.

        After a reconnect the state is `authenticated` before this is empty. `Subscription.status` is that of one
        channel.
        """
        return self._session.recovering

    def on_state(self, callback: Callable[[ConnectionState], Any]) -> None:
        """Call `callback`, sync or async, with every new state."""
        self._listeners.on_state.append(callback)

    def on_event(self, callback: Callable[[Event], Any]) -> None:
        """Call `callback` with the messages that belong to no subscription.

        These are the rate-limit messages, and the events of the user's own channel `user:{id}` while that channel is
        not subscribed.
        """
        self._listeners.on_event.append(callback)

    def on_unknown(self, callback: OnUnknown) -> None:
        """Call `callback` with each message of a type that this version of the SDK does not know, of any channel."""
        self._listeners.on_unknown.append(callback)

    def on_inbox(self, callback: Callable[[InboxState], Any]) -> None:
        """Call `callback` when the user's inbox was marked or snoozed on any device, or a snoozed entry came back.

        `state.payload.unread` is the number of unread entries at that place of the channel; each new event on
        `user:{id}` that needs attention makes it one more. After a reconnect, `unread()` returns the number.
        """
        self._listeners.on_inbox.append(callback)

    def on_error(self, callback: OnError) -> None:
        """Call `callback` with the errors that belong to no subscription and no send."""
        self._listeners.on_error.append(callback)

    # --- channels --------------------------------------------------------------------------------

    def subscribe(
        self,
        channel: str,
        on_message: OnMessage | None = None,
        on_presence: OnPresence | None = None,
        on_error: OnError | None = None,
        *,
        on_unknown: OnUnknown | None = None,
        include_presence: bool | None = None,
        since: Position | int | None = None,
        last: int | None = None,
        hidden: bool = False,
    ) -> Subscription:
        """Subscribe to a channel, over all reconnects, until `unsubscribe`. May be called before `connect`.

        `include_presence` is True by default where `on_presence` is given. `since`: begin with the events after that
        position, or after that offset of the present epoch; `last`: begin with the last 1 to 100 events. Missed events
        are read as fast as they are consumed. `hidden`: take no part in presence (needs `admin`). `on_unknown` receives
        the channel's messages of types that a later version of the service has added; without it they are passed over.
        A channel may be subscribed several times; the first call decides `since`, `last` and `hidden`.

        Raises:
            ValueError: for an invalid channel name, `since` or `last`.
            ConnectionClosed: after the client's end.
        """
        channels.parse(channel)
        begin = beginning(since, last)
        self._still_wanted()
        state = self._session.channel_states.get(channel)
        if state is not None and (begin is not None or hidden != state.hidden):
            raise ValueError(f"{channel} is subscribed already; unsubscribe before you change since, last or hidden")
        callbacks = Callbacks(on_message, on_presence, on_error, on_unknown)
        subscription = SubscriptionState(channel, self._runner.spawn, callbacks, self._runner.flow)
        self._listeners.add(subscription)
        if state is not None and state.live:
            subscription.ready(state.position)
            if state.presence is not None:
                subscription.presence(state.presence)
        presence = on_presence is not None if include_presence is None else include_presence
        self._runner.perform(self._session.subscribe(channel, presence=presence, hidden=hidden, since=begin))
        return Subscription(subscription, self._listeners.leave, self._session.status, iterable=on_message is None)

    def presence(self, channel: str) -> PresenceState:
        """Return the users on the channel; empty until the server has sent them. Raises NotSubscribed."""
        state = self._session.channel_states.get(channel)
        if state is None or not state.include_presence:
            raise NotSubscribed(f"Subscribe to {channel} with include_presence=True to know who is there")
        return state.presence or PresenceState()

    async def update_presence(
        self,
        channel: str,
        *,
        status: Status | UnsetType = UNSET,
        activity: Activity | UnsetType = UNSET,
        field: str | UnsetType | None = UNSET,
    ) -> None:
        """Announce the user's activity on a subscribed channel, now and after each reconnect; `field=None`: no field.

        A refusal goes to the `on_error` of the channel. Raises NotSubscribed, and ValueError for an invalid value.
        """
        change = PresenceChange(status=status, activity=activity, field=field)
        self._runner.perform(self._session.update_presence(channel, change))

    def _show_field(self, channel: str, field: str) -> Callable[[], None]:
        effects, before = self._session.show_field(channel, field)
        self._runner.perform(effects)
        return lambda: self._runner.perform(self._session.shown_no_more(channel, field, before))

    def document(self, document_id: str) -> DocumentEditor:
        """Open a document for editing with others, over all reconnects, until its `close`.

        May be called before `connect`. Needs `read` on `document:{document_id}`, and `write` for edits to be accepted.
        While it is open, each call returns the same editor.

        Raises ValueError for an invalid id, ConnectionClosed after the client's end.
        """
        channel = channels.document(document_id)
        channels.parse(channel)
        self._still_wanted()
        editor = self._editors.get(channel)
        if editor is None or editor.closed:
            new_id = partial(token_urlsafe, _ID_BYTES)
            replica = DocumentReplica(channel, new_id, self._session.next_ref, self._session.pace)
            editor = DocumentEditor(replica, self._runner.spawn, self._runner.perform, self._close_document)
            editor.comments = DocumentComments(replica, self._http, self._runner.spawn, editor.subscription)
            editor.show_field = partial(self._show_field, channel)
            self._editors[channel] = editor
            self._listeners.add(editor.subscription)
            self._runner.perform(self._session.open_document(replica))
        return editor

    async def send(
        self,
        channel: str,
        message: Message,
        *,
        idempotency_key: str | None = None,
        wait_for_rate: bool = True,
    ) -> Ack:
        """Send an event, wait until it is durable, and return its `Ack(channel, offset, epoch)`.

        `message` is the contract's JSON (`{"type": "dossier_update", "payload": {…}}`) or an event's Struct; the
        server writes the author and the time. It is sent again after every reconnect until it is answered, under one
        idempotency key, and so takes effect once. With `wait_for_rate` it waits while the rate limit is exceeded.

        Raises:
            TypeError, ValueError: for a message that is no event.
            QueueFull: while 1,000 sends wait for their answer.
            DeniedError: at once, with `retry_after`, where the rate limit is exceeded and `wait_for_rate` is False.
            TimedOut, ConnectionClosed: where no answer came.
        """
        self._still_wanted()
        ref, key = self._session.next_ref(), idempotency_key or uuid4().hex
        answer = await self._answer(ref, frame_of(channel, message, ref, key), key, patient=wait_for_rate)
        assert isinstance(answer, Ack)  # noqa: S101  an event is answered by nothing else
        return answer

    async def acknowledge(self, commitment_id: str, reason: str = "") -> str:
        """Acknowledge the alert about a commitment, and wait until that is durable.

        Returns the id of the user whose acknowledgement holds: the client's own user, or another one who was first.
        Every user who was alerted gets `alert_state`. The message is sent again after every reconnect until it is
        answered; to acknowledge twice has no further effect. `reason` (500 characters) stands in the `hands` of a
        commitment that is registered.

        Raises:
            ValueError: for an invalid id.
            DeniedError: where the user was not alerted about the commitment.
            QueueFull, TimedOut, ConnectionClosed: as `send`.
        """
        payload = AlertAckPayload(commitment_id, reason or None)
        answer = await self._command(lambda ref: AcknowledgeAlert(payload=payload, ref=ref))
        first = answer.payload.acknowledged_by if isinstance(answer, AlertState) else self.user_id
        return first or ""

    async def _command(self, make: Callable[[str], Sendable], key: str = "") -> Settled:
        self._still_wanted()
        ref = self._session.next_ref()
        return await self._answer(ref, command_frame(make(ref)), key)

    async def _answer(self, ref: str, frame: bytes, key: str = "", *, patient: bool = True) -> Settled:
        loop = asyncio.get_running_loop()
        taken = self._session.send(ref, frame, key, loop.time(), patient=patient)
        answer: asyncio.Future[Settled] = loop.create_future()
        self._sends[ref] = answer
        try:
            self._runner.perform(taken)
            return await answer
        finally:
            del self._sends[ref]
            self._session.forget(ref)

    # --- effects of the connection ---------------------------------------------------------------

    def _on_effect(self, effect: Effect) -> None:
        match effect:
            case Settle(ref, settled):
                if (answer := self._sends.get(ref)) is not None and not answer.done():
                    answer.set_result(settled)
            case Reject(ref, error):
                if (answer := self._sends.get(ref)) is not None and not answer.done():
                    answer.set_exception(error)
            case Opened() | Changed() | CursorsMoved() | CommentsChanged() | Synced() | StatusChanged():
                if (editor := self._editors.get(effect.channel)) is not None:
                    editor.dispatch(effect)
            case Dial() | Renew() | Write() | Drop():
                raise AssertionError("the runner carries these out")
            case _:
                self._listeners.dispatch(effect)
                if isinstance(effect, EnterState):
                    self._entered.set()
                    for document in tuple(self._editors.values()):
                        document.refresh_status()

    def _close_document(self, editor: DocumentEditor) -> None:
        self._session.close_document(editor.channel)
        self._listeners.leave(editor.subscription)
        del self._editors[editor.channel]

    def _detached(self, channel: str) -> None:
        self._runner.perform(self._session.unsubscribe(channel))

    def _still_wanted(self) -> None:
        if self._connection.finished:
            raise self._connection.error or ConnectionClosed("The client was closed; make a new one to go on")
