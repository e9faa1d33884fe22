"""One connection's session, pure: messages and time go in, decisions come out.

The order of all checks stands here: authenticated? within the rate? well formed? a channel of ours? carried there?
allowed? Everything refused has a rule by which it was refused; the journal keeps it.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, assert_never

from app.core import authorization
from app.core.sessions.budget import Budget
from app.core.sessions.deadlines import Deadlines, Due, SessionLimits
from app.core.sessions.effects import (
    ACCEPTED,
    ApplySettings,
    Close,
    Decision,
    DomainCommand,
    Effect,
    Join,
    Leave,
    OpenSession,
    Publish,
    ReceiveOwn,
    RefuseDocument,
    Send,
    SendPing,
    ShareCursor,
    SubmitEdit,
    UpdateOwnPresence,
    VerifyToken,
)
from app.core.sessions.error_messages import error_message, login_answer, no_subscription
from app.core.sessions.own_channel import OwnChannel
from dossier_realtime.protocol import codec
from dossier_realtime.protocol import responses as ev
from dossier_realtime.protocol.authorization import AccessDecision, Identity, Right, access
from dossier_realtime.protocol.commands import (
    AcknowledgeAlert,
    Auth,
    CancelBrief,
    ChangeSettings,
    Command,
    EditOperation,
    MoveCursor,
    Ping,
    RequestBrief,
    Subscribe,
    Unsubscribe,
    UpdatePresence,
)
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.inbound import InboundMessage
from dossier_realtime.protocol.namespaces import NAMESPACES, namespace_of

if TYPE_CHECKING:
    from app.core.instant import Instant
    from app.core.ratelimit import RateLimiter
    from dossier_realtime.protocol.classification import ChannelPolicy

OnChannel = Subscribe | Unsubscribe | UpdatePresence | ChangeSettings | EditOperation | MoveCursor | InboundMessage


class SessionState(Enum):
    AWAITING_AUTH = "awaiting_auth"
    VERIFYING = "verifying"
    LIVE = "live"
    CLOSED = "closed"


class Session:
    """The state machine of one connection."""

    def __init__(self, policy: ChannelPolicy, rates: RateLimiter, limits: SessionLimits, at: Instant) -> None:
        self._policy = policy
        self._rates = rates
        self._limits = limits
        self.state = SessionState.AWAITING_AUTH
        self.identity: Identity | None = None
        self.session_id = ""
        self.reconnect_count = 0
        self.subscriptions: set[str] = set()
        self.own = OwnChannel()
        self.deadlines = Deadlines(limits, at)
        self._invalid: deque[float] = deque(maxlen=limits.invalid_messages + 1)
        self._bad_renewals = 0
        self.token_at = (0.0, 0.0)  # when it was issued (Unix) and came (steady)
        self._budget = Budget(rates, limits)

    # --- what comes in --------------------------------------------------------------------------------------

    def weigh(self, frame: bytes, at: Instant) -> Decision | None:
        """Count a frame's bytes before anything is made of it; the refusal, or the warning, where one is due."""
        if self.identity is None or self.state is SessionState.CLOSED:
            return None
        weighed = self._budget.weigh(self.identity, frame, at)
        if weighed is not None and weighed.rule:
            self.deadlines.heard(at)
            return self._settled(weighed)
        return weighed

    def receive(self, command: Command | InboundMessage, at: Instant) -> Decision:
        """Judge one decoded message."""
        self.deadlines.heard(at)
        if self.state is SessionState.CLOSED:
            return Decision("session.closed", [])
        if self.identity is None:
            return self._first(command, at)
        if isinstance(command, Auth):
            return self._renew(command, at)
        warning, refused = self._budget.spend(self.identity, command, at)
        if refused is not None:
            return self._settled(refused)
        rule, effects = self._judge(command, self.identity, at)
        if rule.startswith("format"):
            self._budget.was_invalid(self.identity, command, at)
        return Decision(rule, warning + effects if warning else effects)

    def malformed(self, wrong: codec.InvalidMessage, at: Instant) -> Decision:
        """Judge a frame that could not be decoded. It counts as a general message."""
        self.deadlines.heard(at)
        if self.state is SessionState.CLOSED:
            return Decision("session.closed", [])
        if self.identity is None:
            if wrong.type == "auth":
                error = error_message(ErrorCode.INVALID_MESSAGE_FORMAT, str(wrong), at, ref=wrong.ref)
                return self._close("format", CloseCode.AUTH_FAILED, "the auth message is malformed", error)
            return self._not_first(wrong.ref, at)
        warning, refused = self._budget.spend(self.identity, wrong, at)
        if refused is not None:
            return self._settled(refused)
        decision = self._bad_format(str(wrong), at, wrong.channel, wrong.ref)
        return Decision(decision.rule, warning + decision.effects)

    def heard(self, at: Instant) -> None:
        """Any frame at all came in, a control frame too."""
        self.deadlines.heard(at)

    def unsolicited_flood(self, at: Instant) -> Decision:
        """The peer floods with frames that are not messages."""
        return self._close("flood", CloseCode.RATE_ABUSE, "too many control frames; slow down and reconnect")

    # --- answers to what the node was asked to find out -------------------------------------------------------

    def verified(self, identity: Identity, asked: VerifyToken, at: Instant) -> Decision:
        """The token is good."""
        if self.state is SessionState.CLOSED:
            return Decision("session.closed", [])
        if self.identity is None:
            self._take(identity, at)
            self._budget.renewals.taken(asked.token)
            return Decision(ACCEPTED, [OpenSession(asked.session_id, asked.ref)])
        if identity.user_id != self.identity.user_id:
            message = "The token is of another user; open a connection of its own for it"
            error = error_message(ErrorCode.AUTH_FAILED, message, at, ref=asked.ref)
            return self._close("auth.other_user", CloseCode.AUTH_FAILED, "renewed by another user", error)
        self._take(identity, at)
        self._budget.renewals.taken(asked.token)
        self.state = SessionState.LIVE
        self._bad_renewals = 0
        return Decision(ACCEPTED, [Send(self._auth_success(asked.ref)), *self.recheck(at)])

    def token_refused(self, asked: VerifyToken, at: Instant, *, revoked: bool = False) -> Decision:
        """The token is not good."""
        message = "The token is not valid; ask for a new one and authenticate again"
        error = error_message(ErrorCode.INVALID_TOKEN, message, at, ref=asked.ref)
        if revoked:
            return self._close("auth.revoked", CloseCode.REVOKED, "the token was revoked", error)
        if self.identity is None or self._bad_renewals + 1 >= self._limits.bad_renewals:
            return self._close("auth.token", CloseCode.AUTH_FAILED, "the token is not valid", error)
        self._bad_renewals += 1
        self.state = SessionState.LIVE
        return Decision("auth.token", [Send(error)])

    def opened(self, session_id: str, reconnect_count: int, ref: str | None) -> list[Effect]:
        """The session is registered; the client may speak."""
        self.session_id = session_id
        self.reconnect_count = reconnect_count
        self.state = SessionState.LIVE
        identity = self.identity
        assert identity is not None  # noqa: S101  verified before
        self.own.received = self._decide(identity, Right.READ, OwnChannel.of(identity)).allowed
        state = ev.ConnectionStateMessage(state="authenticated", session_id=session_id, reconnect_count=reconnect_count)
        return [Send(self._auth_success(ref)), Send(state)]

    def connection_limit(self, ref: str | None, at: Instant) -> Decision:
        """The user has as many connections as a user may have."""
        message = "Too many connections of this user; close one and connect again"
        error = error_message(ErrorCode.RATE_LIMIT_EXCEEDED, message, at, ref=ref)
        return self._close("limit.connections", CloseCode.CONNECTION_LIMIT, "too many connections", error)

    def replaced(self) -> Decision:
        """The session goes on over another connection."""
        return self._close("session.replaced", CloseCode.SESSION_REPLACED, "the session was resumed elsewhere")

    def revoked(self, reason: str, at: Instant) -> Decision:
        """An operator ended it."""
        message = "The session was ended by an operator; ask them before you connect again"
        error = error_message(ErrorCode.INVALID_TOKEN, message, at)
        return self._close("session.revoked", CloseCode.REVOKED, reason, error)

    def recheck(self, at: Instant) -> list[Effect]:
        """End everything received that the identity or the channels' settings no longer allow.

        The user's own channel ends likewise, subscribed or not, and is received again once that is allowed.
        """
        identity = self.identity
        assert identity is not None  # noqa: S101  only live sessions are asked
        own, changes = OwnChannel.of(identity), list[Effect]()
        for name in sorted(self.subscriptions | {own} if self.own.received else self.subscriptions):
            if not self._decide(identity, Right.READ, name).allowed:
                self.subscriptions.discard(name)
                self.own.received = self.own.received and name != own
                changes += [Leave(name), Send(no_subscription(name, None, at)), Send(ev.Unsubscribed(channel=name))]
        if self.own.withheld and self.session_id and self._decide(identity, Right.READ, own).allowed:
            self.own.received = True
            changes.append(ReceiveOwn(own))
        return changes

    def entitled(self, right: Right, channel: str) -> bool:
        """Return whether the identity's claims give the right on the channel now, frozen or not."""
        return self.identity is not None and self._decide(self.identity, right, channel).entitled

    def unsubscribable(self, channel: str, ref: str | None, at: Instant) -> list[Effect]:
        """A subscription that was allowed turns out to be of nothing: the same answer as for a forbidden one."""
        self.subscriptions.discard(channel)
        return [Send(no_subscription(channel, ref, at))]

    # --- time -------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """When `tick` has something to do, at the latest, on the steady clock."""
        return self.deadlines.deadline

    def tick(self, at: Instant) -> list[Effect]:
        """Do what is due."""
        effects: list[Effect] = []
        for due in [] if self.state is SessionState.CLOSED else self.deadlines.due(at):
            match due:
                case Due.AUTH_TIMEOUT:
                    text = f"No auth message within {self._limits.auth_timeout:g} s; send it first"
                    error = error_message(ErrorCode.AUTH_FAILED, text, at)
                    return self._close("auth.timeout", CloseCode.AUTH_TIMEOUT, "no auth message", error).effects
                case Due.EXPIRED:
                    text = "The token has expired; reconnect with a new one"
                    error = error_message(ErrorCode.INVALID_TOKEN, text, at)
                    reason = "the token has expired"
                    return self._close("auth.expired", CloseCode.TOKEN_EXPIRED, reason, error).effects
                case Due.SILENT:
                    return self._close("liveness", CloseCode.HEARTBEAT_LOST, "no heartbeat; reconnect").effects
                case Due.NOTICE:
                    notice = ev.TokenExpiringPayload(self.deadlines.expires_in(at))
                    effects.append(Send(ev.TokenExpiring(payload=notice)))
                case Due.PROBE:
                    effects.append(SendPing())
        return effects

    # --- authentication ---------------------------------------------------------------------------------------

    def _first(self, command: Command | InboundMessage, at: Instant) -> Decision:
        return self._verify(command) if isinstance(command, Auth) else self._not_first(command.ref, at)

    def _not_first(self, ref: str | None, at: Instant) -> Decision:
        error = error_message(ErrorCode.AUTH_FAILED, "The first message must be auth; send it first", at, ref=ref)
        return self._close("auth.first", CloseCode.AUTH_FAILED, "the first message was not auth", error)

    def _verify(self, command: Auth) -> Decision:
        self.state = SessionState.VERIFYING
        asked = VerifyToken(command.payload.token, command.payload.session_id, command.ref)
        return Decision(ACCEPTED, [asked])

    def _renew(self, command: Auth, at: Instant) -> Decision:
        wait = self._budget.renewals.wait(at.steady)
        if wait:
            return self._settled(self._budget.renewals.refused(wait, command.ref, at))
        if self._budget.renewals.is_in_force(command.payload.token):
            return Decision(ACCEPTED, [Send(self._auth_success(command.ref))])
        return self._verify(command)

    def _take(self, identity: Identity, at: Instant) -> None:
        self.identity = identity
        self.token_at = (float(at.wall if identity.issued_at is None else identity.issued_at), at.steady)
        self.deadlines.authenticated(identity.expires_at, at)

    def _auth_success(self, ref: str | None) -> ev.AuthSuccess:
        identity = self.identity
        assert identity is not None  # noqa: S101  set before any success
        limits = self._rates.announced(identity.role)
        return login_answer(identity, self.session_id, self._limits.heartbeat_interval, limits, ref)

    # --- messages ---------------------------------------------------------------------------------------------

    def _judge(self, command: Command | InboundMessage, identity: Identity, at: Instant) -> Decision:
        match command:
            case Ping():
                return Decision(ACCEPTED, [Send(ev.Pong(timestamp=at.timestamp, ref=command.ref))])
            case AcknowledgeAlert() | RequestBrief() | CancelBrief():
                return Decision(ACCEPTED, [DomainCommand(command)])
            case Auth():
                return self._verify(command)
            case _:
                return self._judge_on_channel(command, identity, at)

    def _judge_on_channel(self, command: OnChannel, identity: Identity, at: Instant) -> Decision:
        wrong = self._channel_wrong(command.channel, command.ref, at)
        if wrong is not None:
            return wrong
        match command:
            case Subscribe():
                return self._subscribe(command, identity, at)
            case Unsubscribe():
                self.subscriptions.discard(command.channel)
                self.own.follow(command.channel, identity, wanted=False)
                unsubscribed = ev.Unsubscribed(channel=command.channel, ref=command.ref)
                return Decision(ACCEPTED, [Leave(command.channel), Send(unsubscribed)])
            case UpdatePresence():
                return self._presence(command, identity, at)
            case ChangeSettings():
                access = self._decide(identity, Right.ADMIN, command.channel)
                if not access.allowed:
                    return self._denied(access.rule, command.channel, command.ref, at)
                return Decision(ACCEPTED, [ApplySettings(command.channel, command.payload, command.ref)])
            case EditOperation():
                return self._edit(command, identity, at)
            case MoveCursor():
                return self._cursor(command, identity, at)
            case InboundMessage():
                return self._publish(command, identity, at)
            case _:
                assert_never(command)

    def _subscribe(self, command: Subscribe, identity: Identity, at: Instant) -> Decision:
        name, params = command.channel, command.params
        if params.since is not None and params.last is not None:
            return self._bad_format("Give either since or last (at $.params.last)", at, name, command.ref)
        right = Right.ADMIN if params.hidden else Right.READ
        access = self._decide(identity, right, name)
        # Only the store knows whether a document exists. It is asked before a refusal for want of clearance too, so
        # that neither answer nor time tells a document above the clearance from an absent one.
        probed = access.permitted and namespace_of(name) is NAMESPACES["document"]
        if not (access.allowed or probed):
            return Decision(access.rule, [Send(no_subscription(name, command.ref, at))])
        again = name in self.subscriptions
        if not again and len(self.subscriptions) >= self._limits.max_subscriptions:
            text = f"This connection has {self._limits.max_subscriptions} subscriptions; unsubscribe from one first"
            error = error_message(ErrorCode.SUBSCRIPTION_FAILED, text, at, channel=name, ref=command.ref)
            return Decision("limit.subscriptions", [Send(error)])
        if not access.allowed:
            return Decision(access.rule, [RefuseDocument(name, command.ref)])
        self.subscriptions.add(name)
        self.own.follow(name, identity, wanted=True)
        join = Join(name, command.ref, params.include_presence, params.hidden, params.since, params.last, again)
        return Decision(ACCEPTED, [join])

    def _presence(self, command: UpdatePresence, identity: Identity, at: Instant) -> Decision:
        name = command.channel
        if not namespace_of(name).presence:
            return self._bad_format("Presence is not kept on this channel (at $.channel)", at, name, command.ref)
        if name not in self.subscriptions:
            return self._denied("not_subscribed", name, command.ref, at)
        if command.payload.user_id not in (None, identity.user_id):
            return self._denied("identity", name, command.ref, at)
        return Decision(ACCEPTED, [UpdateOwnPresence(name, command.payload, command.ref)])

    def _edit(self, command: EditOperation, identity: Identity, at: Instant) -> Decision:
        name, payload = command.channel, command.payload
        if namespace_of(name) is not NAMESPACES["document"]:
            return self._bad_format("Only documents are edited (at $.channel)", at, name, command.ref)
        if name not in self.subscriptions:
            return self._denied("not_subscribed", name, command.ref, at)
        denial = authorization.send_denial(self._policy, identity, name)
        if denial is not None:
            return self._refused(denial, at, name, command.ref)
        if payload.user_id not in (None, identity.user_id) or payload.user_name not in (None, identity.name):
            return self._denied("identity", name, command.ref, at)
        return Decision(ACCEPTED, [SubmitEdit(command)])

    def _cursor(self, command: MoveCursor, identity: Identity, at: Instant) -> Decision:
        name = command.channel
        if namespace_of(name) is not NAMESPACES["document"]:
            return self._bad_format("Only documents have cursors (at $.channel)", at, name, command.ref)
        if name not in self.subscriptions:
            return self._denied("not_subscribed", name, command.ref, at)
        if command.payload.user_id not in (None, identity.user_id):
            return self._denied("identity", name, command.ref, at)
        return Decision(ACCEPTED, [ShareCursor(command)])

    def _publish(self, inbound: InboundMessage, identity: Identity, at: Instant) -> Decision:
        event, name = inbound.event, inbound.event.channel
        assert name is not None  # noqa: S101  checked with the grammar
        denial = authorization.carried_denial(event, name) or authorization.send_denial(self._policy, identity, name)
        if denial is None:
            # The digest is of what the client said: the stamp of a resend differs, its meaning does not.
            digest = sha256(codec.encode(event)).digest() if inbound.idempotency_key else None
            denial = authorization.stamp_denial(event, identity, at.timestamp)
            if denial is None:
                return Decision(ACCEPTED, [Publish(inbound, digest)])
        return self._refused(denial, at, name, inbound.ref)

    # --- rights and refusals ----------------------------------------------------------------------------------

    def _decide(self, identity: Identity, right: Right, channel: str) -> AccessDecision:
        return access(identity, right, channel, self._policy)

    def _channel_wrong(self, name: str | None, ref: str | None, at: Instant) -> Decision | None:
        if name in self.subscriptions:
            return None  # parsed before
        denial = authorization.channel_denial(name)
        return None if denial is None else self._refused(denial, at, name, ref)

    def _refused(self, denial: authorization.Denial, at: Instant, channel: str | None, ref: str | None) -> Decision:
        if denial.code is ErrorCode.INVALID_MESSAGE_FORMAT:
            shown = channel if channel is not None and len(channel) <= _MAX_ECHO_CHARACTERS else None
            return self._bad_format(f"{denial.text} (at {denial.path})", at, shown, ref)
        return Decision(denial.rule, [Send(error_message(denial.code, denial.text, at, channel=channel, ref=ref))])

    def _denied(self, rule: str, channel: str, ref: str | None, at: Instant) -> Decision:
        denial = authorization.Denial(rule, ErrorCode.PERMISSION_DENIED, authorization.NO_SENDING)
        return self._refused(denial, at, channel, ref)

    def _bad_format(self, text: str, at: Instant, channel: str | None, ref: str | None) -> Decision:
        self._invalid.append(at.steady)
        error = error_message(ErrorCode.INVALID_MESSAGE_FORMAT, text, at, channel=channel, ref=ref)
        if len(self._invalid) > self._limits.invalid_messages and at.steady - self._invalid[0] < _MINUTE_SECONDS:
            return self._close("format.abuse", CloseCode.PROTOCOL_ABUSE, "too many invalid messages", error)
        return Decision("format", [Send(error)])

    def _settled(self, decision: Decision) -> Decision:
        """The decision, after which the session is closed if it says so."""
        if isinstance(decision.effects[-1], Close):
            self.state = SessionState.CLOSED
        return decision

    def _close(self, rule: str, code: CloseCode, reason: str, error: ev.ErrorMessage | None = None) -> Decision:
        self.state = SessionState.CLOSED
        effects: list[Effect] = [] if error is None else [Send(error)]
        return Decision(rule, [*effects, Close(code, reason)])


_MINUTE_SECONDS = 60.0
_MAX_ECHO_CHARACTERS = 64  # characters of broken input that an answer may hold
