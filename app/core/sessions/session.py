"""One connection's session, pure: messages and time go in, decisions come out.

The order of all checks: the login, the rate, the form of the message, then the rules of its channel (channel_rules.py).
Every denial carries the rule that denied it, which the journal keeps.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from app.core.sessions.budget import Budget
from app.core.sessions.channel_rules import ChannelRules
from app.core.sessions.deadlines import Deadlines, Due, SessionLimits
from app.core.sessions.denials import Denials, close_decision
from app.core.sessions.effects import (
    ACCEPTED,
    Close,
    Decision,
    DomainCommand,
    Effect,
    Join,
    Leave,
    OpenSession,
    ReceiveOwn,
    RefuseDocument,
    Send,
    SendPing,
    VerifyToken,
)
from app.core.sessions.error_messages import error_message, login_answer, no_subscription
from app.core.sessions.own_channel import OwnChannel
from app.core.sessions.subscription_set import SubscriptionSet
from dossier_realtime.protocol import codec
from dossier_realtime.protocol import responses as ev
from dossier_realtime.protocol.authorization import AccessDecision, Identity, Right, access
from dossier_realtime.protocol.commands import (
    Auth,
    Command,
    DomainMessage,
    Ping,
)
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.inbound import InboundMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant
    from app.core.ratelimit import RateLimiter
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.protocol.responses import ErrorMessage


class SessionState(Enum):
    """The states of a session. `VERIFYING` holds from the `auth` message until its token is judged."""

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
        self.subscriptions = SubscriptionSet()
        self.own = OwnChannel()
        self.deadlines = Deadlines(limits, at)
        self._denials = Denials(limits.invalid_messages)
        self._rules = ChannelRules(policy, limits.max_subscriptions, self.subscriptions, self.own, self._denials)
        self._bad_renewals = 0
        self.token_at = (0.0, 0.0)  # the moments at which it was issued (Unix) and came (steady)
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
        counted = self._budget.spend(self.identity, command, at)
        if counted.rule:
            return self._settled(counted)
        decision = self._settled(self._judge(command, self.identity, at))
        if decision.rule.startswith("format"):
            self._budget.was_invalid(self.identity, command, at)
        return counted.then(decision)

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
        counted = self._budget.spend(self.identity, wrong, at)
        if counted.rule:
            return self._settled(counted)
        return counted.then(self._settled(self._denials.bad_format(str(wrong), at, wrong.channel, wrong.ref)))

    def heard(self, at: Instant) -> None:
        """Any frame at all came in, a control frame too."""
        self.deadlines.heard(at)

    def unsolicited_flood(self, at: Instant) -> Decision:
        """Close the connection of a peer that floods with frames that are not messages."""
        return self._close("flood", CloseCode.RATE_ABUSE, "too many control frames; slow down and reconnect")

    # --- answers to what the node was asked to find out -------------------------------------------------------

    def verified(self, identity: Identity, asked: VerifyToken, at: Instant) -> Decision:
        """Take the identity of a token that was found good."""
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
        """Answer a token that was found bad."""
        message = "The token is not valid; ask for a new one and authenticate again"
        error = error_message(ErrorCode.INVALID_TOKEN, message, at, ref=asked.ref)
        if revoked:
            return self._close("auth.revoked", CloseCode.REVOKED, "the token was revoked", error)
        if self.identity is None or self._bad_renewals + 1 >= self._limits.bad_renewals:
            return self._close("auth.token", CloseCode.AUTH_FAILED, "the token is not valid", error)
        self._bad_renewals += 1
        self.state = SessionState.LIVE
        return Decision("auth.token", [Send(error)])

    def token_undecided(self) -> None:
        """Go on as before a token that cannot be verified now: it was neither taken nor counted as a bad one."""
        if self.state is SessionState.VERIFYING:
            self.state = SessionState.AWAITING_AUTH if self.identity is None else SessionState.LIVE

    def opened(self, session_id: str, reconnect_count: int, ref: str | None) -> list[Effect]:
        """Take the id of the session that was registered; the client may send from now on."""
        self.session_id = session_id
        self.reconnect_count = reconnect_count
        self.state = SessionState.LIVE
        identity = self.identity
        assert identity is not None  # noqa: S101  verified before
        self.own.received = self._decide(identity, Right.READ, OwnChannel.of(identity)).allowed
        state = ev.ConnectionStateMessage(state="authenticated", session_id=session_id, reconnect_count=reconnect_count)
        return [Send(self._auth_success(ref)), Send(state)]

    def connection_limit(self, ref: str | None, at: Instant) -> Decision:
        """Refuse the login of a user who has as many connections as allowed."""
        message = "Too many connections of this user; close one and connect again"
        error = error_message(ErrorCode.RATE_LIMIT_EXCEEDED, message, at, ref=ref)
        return self._close("limit.connections", CloseCode.CONNECTION_LIMIT, "too many connections", error)

    def replaced(self) -> Decision:
        """Close this connection: the session goes on over another one."""
        return self._close("session.replaced", CloseCode.SESSION_REPLACED, "the session was resumed elsewhere")

    def revoked(self, reason: str, at: Instant) -> Decision:
        """End the session at an operator's request."""
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
        # A document that is being looked for is left out: the answer must not show that it is above the clearance.
        settled = self.subscriptions.settled
        for name in sorted(settled | {own} if self.own.received else settled):
            if not self._decide(identity, Right.READ, name).allowed:
                received = self.own.received and name == own
                self.own.received = self.own.received and not received
                changes += self._end(name, partial(no_subscription, name, at=at), received=received)
        if self.own.withheld and self.session_id and self._decide(identity, Right.READ, own).allowed:
            self.own.received = True
            changes.append(ReceiveOwn(own))
        return changes

    def document_deleted(self, channel: str, at: Instant) -> list[Effect]:
        """End the subscription to a document that was deleted."""
        text = "The document was deleted; subscribe to it again to begin a new one"
        code = ErrorCode.SUBSCRIPTION_FAILED
        return self._end(channel, lambda ref: error_message(code, text, at, channel=channel, ref=ref))

    def _end(
        self, channel: str, error: Callable[[str | None], ErrorMessage], *, received: bool = False
    ) -> list[Effect]:
        """End a subscription; each message that waits for its answer gets the error with its ref.

        `received`: the channel is received without a subscription too.
        """
        ended = self.subscriptions.end(channel)
        live = received or ended.was_live or not ended.waiting
        answers: list[Effect] = [Send(error(ref)) for ref in ended.waiting or [None]]
        return [Leave(channel), *answers, Send(ev.Unsubscribed(channel=channel))] if live else answers

    def entitled(self, right: Right, channel: str) -> bool:
        """Return whether the identity's claims give the right on the channel now, frozen or not."""
        return self.identity is not None and self._decide(self.identity, right, channel).entitled

    def subscribed(self, asked: Join) -> None:
        """Note that the channel is received from here on, and that the message was answered."""
        self.subscriptions.answered(asked.channel, asked.number, asked.ref)
        if self.identity is not None:
            self.own.follow(asked.channel, self.identity, wanted=True)

    def unsubscribable(self, asked: Join | RefuseDocument, at: Instant) -> list[Effect]:
        """Refuse a subscription to a document that does not exist, as a forbidden one is refused.

        With it ends what was subscribed before, when the document could be begun.
        """
        if not self.subscriptions.is_current(asked.channel, asked.number):
            return []  # it was answered when the subscription ended
        return self._end(asked.channel, lambda ref: no_subscription(asked.channel, ref, at))

    # --- time -------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """Return the latest moment at which `tick` has something to do, on the steady clock."""
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
        return login_answer(identity, self.session_id, self._limits, limits, ref)

    # --- messages ---------------------------------------------------------------------------------------------

    def _judge(self, command: Command | InboundMessage, identity: Identity, at: Instant) -> Decision:
        if isinstance(command, DomainMessage):
            return Decision(ACCEPTED, [DomainCommand(command)])
        match command:
            case Ping():
                return Decision(ACCEPTED, [Send(ev.Pong(timestamp=at.timestamp, ref=command.ref))])
            case Auth():
                return self._verify(command)
            case _:
                return self._rules.judge(command, identity, at)

    # --- rights and refusals ----------------------------------------------------------------------------------

    def _decide(self, identity: Identity, right: Right, channel: str) -> AccessDecision:
        return access(identity, right, channel, self._policy)

    def _settled(self, decision: Decision) -> Decision:
        """Return the decision; the session is closed after one that ends with a close."""
        if decision.effects and isinstance(decision.effects[-1], Close):
            self.state = SessionState.CLOSED
        return decision

    def _close(self, rule: str, code: CloseCode, reason: str, error: ev.ErrorMessage | None = None) -> Decision:
        self.state = SessionState.CLOSED
        return close_decision(rule, code, reason, error)
