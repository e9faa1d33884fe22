"""Tokens and sessions: verify a token, then open the session or renew it.

Source: docs/protocol.md#authentication-and-sessions.

The registry keeps a session that is being opened within reach: a revocation or a control command that comes while the
engine is waited for counts as if the session had been open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.presence import Profile
from app.core.sessions.effects import OpenSession
from app.engine.ports.control import ControlCommand
from app.engine.ports.errors import TooManyConnections, Unavailable
from app.engine.ports.sessions import SessionRecord
from app.node.effects.replies import refuse, refuse_busy
from app.security.auth import KeysUnavailable, KeyUnknown, TokenError
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    import asyncio

    from app.core.sessions.effects import VerifyToken
    from app.node.connections.connection import Connection
    from app.node.connections.connection_limit import ConnectionLimit
    from app.node.connections.registry import Registry
    from app.node.effects.context import EffectContext
    from app.node.subscriptions.subscriptions import Subscriptions
    from app.security.auth import TokenVerifier
    from dossier_realtime.protocol.authorization import Identity


_NO_KEYS = "The keys that verify tokens cannot be fetched now; authenticate again later"
_RENEW_AFTER_SECONDS = 10  # six renewals a minute are allowed


class Authentication:
    """The handlers of `VerifyToken` and `OpenSession`."""

    def __init__(
        self,
        context: EffectContext,
        verifier: TokenVerifier,
        registry: Registry,
        subscriptions: Subscriptions,
        limit: ConnectionLimit,
    ) -> None:
        self._engine = context.engine
        self._recorder = context.recorder
        self._background = context.background
        self._outcomes = context.outcomes
        self._seen = context.services.clearances.seen
        self._verifier = verifier
        self._registry = registry
        self._subscriptions = subscriptions
        self._limit = limit

    def verify(self, connection: Connection, asked: VerifyToken) -> asyncio.Task[None] | None:
        """Verify a token; a returned task fetches the key that it names, and must end before the next message."""
        try:
            identity = self._verifier.verify(asked.token, connection.now.wall)
        except KeyUnknown:
            return self._background.start(self._verify_with_fetch(connection, asked))
        except TokenError as refused:
            self._token_refused(connection, asked, refused)
            return None
        return self._verified(connection, asked, identity)

    async def _verify_with_fetch(self, connection: Connection, asked: VerifyToken) -> None:
        try:
            identity = await self._verifier.check(asked.token, connection.now.wall)
        except TokenError as refused:
            self._token_refused(connection, asked, refused)
            return
        except KeysUnavailable as undecided:
            self._token_undecided(connection, asked, undecided)
            return
        opening = self._verified(connection, asked, identity)
        if opening is not None:
            await opening

    def _verified(self, connection: Connection, asked: VerifyToken, identity: Identity) -> asyncio.Task[None] | None:
        at = connection.now
        if self._engine.revocations.is_revoked(identity.user_id, identity.token_id, identity.issued_at):
            self._outcomes.settle(asked, ErrorCode.INVALID_TOKEN)
            connection.apply(connection.session.token_refused(asked, at, revoked=True))
            return None
        self._seen(identity)
        decision = connection.session.verified(identity, asked, at)
        connection.host.timers.watch(connection)
        if connection.session.session_id and not decision.rule:
            self._recorder.record_renewed(connection)
            profile = Profile.of(identity, connection.session.token_at)
            self._background.start(self._engine.presence.renew(connection.connection_id, profile))
        if decision.rule:
            self._recorder.record_decision(connection, decision)
        if not any(isinstance(effect, OpenSession) for effect in decision.effects):  # which counts its own outcome
            self._outcomes.settle(asked, ErrorCode.AUTH_FAILED if decision.rule else None)
        return connection.execute(decision.effects)

    def _token_refused(self, connection: Connection, asked: VerifyToken, refused: TokenError) -> None:
        at = connection.now
        self._recorder.record_refused_token(connection.address, refused.reason, at.steady)
        self._outcomes.settle(asked, ErrorCode.INVALID_TOKEN)
        connection.apply(connection.session.token_refused(asked, at))

    def _token_undecided(self, connection: Connection, asked: VerifyToken, undecided: KeysUnavailable) -> None:
        """Refuse a token that may be good. The connection stays as it is; one without a login is invited back."""
        is_login = connection.session.identity is None
        self._recorder.record_refused_token(connection.address, undecided.reason, connection.now.steady)
        connection.session.token_undecided()
        wait = None if is_login else _RENEW_AFTER_SECONDS
        busy = refuse(connection, ErrorCode.SERVICE_UNAVAILABLE, _NO_KEYS, asked.ref, retry_after=wait)
        self._outcomes.settle(asked, busy)
        if is_login:
            connection.restart()

    async def open_session(self, connection: Connection, asked: OpenSession) -> ErrorCode | None:
        """Open or resume the session, and answer the login; return the code of a refusal."""
        at, session = connection.now, connection.session
        identity = session.identity
        assert identity is not None  # noqa: S101  set when the token was verified
        record = SessionRecord(
            connection.host.new_id(),
            identity.user_id,
            identity.name,
            identity.role,
            connection.address,
            connection.host.name,
            at.wall,
            0,
        )
        connection.share_refusals(identity.user_id)
        self._registry.begin_opening(connection)
        opened = None
        try:
            opened = await self._limit.open(record, asked.session_id)
            if opened.displaced is not None:
                command = ControlCommand("replace", opened.session_id, count=opened.reconnect_count)
                await self._engine.control.send(command)
        except TooManyConnections:
            self._registry.give_up_opening(connection)
            connection.apply(session.connection_limit(asked.ref, at))
            return ErrorCode.RATE_LIMIT_EXCEEDED
        except Unavailable:
            self._registry.give_up_opening(connection)
            busy = refuse_busy(connection, asked.ref)
            connection.restart()
            if opened is not None:  # no connection will ever speak for it
                await self._engine.sessions.close(opened.session_id, opened.reconnect_count)
            return busy
        # From here until the session is registered nothing is awaited: no command comes between.
        missed = self._registry.finish_opening(connection, opened)
        if any(command.kind == "replace" and command.count > opened.reconnect_count for command in missed):
            connection.apply(session.replaced())  # the engine's session goes on, over the later connection
            return None
        if connection.closing is not None:
            await self._engine.sessions.close(opened.session_id, opened.reconnect_count)
            return None
        connection.user_id = identity.user_id
        effects = session.opened(opened.session_id, opened.reconnect_count, asked.ref)
        self._registry.by_session[opened.session_id] = connection
        self._recorder.record_opened(connection)
        for command in missed:
            if command.kind == "end_session":
                connection.apply(session.revoked(command.reason, connection.now))
                return None
        if session.own.received:
            try:
                await self._subscriptions.attach_own(connection, channels.user(identity.user_id))
            except Unavailable:
                busy = refuse_busy(connection, asked.ref)
                connection.restart()
                return busy
        connection.execute(effects)
        return None
