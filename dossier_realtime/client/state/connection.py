"""The client's half of the protocol as a state machine. Pure: frames and time come in, effects go out.

`now` is seconds on a steady clock. The caller carries effects out in order, and calls `tick` at `deadline`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import Auth, AuthPayload, Ping
from dossier_realtime.protocol.errors import CloseCode, ErrorCode, may_come_back

from ..errors import (
    FOR_NOW,
    AuthFailed,
    ConnectFailed,
    ConnectionClosed,
    DeniedError,
    ProtocolViolation,
    RealtimeError,
)
from .backoff import Backoff
from .effects import ConnectionState, Dial, Drop, Effect, EnterState, ErrorReport, Renew, Write
from .session import ClientSession
from .unknown_message import unknown_message

AUTH_TIMEOUT_SECONDS = 10.0  # from the open socket to `auth_success`
MAX_SILENT_INTERVALS = 2.5  # heartbeat intervals without a byte, after which the connection is given up
GRACE_SECONDS = 5.0  # after a standstill: bytes that wait in the socket are read before any time-out is judged
GRACE_INTERVAL_SECONDS = 30.0  # at most one grace in so long: a process that stalls often still times out
STABLE_AFTER_SECONDS = 5.0  # an authenticated connection must last so long before the back-off is reset
MAX_REFUSED_RETRIES = 3  # of a refusal that may be temporary (a token that has just expired)
MAX_RETRY_AFTER_SECONDS = 300.0  # a longer delay that a server asks for is cut to this
RENEW_AGAIN_SECONDS = 15.0  # after a renewal that the server cannot judge now, if it asks for no other delay

_FINAL = (ConnectionState.DISCONNECTED, ConnectionState.ERROR)
_AUTH_ERRORS = (ErrorCode.AUTH_FAILED, ErrorCode.INVALID_TOKEN)


class ClientConnection:
    """The connection of one client, over all its sockets. `session` keeps what is sent again on a new socket.

    `jitter` returns a random number, 0 ≤ n < 1; `renewable`: the token source can give a new token.
    """

    def __init__(
        self, session: ClientSession, backoff: Backoff, jitter: Callable[[], float], *, renewable: bool
    ) -> None:
        self.session = session
        self.state = ConnectionState.DISCONNECTED
        self.error: RealtimeError | None = None
        self.granted: responses.AuthSuccessPayload | None = None
        self.reconnect_count = 0
        self._backoff = backoff
        self._jitter = jitter
        self._renewable = renewable
        self.started = False
        self._auth_ref: str | None = None
        self._last_refusal: responses.ErrorMessage | None = None
        self._chances = MAX_REFUSED_RETRIES
        self._dial_at: float | None = None
        self._renew_at: float | None = None
        self._not_before = 0.0
        self._auth_due = 0.0
        self._authenticated_at: float | None = None
        self._ping_at = 0.0
        self._last_byte_at = 0.0
        self._held = False
        self._graced_at = -GRACE_INTERVAL_SECONDS

    @property
    def finished(self) -> bool:
        """True when the client does not reconnect any more."""
        return self.started and self.state in _FINAL

    @property
    def _open(self) -> bool:
        return self.state in (ConnectionState.CONNECTED, ConnectionState.AUTHENTICATED)

    # --- calls of the user ----------------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """Begin to connect; the connection reconnects until `close`."""
        if self.started:
            return []
        self.started = True
        return [self._enter(ConnectionState.CONNECTING), Dial()]

    def close(self) -> list[Effect]:
        """Close the connection for good."""
        if self.finished:
            return []
        self.started = True
        hang_up: list[Effect] = [Drop(CloseCode.NORMAL, "the client was closed")] if self._open else []
        return [*hang_up, *self._finish(ConnectionState.DISCONNECTED, None)]

    def abandon(self) -> list[Effect]:
        """Undo a `start`; another one may follow."""
        if not self.started or self.finished:
            return []
        hang_up: list[Effect] = [Drop(CloseCode.NORMAL, "nobody waits for the connection")] if self._open else []
        self._hung_up()
        self._dial_at = None
        self.started = False
        return [*hang_up, self._enter(ConnectionState.DISCONNECTED)]

    # --- outcomes of a Dial or a Renew ----------------------------------------------------------------

    def opened(self, token: str, now: float) -> list[Effect]:
        """Authenticate on the open socket."""
        self._last_byte_at = now
        self._auth_due = now + AUTH_TIMEOUT_SECONDS
        self._last_refusal = None
        return [self._enter(ConnectionState.CONNECTED), self._auth(token)]

    def refused(self, error: ConnectFailed, now: float) -> list[Effect]:
        """Retry after a failed attempt. A final failure ends the connection, unless the address was good before."""
        if error.final and self.granted is None:
            return self._finish(ConnectionState.ERROR, error)
        if error.retry_after is not None:
            self._not_before = now + min(error.retry_after, MAX_RETRY_AFTER_SECONDS)
        return [ErrorReport(error), *self._retry(now)]

    def broke_off(self, error: ConnectFailed, now: float) -> list[Effect]:
        """Retry after an attempt that ended without an outcome."""
        if not self.started or self.finished:
            return []
        hang_up: list[Effect] = [Drop(CloseCode.INTERNAL_ERROR, "the attempt broke off")] if self._open else []
        return [ErrorReport(error), *hang_up, *self._retry(now)]

    def unusable(self, error: RealtimeError, now: float) -> list[Effect]:
        """Handle an unusable token: the end for a source that never gave a good one, a retry for one that did."""
        if self.granted is None:
            return self._finish(ConnectionState.ERROR, error)
        return [ErrorReport(error), *self._retry(now)]

    def give_up(self, error: RealtimeError) -> list[Effect]:
        """End the connection: the token source has given up."""
        return self._finish(ConnectionState.ERROR, error)

    def renewed(self, token: str) -> list[Effect]:
        """Authenticate again with a new token, if the connection is still up."""
        return [self._auth(token)] if self.state is ConnectionState.AUTHENTICATED else []

    # --- input ----------------------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: float) -> list[Effect]:
        """Handle one frame of the open socket."""
        if not self._open:
            return []
        self._last_byte_at = now
        try:
            event = codec.decode_event(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            unknown = unknown_message(frame)
            if unknown is None:
                return [ErrorReport(ProtocolViolation(f"Unreadable frame: {wrong}"))]
            return self.session.unknown(unknown, now) if self.state is ConnectionState.AUTHENTICATED else []
        if isinstance(event, responses.AuthSuccess):
            return self._authenticated(event, now)
        if self.state is not ConnectionState.AUTHENTICATED:
            if isinstance(event, responses.ErrorMessage):
                self._last_refusal = event
                return []
            return self._violated("a message before auth_success", now)
        match event:
            case responses.Pong():
                return []
            case responses.TokenExpiring():
                return [Renew()] if self._renewable else []
            case responses.ConnectionStateMessage():
                if event.retry_after is not None:
                    self._not_before = now + min(event.retry_after, MAX_RETRY_AFTER_SECONDS)
                self.reconnect_count = event.reconnect_count
                return []
            case responses.ErrorMessage(error_code=code) if code in _AUTH_ERRORS or self._defers_renewal(event):
                return self._not_renewed(event, now)
            case _:
                return self.session.received(event, now)

    def bytes_received(self, now: float) -> None:
        """Note that bytes came. A long frame may take longer to arrive than a server may be silent."""
        self._last_byte_at = now

    def lost(self, code: int, reason: str, now: float) -> list[Effect]:
        """Handle the loss of the socket; `code` is 1006 where no close frame came."""
        if not self._open:
            return []
        if may_come_back(code):
            return self._retry(now)
        if code == CloseCode.NORMAL:
            closed = ConnectionClosed("The server has closed the connection; make a new client to go on", code)
            return self._finish(ConnectionState.DISCONNECTED, closed)
        refusal = self._last_refusal
        if self._may_pass(code) and self._chances > 0:
            said = refusal.message if refusal is not None else reason
            return [ErrorReport(ConnectFailed(f"{said} (closed with {code}); trying again")), *self._try_once_more(now)]
        if code not in (CloseCode.AUTH_FAILED, CloseCode.REVOKED):
            text = f"The server closed the connection for good ({code}): {reason or 'no reason given'}"
            return self._finish(ConnectionState.ERROR, ConnectionClosed(text, code))
        if refusal is None:
            return self._finish(ConnectionState.ERROR, AuthFailed(f"The server refused the token: {reason}"))
        return self._finish(ConnectionState.ERROR, AuthFailed(refusal.message, refusal.error_code))

    # --- time -----------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """Return the effects that are due."""
        effects: list[Effect] = []
        if self._dial_at is not None and now >= self._dial_at:
            self._dial_at = None
            effects.append(Dial())
        if self.state is ConnectionState.CONNECTED and now >= self._auth_due:
            return [*effects, *self._drop(CloseCode.AUTH_TIMEOUT, "no auth_success", now)]
        if self._renew_at is not None and now >= self._renew_at:
            self._renew_at = None
            effects.append(Renew())
        if self.state is ConnectionState.AUTHENTICATED:
            if not self._held and now >= self._last_byte_at + MAX_SILENT_INTERVALS * self._interval:
                return [*effects, *self._drop(CloseCode.HEARTBEAT_LOST, "the server is silent", now)]
            if now >= self._ping_at:
                self._ping_at = now + self._interval
                effects.append(Write(codec.encode(Ping())))
        return [*effects, *self.session.tick(now)]

    def hold(self, now: float, *, held: bool) -> None:
        """Stop or start judging silence: while the socket is not read, it says nothing about the server."""
        self._held = held
        self._last_byte_at = now

    def stood_still(self, now: float) -> None:
        """Defer the time-outs after the process did not run: bytes that came meanwhile are read first."""
        if now < self._graced_at + GRACE_INTERVAL_SECONDS:
            return
        self._graced_at = now
        self._auth_due = max(self._auth_due, now + GRACE_SECONDS)
        self._last_byte_at = max(self._last_byte_at, now + GRACE_SECONDS - MAX_SILENT_INTERVALS * self._interval)
        self._ping_at = min(self._ping_at, now)
        self.session.grant(now + GRACE_SECONDS)

    def deadline(self, now: float) -> float | None:
        """Return the time of the next `tick`; None while nothing is due."""
        due = [at for at in (self._dial_at, self._renew_at, self.session.deadline(now)) if at is not None]
        if self.state is ConnectionState.CONNECTED:
            due.append(self._auth_due)
        elif self.state is ConnectionState.AUTHENTICATED:
            due.append(self._ping_at)
            if not self._held:
                due.append(self._last_byte_at + MAX_SILENT_INTERVALS * self._interval)
        return min(due, default=None)

    # --- authentication and the end of it -------------------------------------------------------------

    @property
    def _interval(self) -> float:
        return min(max(self.granted.heartbeat_interval, 1), 300) if self.granted is not None else 30

    def _auth(self, token: str) -> Write:
        self._auth_ref = self.session.next_ref()
        resumed = self.granted.session_id if self.granted and self._authenticated_at is None else None
        return Write(codec.encode(Auth(payload=AuthPayload(token, resumed), ref=self._auth_ref)))

    def _authenticated(self, success: responses.AuthSuccess, now: float) -> list[Effect]:
        if self._auth_ref is None or success.ref != self._auth_ref:
            return self._violated("an auth_success that nobody asked for", now)
        self._auth_ref = self._renew_at = None
        self.granted = success.payload
        self.session.pace.limited(success.payload.limits)
        if self.state is ConnectionState.AUTHENTICATED:
            return []  # a renewal
        self._chances = MAX_REFUSED_RETRIES
        self._authenticated_at = now
        self._ping_at = now + self._interval
        entered = self._enter(ConnectionState.AUTHENTICATED)
        return [entered, *self.session.authenticated(success.payload.user_id, now)]

    def _defers_renewal(self, refusal: responses.ErrorMessage) -> bool:
        """Return True for the answer to a renewal that says nothing about its token."""
        return refusal.error_code in FOR_NOW and refusal.ref is not None and refusal.ref == self._auth_ref

    def _not_renewed(self, refusal: responses.ErrorMessage, now: float) -> list[Effect]:
        """Report a refused renewal, and renew again later where the server asks to wait."""
        wait: float | None = None
        if self._defers_renewal(refusal):
            wait = min(refusal.retry_after or RENEW_AGAIN_SECONDS, MAX_RETRY_AFTER_SECONDS)
            self._renew_at = now + wait if self._renewable else None
        else:
            self._last_refusal = refusal
        self._auth_ref = None
        return [ErrorReport(DeniedError(refusal.error_code, refusal.message, retry_after=wait))]

    def _violated(self, what: str, now: float) -> list[Effect]:
        error = ProtocolViolation(f"The server sent {what}; the client connects anew")
        return [ErrorReport(error), *self._drop(CloseCode.PROTOCOL_ERROR, what, now)]

    def _drop(self, code: int, reason: str, now: float) -> list[Effect]:
        return [Drop(code, reason), *self._retry(now)]

    def _retry(self, now: float) -> list[Effect]:
        if self._authenticated_at is not None and now - self._authenticated_at >= STABLE_AFTER_SECONDS:
            self._backoff.reset()
        self._hung_up()
        self._dial_at = max(now, self._not_before) + self._backoff.delay(self._jitter())
        already = self.state is ConnectionState.RECONNECTING
        return [] if already else [self._enter(ConnectionState.RECONNECTING)]

    def _may_pass(self, code: int) -> bool:
        """Return True where the cause of a final close code may be temporary.

        A token function may have given a token that expired on the way. A client that was connected before may exceed
        the connection limit by its own last connection, which the server has not given up yet.
        """
        if self.state is not ConnectionState.CONNECTED:
            return False
        if code == CloseCode.AUTH_FAILED:
            refused = self._last_refusal
            return self._renewable and refused is not None and refused.error_code is ErrorCode.INVALID_TOKEN
        return code == CloseCode.CONNECTION_LIMIT and self.granted is not None

    def _try_once_more(self, now: float) -> list[Effect]:
        """Retry after 1, 2, 4 s (with the default base of the back-off) at the earliest, and with jitter."""
        self._not_before = max(
            self._not_before, now + 2 * self._backoff.base * 2 ** (MAX_REFUSED_RETRIES - self._chances)
        )
        self._chances -= 1
        return self._retry(now)

    def _finish(self, state: ConnectionState, error: RealtimeError | None) -> list[Effect]:
        self._hung_up()
        self._dial_at = None
        self.error = error
        return [self._enter(state), *self.session.end(error)]

    def _hung_up(self) -> None:
        self._auth_ref = None
        self._renew_at = None
        self._authenticated_at = None
        self._held = False
        self.session.disconnected()

    def _enter(self, state: ConnectionState) -> EnterState:
        self.state = state
        return EnterState(state)
