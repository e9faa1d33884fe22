"""A real server on this machine, for the tests of programs that use the SDK.

It follows the contract, keeps history and idempotency keys, and fails in the ways that a test asks for.

    async with FakeServer() as server, DossierRealtimeClient("any token", server.url) as client:
        client.subscribe("dossier:country:SA", on_message=seen.append)
        await server.seen(Subscribe)
        server.publish({"type": "dossier_update", "channel": "dossier:country:SA", "payload": {…}})
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar

import msgspec
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from dossier_realtime.protocol import channels, codec, responses
from dossier_realtime.protocol.commands import (
    AcknowledgeAlert,
    AcknowledgeNotifications,
    Auth,
    CancelBrief,
    Command,
    Ping,
    RequestBrief,
    SnoozeNotification,
    Subscribe,
    Unsubscribe,
)
from dossier_realtime.protocol.domain.inbox import InboxState
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.events import (
    AlertState,
    AlertStatePayload,
    BriefComplete,
    BriefFailed,
    BriefFailedPayload,
    BriefStarted,
    BriefStartedPayload,
    CommitmentAlert,
    Event,
)
from dossier_realtime.protocol.fields import Position
from dossier_realtime.protocol.inbound import InboundMessage, stamp

from .inbox import FakeInbox, FakePages

Said = Command | InboundMessage
Replies = Callable[[Any], Sequence[Event] | None]
"""A function from a command to its answers (an empty list: no answer); None for the usual answer."""

_Kind = TypeVar("_Kind")
_NOW = 1_758_800_000  # the time of every message
_NUMBERED = ("dossier", "workspace", "relationship", "user", "global")
_PEOPLED = ("dossier", "document", "workspace", "relationship")


class FakeServer:
    """A scripted server. `commands` holds all messages of clients, in order; `handshakes` counts all attempts.

    `replies[Subscribe] = lambda command: [...]` replaces the answer to a kind of command (`InboundMessage`: every
    send). `rosters` holds the users of a channel; without an entry that is the client alone. A new `epoch` makes every
    position void; `history_limit` is the number of events that a channel can recover. What is published on the user's
    channel waits in `inbox`, whatever the history keeps.
    """

    def __init__(self, *, user_id: str = "tester", ssl_context: ssl.SSLContext | None = None) -> None:
        self.user_id = user_id
        self.commands: list[Said] = []
        self.handshakes = 0
        self.replies: dict[type[Any], Replies] = {}
        self.rosters: dict[str, responses.Roster] = {}
        self.epoch = "epoch-1"
        self.history: dict[str, list[Any]] = defaultdict(list)
        self.heartbeat_interval = 30
        self.refusal: tuple[int, int | None] | None = None
        self.connections: list[FakeConnection] = []
        self._sessions: dict[str, int] = {}
        self._acks: dict[str, tuple[str, int]] = {}
        self._cancelled: set[str] = set()
        self._auth_refusal: tuple[ErrorCode, int] | None = None
        self._silent = False
        self._changed = asyncio.Event()
        self.history_limit: int | None = None
        self.inbox = FakeInbox(lambda: channels.user(self.user_id), self._say_state, _NOW)
        http = {"inbox": self.inbox, "refusal": lambda: self.refusal}
        routes: list[Any] = [("/v1", FakeConnection, {"server": self}), ("/v1/(inbox|tasks)", FakePages, http)]
        self._http = HTTPServer(Application(routes), ssl_options=ssl_context)
        self._scheme = "wss" if ssl_context else "ws"
        self.url = ""

    async def __aenter__(self) -> Self:
        sockets = bind_sockets(0, "127.0.0.1")
        self.url = f"{self._scheme}://127.0.0.1:{sockets[0].getsockname()[1]}/v1"
        self._http.add_sockets(sockets)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._http.stop()
        self.drop()
        await self.wait_until(lambda: not self.connections)
        await self._http.close_all_connections()

    # --- sending ---------------------------------------------------------------------------------

    def emit(self, event: Event | Mapping[str, Any]) -> None:
        """Send a message to every client as it is, also one that breaks the protocol."""
        for connection in self.connections:
            connection.say(event)

    def publish(self, event: Mapping[str, Any]) -> Any:
        """Publish an event (the contract's JSON with its `channel`) as the service does; return it, stamped."""
        inbound = codec.decode_command(msgspec.json.encode(event))
        if isinstance(inbound, InboundMessage):
            return self._publish(inbound)
        raise ValueError("Only events can be published; use emit() for other messages")

    # --- failing ---------------------------------------------------------------------------------

    def drop(self) -> None:
        """Cut every connection without a close frame."""
        for connection in list(self.connections):
            connection.cut()

    def close(self, code: int, reason: str = "") -> None:
        """Close every connection."""
        for connection in list(self.connections):
            connection.close(code, reason)

    def go_silent(self, *, silent: bool = True) -> None:
        """Read and commit, but send nothing any more (acks are lost); or send again."""
        self._silent = silent

    def refuse_handshakes(self, status: int | None, retry_after: int | None = None) -> None:
        """Answer handshakes with an HTTP status; None accepts them again."""
        self.refusal = None if status is None else (status, retry_after)

    def refuse_auth(self, error_code: ErrorCode = ErrorCode.INVALID_TOKEN, code: int = CloseCode.AUTH_FAILED) -> None:
        """Refuse every token from now on, and close."""
        self._auth_refusal = (error_code, code)

    # --- received commands -----------------------------------------------------------------------

    def said(self, kind: type[_Kind]) -> list[_Kind]:
        """Return the commands of a kind so far."""
        return [command for command in self.commands if isinstance(command, kind)]

    async def seen(self, kind: type[_Kind], count: int = 1) -> _Kind:
        """Wait for the `count`-th command of a kind, and return it; by then it is answered."""
        await self.wait_until(lambda: len(self.said(kind)) >= count)
        return self.said(kind)[count - 1]

    async def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is checked after each handshake, command and loss."""
        while not true():
            self._changed.clear()
            await self._changed.wait()

    def changed(self) -> None:
        """Let `wait_until` check again."""
        self._changed.set()

    # --- answers ---------------------------------------------------------------------------------

    def heard(self, connection: FakeConnection, command: Said) -> None:
        """Answer a command."""
        self.commands.append(command)
        reply = self.replies.get(type(command))
        said = reply(command) if reply is not None else None
        if said is None:
            self._answer(connection, command)
        for event in said or ():
            connection.say(event)
        self.changed()

    def may_speak(self) -> bool:
        """Return True unless the server is silent."""
        return not self._silent

    def _answer(self, connection: FakeConnection, command: Said) -> None:
        match command:
            case Auth():
                self._authenticate(connection, command)
            case Ping():
                connection.say(responses.Pong(timestamp=_NOW, ref=command.ref))
            case Subscribe():
                self._subscribe(connection, command)
            case Unsubscribe():
                connection.channels.discard(command.channel)
                connection.say(responses.Unsubscribed(channel=command.channel, ref=command.ref))
            case InboundMessage():
                key = command.idempotency_key
                if key is None or key not in self._acks:
                    event = self._publish(command)
                    self._acks[key or ""] = (event.channel, event.offset)
                channel, offset = self._acks[key or ""]
                if command.ref is not None:
                    connection.say(responses.Ack(ref=command.ref, channel=channel, offset=offset, epoch=self.epoch))
            case AcknowledgeAlert():
                connection.say(self._acknowledge(command))
            case CancelBrief():
                connection.say(self._cancel(command))
            case RequestBrief():
                connection.say(self._request(command))
            case AcknowledgeNotifications() | SnoozeNotification():
                connection.say(self._change_inbox(command))
            case _:
                pass

    def _authenticate(self, connection: FakeConnection, auth: Auth) -> None:
        if self._auth_refusal is not None:
            error_code, close_code = self._auth_refusal
            text = "The token is not valid; ask for a new one and authenticate again"
            connection.say(responses.ErrorMessage(error_code=error_code, message=text, timestamp=_NOW, ref=auth.ref))
            connection.close(close_code, text)
            return
        session_id = auth.payload.session_id
        first = connection.session_id is None
        if session_id not in self._sessions:
            session_id = connection.session_id or f"session-{len(self._sessions) + 1}"
            self._sessions.setdefault(session_id, -1)
        assert session_id is not None  # noqa: S101  a key of _sessions
        connection.session_id = session_id
        payload = responses.AuthSuccessPayload(
            user_id=self.user_id,
            session_id=session_id,
            permissions=["admin:*"],
            expires_at=_NOW + 3600,
            heartbeat_interval=self.heartbeat_interval,
            limits=responses.RateLimits(100, 600, 1200, 60, 60),
        )
        connection.say(responses.AuthSuccess(payload=payload, ref=auth.ref))
        if first:
            self._sessions[session_id] += 1
            count = self._sessions[session_id]
            connection.say(
                responses.ConnectionStateMessage(state="authenticated", session_id=session_id, reconnect_count=count)
            )

    def _subscribe(self, connection: FakeConnection, command: Subscribe) -> None:
        channel, since = command.channel, command.params.since
        namespace = channels.namespace(channel)
        events = self.history[channel]
        answer = responses.Subscribed(channel=channel, ref=command.ref)
        missed: list[Any] = []
        if namespace in _NUMBERED:
            answer.position = Position(self.epoch, len(events))
            if since is not None:
                offset = since.offset or 0
                oldest = 0 if self.history_limit is None else max(0, len(events) - self.history_limit)
                answer.recovered = since.epoch in (None, self.epoch) and oldest <= offset <= len(events)
                missed = events[offset:] if answer.recovered else []
            elif command.params.last is not None:
                missed = events[-command.params.last :]
        if namespace in _PEOPLED and command.params.include_presence:
            alone = responses.PresentUser(user_id=self.user_id, name=self.user_id, role="tester")
            answer.presence = self.rosters.get(channel, responses.Roster(count=1, users=[alone]))
        connection.channels.add(channel)
        for event in (answer, *missed):
            connection.say(event)

    def _publish(self, inbound: InboundMessage) -> Any:
        event = inbound.event
        channel = event.channel or channels.user(self.user_id)
        stamp(event, self.user_id, self.user_id, _NOW)
        return self._append(channel, event)

    def _append(self, channel: str, event: Any) -> Any:
        event.channel = channel
        self.history[channel].append(event)
        event.offset = len(self.history[channel])
        if channel == channels.user(self.user_id):
            self.inbox.add(event, event.offset)
        for connection in self.connections:
            if channel in connection.channels or channel == channels.user(self.user_id):
                connection.say(event)
        return event

    def _say_state(self, state: InboxState) -> Any:
        return self._append(channels.user(self.user_id), state)

    def _change_inbox(self, command: AcknowledgeNotifications | SnoozeNotification) -> Event:
        """Mark or snooze entries of the inbox."""
        there, offset = self.inbox.handle(command)
        if not there:
            text = "None of these entries is in the inbox; GET /v1/inbox lists them"
            code = ErrorCode.INVALID_MESSAGE_FORMAT
            return responses.ErrorMessage(error_code=code, message=text, timestamp=_NOW, ref=command.ref)
        ack = responses.Ack(ref=command.ref or "", channel=channels.user(self.user_id))
        if offset is not None:
            ack.offset, ack.epoch = offset, self.epoch
        return ack

    def _acknowledge(self, command: AcknowledgeAlert) -> Event:
        """Acknowledge an alert that came to the user."""
        commitment_id, channel = command.payload.commitment_id, channels.user(self.user_id)
        delivered = [event for event in self.history[channel] if isinstance(event, CommitmentAlert | AlertState)]
        delivered = [event for event in delivered if event.payload.commitment_id == commitment_id]
        if not delivered:
            return _denied(command.ref)
        if isinstance(delivered[-1], AlertState):
            return AlertState(payload=delivered[-1].payload, ref=command.ref)
        state = AlertStatePayload(
            commitment_id=commitment_id,
            state="acknowledged",
            acknowledged_by=self.user_id,
            alert_level=max(event.payload.alert_level for event in delivered),
        )
        event = self._append(channel, AlertState(payload=state))
        return responses.Ack(ref=command.ref or "", channel=channel, offset=event.offset, epoch=self.epoch)

    def _request(self, command: RequestBrief) -> Event:
        """Start a brief; the test publishes its other events."""
        channel, asked = channels.user(self.user_id), command.payload
        request_id = command.idempotency_key or command.ref or "brief"
        known = [event for event in self.history[channel] if getattr(event, "request_id", None) == request_id]
        if not known:
            payload = BriefStartedPayload(asked.type, asked.entity_id, 2_000)
            known = [self._append(channel, BriefStarted(request_id=request_id, payload=payload))]
        ack = responses.Ack(ref=command.ref or "", channel=channel, epoch=self.epoch, request_id=request_id)
        ack.offset = known[0].offset
        return ack

    def _cancel(self, command: CancelBrief) -> Event:
        """Cancel a brief that the user knows of, unless it has ended."""
        request_id, channel = command.payload.request_id, channels.user(self.user_id)
        delivered = [event for event in self.history[channel] if getattr(event, "request_id", None) == request_id]
        if not delivered:
            return _denied(command.ref)
        ack = responses.Ack(ref=command.ref or "", channel=channel)
        over = next((event for event in delivered if isinstance(event, BriefComplete | BriefFailed)), None)
        if over is None:
            payload = BriefFailedPayload(f"Cancelled by {self.user_id}", fallback_available=False)
            ack.offset = self._append(channel, BriefFailed(request_id=request_id, payload=payload)).offset
            ack.epoch = self.epoch
            self._cancelled.add(request_id)
        ended: responses.BriefEnd = "complete" if isinstance(over, BriefComplete) else "failed"
        ack.ended = "cancelled" if request_id in self._cancelled else ended
        return ack


class FakeConnection(WebSocketHandler):
    """One client of a FakeServer."""

    def initialize(self, server: FakeServer) -> None:
        """Set the attributes of the handler, as Tornado asks for."""
        self.server = server
        self.session_id: str | None = None
        self.channels: set[str] = set()

    async def prepare(self) -> None:
        """Count the handshake, and refuse it where the test asks for that."""
        self.server.handshakes += 1
        if self.server.refusal is not None:
            status, retry_after = self.server.refusal
            self.set_status(status)
            if retry_after is not None:
                self.set_header("Retry-After", str(retry_after))
            self.finish()
        self.server.changed()

    def open(self, *_: str, **__: str) -> None:
        """Add the connection to the server's."""
        self.server.connections.append(self)

    def on_message(self, message: str | bytes) -> None:
        """Answer a frame of the client."""
        self.server.heard(self, codec.decode_command(message.encode() if isinstance(message, str) else message))

    def on_close(self) -> None:
        """Remove the connection from the server's."""
        self.server.connections.remove(self)
        self.server.changed()

    def say(self, event: Event | Mapping[str, Any]) -> None:
        """Send a message, unless the server is silent."""
        if self.server.may_speak():
            self.say_raw(msgspec.json.encode(event))

    def say_raw(self, frame: bytes | str) -> None:
        """Send a frame as it is."""
        with suppress(WebSocketClosedError):  # the client has gone meanwhile
            self.write_message(frame).add_done_callback(_forget)

    def cut(self) -> None:
        """Close the socket without a close frame."""
        if self.ws_connection is not None and self.ws_connection.stream is not None:
            self.ws_connection.stream.close()


def _denied(ref: str | None) -> Event:
    text = "This did not come to the user"
    return responses.ErrorMessage(error_code=ErrorCode.PERMISSION_DENIED, message=text, timestamp=_NOW, ref=ref)


def _forget(written: asyncio.Future[None]) -> None:
    if not written.cancelled():
        written.exception()  # the client has gone: the test asked for it
