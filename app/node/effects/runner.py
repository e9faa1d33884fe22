"""Carrying out what takes time: tokens, sessions, subscriptions, publishing, settings.

Each answers its client itself. Authentication and subscribing hold the connection's next message back; publishing
does not: many sends of one connection are under way at once, committed in the order in which they came.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.core.authorization import NO_SENDING
from app.core.domain.documents import EditError
from app.core.sessions.effects import (
    ApplySettings,
    DomainCommand,
    Join,
    OpenSession,
    Publish,
    ReceiveOwn,
    RefuseDocument,
    ShareCursor,
    SubmitEdit,
    UpdateOwnPresence,
    VerifyToken,
)
from app.core.sessions.error_messages import error_message
from app.engine.ports import (
    ControlCommand,
    DomainFactError,
    IdempotencyKey,
    KeyConflict,
    Profile,
    SessionRecord,
    TooManyConnections,
    Unavailable,
)
from app.journal.acts import Act
from app.journal.lanes import ActNotRecorded
from app.node.effects.outcomes import Outcomes
from app.node.effects.recorded_act import Acting, RightLost
from app.security.auth import KeyUnknown, TokenError
from app.services.editing.edit_submission import EditSubmission
from app.services.quotas import QuotaExceeded
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.commands import AcknowledgeAlert, CancelBrief, RequestBrief, SettingsChange
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import AlertState
from dossier_realtime.protocol.responses import Ack, ChannelSettingsReply, OperationAck, OperationAckPayload

if TYPE_CHECKING:
    import asyncio

    from app.core.sessions.effects import Effect
    from app.engine.ports import Engine
    from app.journal.acts import ActRecord
    from app.node.connections.connection import Connection
    from app.node.connections.connection_limit import ConnectionLimit
    from app.node.connections.registry import Registry
    from app.node.connections.subscriptions import Subscriptions
    from app.node.recorder import Recorder
    from app.node.sockets.background import Background
    from app.security.auth import TokenVerifier
    from app.services.alerts import Alerts
    from app.services.briefs import Briefs
    from app.services.channel_admin import ChannelAdmin
    from app.services.editing.cursors import Cursors
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelSettings
    from dossier_realtime.protocol.commands import MoveCursor
    from dossier_realtime.protocol.events import Event

_BUSY = "The service cannot store changes now; try again later"
_NOT_SERVED = "This is not served here yet; do not send it again"
# Of what is absent and of what is another's, in the same words: nobody learns what exists.
_NOT_ALERTED = "No alert of this commitment came to you; whoever got one can acknowledge it"
_NOT_OWNER = "You have no such brief; only its owner can cancel it"


class EffectRunner:
    """The node's hands."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        publisher: EventPublisher,
        documents: Documents,
        cursors: Cursors,
        alerts: Alerts,
        briefs: Briefs,
        verifier: TokenVerifier,
        settings: ChannelAdmin,
        registry: Registry,
        subscriptions: Subscriptions,
        recorder: Recorder,
        acts: ActRecord,
        background: Background,
        limit: ConnectionLimit,
    ) -> None:
        self._name = name
        self._engine = engine
        self._publisher = publisher
        self._documents = documents
        self._cursors = cursors
        self._alerts = alerts
        self._briefs = briefs
        self._verifier = verifier
        self._settings = settings
        self._registry = registry
        self._subscriptions = subscriptions
        self._recorder = recorder
        self._acts = acts
        self._background = background
        self._limit = limit
        self._outcomes = Outcomes(recorder, background)

    def execute(self, connection: Connection, effect: Effect) -> asyncio.Task[None] | None:  # noqa: C901  a table
        """Begin; a returned task is to be over before the connection's next message."""
        match effect:
            case VerifyToken():
                return self._verify(connection, effect)
            case OpenSession():
                return self._outcomes.begin(effect, self._open(connection, effect))
            case RefuseDocument(channel, ref):
                return self._background.start(self._subscriptions.refuse_document(connection, channel, ref))
            case ReceiveOwn(channel):
                return self._background.start(self._subscriptions.attach_own(connection, channel))
            case Join():
                return self._outcomes.begin(effect, self._subscriptions.join(connection, effect))
            case Publish():
                self._outcomes.begin(effect, self._publish(connection, effect))
            case UpdateOwnPresence():
                self._outcomes.begin(effect, self._update_presence(connection, effect))
            case ApplySettings():
                return self._outcomes.begin(effect, self._apply_settings(connection, effect))
            case SubmitEdit():
                self._submit_edit(connection, effect)
            case ShareCursor(command):
                self._outcomes.begin(effect, self._share_cursor(connection, command))
            case DomainCommand(AcknowledgeAlert() as command):
                self._outcomes.begin(effect, self._acknowledge(connection, command))
            case DomainCommand(CancelBrief() as command):
                self._outcomes.begin(effect, self._cancel(connection, command))
            case DomainCommand(RequestBrief() as command):
                denied = self._refuse(connection, ErrorCode.PERMISSION_DENIED, _NOT_SERVED, command.ref)
                self._outcomes.settle(effect, denied)
            case _:
                raise AssertionError(effect)
        return None

    # --- authentication ---------------------------------------------------------------------------------------

    def _verify(self, connection: Connection, asked: VerifyToken) -> asyncio.Task[None] | None:
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
        opening = self._verified(connection, asked, identity)
        if opening is not None:
            await opening

    def _verified(self, connection: Connection, asked: VerifyToken, identity: Identity) -> asyncio.Task[None] | None:
        at = connection.now
        if self._engine.revocations.is_revoked(identity.user_id, identity.token_id, identity.issued_at):
            self._outcomes.settle(asked, ErrorCode.INVALID_TOKEN)
            connection.apply(connection.session.token_refused(asked, at, revoked=True))
            return None
        decision = connection.session.verified(identity, asked, at)
        connection.host.timers.watch(connection)
        if connection.session.session_id and not decision.rule:
            self._recorder.record_renewed(connection)
            profile = Profile.of(identity, connection.session.token_at)
            self._background.start(self._engine.presence.renew(connection.connection_id, profile))
        if decision.rule:
            self._recorder.record_decision(connection, decision)
        if not any(isinstance(effect, OpenSession) for effect in decision.effects):  # which decides in its turn
            self._outcomes.settle(asked, ErrorCode.AUTH_FAILED if decision.rule else None)
        return connection.execute(decision.effects)

    def _token_refused(self, connection: Connection, asked: VerifyToken, refused: TokenError) -> None:
        at = connection.now
        self._recorder.record_refused_token(connection.address, refused.reason, at.steady)
        self._outcomes.settle(asked, ErrorCode.INVALID_TOKEN)
        connection.apply(connection.session.token_refused(asked, at))

    async def _open(self, connection: Connection, asked: OpenSession) -> ErrorCode | None:
        at, session = connection.now, connection.session
        identity = session.identity
        assert identity is not None  # noqa: S101  set when the token was verified
        record = SessionRecord(
            connection.host.new_id(),
            identity.user_id,
            identity.name,
            identity.role,
            connection.address,
            self._name,
            at.wall,
            0,
        )
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
            busy = self._refuse(connection, ErrorCode.SERVICE_UNAVAILABLE, _BUSY, asked.ref)
            connection.restart()
            if opened is not None:  # nobody ever speaks for it
                await self._engine.sessions.close(opened.session_id, opened.reconnect_count)
            return busy
        # From here until the session is registered nothing is waited for: no command comes between.
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
            await self._subscriptions.attach_own(connection, channels.user(identity.user_id))
        connection.execute(effects)
        return None

    # --- sending ----------------------------------------------------------------------------------------------

    async def _publish(self, connection: Connection, effect: Publish) -> ErrorCode | None:
        inbound, identity = effect.inbound, connection.session.identity
        channel = inbound.event.channel
        assert channel is not None and identity is not None  # noqa: S101, PT018  the session checked
        if self._is_revoked(connection):
            return ErrorCode.INVALID_TOKEN  # and its connection is being closed
        key, started = None, connection.now.steady
        if inbound.idempotency_key is not None and effect.digest is not None:
            key = IdempotencyKey(connection.user_id, inbound.idempotency_key, effect.digest)
        try:
            results = await self._publisher.publish([(channel, inbound.event)], identity, key)
        except QuotaExceeded as enough:
            wait = enough.retry_after
            return self._refuse(connection, enough.code, str(enough), inbound.ref, channel, retry_after=wait)
        except KeyConflict:
            text = "This idempotency_key was used with another body; make a new one (at $.idempotency_key)"
            return self._refuse(connection, ErrorCode.INVALID_MESSAGE_FORMAT, text, inbound.ref, channel)
        except DomainFactError as refused:
            return self._refuse(connection, ErrorCode.PERMISSION_DENIED, str(refused), inbound.ref, channel)
        except Unavailable:
            return self._refuse(connection, ErrorCode.SERVICE_UNAVAILABLE, _BUSY, inbound.ref, channel)
        self._recorder.record_published(results, connection.now.steady - started)
        if inbound.ref is not None and connection.closing is None:
            first = results[0]
            connection.send(Ack(ref=inbound.ref, channel=channel, offset=first.offset, epoch=first.epoch))
        return None

    async def _acknowledge(self, connection: Connection, command: AcknowledgeAlert) -> ErrorCode | None:
        identity, started = connection.session.identity, connection.now.steady
        assert identity is not None  # noqa: S101  the session checked
        user_id, acting = identity.user_id, self._acting(connection)
        try:
            async with acting:
                taken = await self._alerts.acknowledge(command.payload.commitment_id, identity, acting.record)
                acting.unchanged = taken is not None and not taken.results
        except (Unavailable, ActNotRecorded):
            return self._refuse(connection, ErrorCode.SERVICE_UNAVAILABLE, _BUSY, command.ref)
        except RightLost:
            taken = None
        if taken is None:
            return self._refuse(connection, ErrorCode.PERMISSION_DENIED, _NOT_ALERTED, command.ref)
        if taken.results:
            self._recorder.record_published(taken.results, connection.now.steady - started)
        if command.ref is None or connection.closing is not None:
            return None
        own = next((result for result in taken.results if result.channel == channels.user(user_id)), None)
        if own is not None:
            connection.send(Ack(ref=command.ref, channel=own.channel, offset=own.offset, epoch=own.epoch))
        else:
            connection.send(AlertState(payload=taken.alert.state, ref=command.ref))
        return None

    async def _cancel(self, connection: Connection, command: CancelBrief) -> ErrorCode | None:
        identity, started = connection.session.identity, connection.now.steady
        assert identity is not None  # noqa: S101  the session checked
        acting = self._acting(connection)
        try:
            async with acting:
                ended = await self._briefs.cancel(command.payload.request_id, identity, acting.record)
                acting.unchanged = ended is not None and ended.result is None
        except (Unavailable, ActNotRecorded):
            return self._refuse(connection, ErrorCode.SERVICE_UNAVAILABLE, _BUSY, command.ref)
        except RightLost:
            ended = None
        if ended is None:
            return self._refuse(connection, ErrorCode.PERMISSION_DENIED, _NOT_OWNER, command.ref)
        result = ended.result
        if result is not None:
            self._recorder.record_published([result], connection.now.steady - started)
        if command.ref is not None and connection.closing is None:
            ack = Ack(ref=command.ref, channel=ended.brief.channel, ended=ended.brief.ended)
            if result is not None:
                ack.offset, ack.epoch = result.offset, result.epoch
            connection.send(ack)
        return None

    def _submit_edit(self, connection: Connection, effect: SubmitEdit) -> None:
        command, identity = effect.command, connection.session.identity
        assert identity is not None  # noqa: S101  the session checked
        answer = partial(self._edit_answered, connection, effect)
        submission = EditSubmission(
            connection.connection_id,
            identity.user_id,
            identity.name,
            answer,
            command.payload,
            role=identity.role,
            holds=partial(self._holds, connection, Right.WRITE, command.channel),
        )
        self._documents.submit(command.channel, submission)

    def _edit_answered(self, connection: Connection, effect: SubmitEdit, outcome: int | EditError) -> None:
        command = effect.command
        self._outcomes.settle(effect, None if isinstance(outcome, int) else outcome.code)
        if connection.closing is not None:
            return
        answer: Event
        if isinstance(outcome, int):
            self._recorder.record_edit()
            payload = OperationAckPayload(version=outcome, op_id=command.payload.op_id)
            answer = OperationAck(channel=command.channel, payload=payload, ref=command.ref)
        else:
            answer = error_message(
                outcome.code,
                outcome.text,
                connection.now,
                channel=command.channel,
                ref=command.ref,
                version=outcome.version,
                retry_after=outcome.retry_after,
            )
        attachment = connection.attachments.get(command.channel)
        if attachment is not None and attachment.catching_up is not None:
            attachment.held += (answer,)
        else:
            connection.send(answer)

    async def _share_cursor(self, connection: Connection, command: MoveCursor) -> ErrorCode | None:
        attachment = connection.attachments.get(command.channel)
        if attachment is None:  # left while this waited
            return self._refuse(connection, ErrorCode.PERMISSION_DENIED, NO_SENDING, command.ref, command.channel)
        try:
            if not attachment.hidden:
                await self._cursors.move(command.channel, connection.user_id, command.payload)
        except EditError as no:
            return self._refuse(connection, no.code, no.text, command.ref, command.channel)
        except Unavailable:
            return self._refuse(connection, ErrorCode.SERVICE_UNAVAILABLE, _BUSY, command.ref, command.channel)
        if command.ref is not None and connection.closing is None:
            connection.send(Ack(ref=command.ref, channel=command.channel))
        return None

    async def _update_presence(self, connection: Connection, effect: UpdateOwnPresence) -> ErrorCode | None:
        attachment = connection.attachments.get(effect.channel)
        if attachment is not None and not attachment.hidden:
            await self._engine.presence.update(effect.channel, connection.connection_id, effect.change)
        if effect.ref is not None and connection.closing is None:
            connection.send(Ack(ref=effect.ref, channel=effect.channel))
        return None

    async def _apply_settings(self, connection: Connection, effect: ApplySettings) -> ErrorCode | None:
        channel = effect.channel
        acting = Acting(self._acts, connection, partial(self._holds, connection, Right.ADMIN, channel))

        async def record(before: ChannelSettings, after: ChannelSettings) -> None:
            await acting.record(
                Act("change_settings", "channel", channel, channel, before=before.payload(), after=after.payload())
            )
            acting.unchanged = before == after

        try:
            if effect.change == SettingsChange():  # an empty one only reads
                after = self._settings.read(channel)
            else:
                async with acting:
                    _, after = await self._settings.change(channel, effect.change, record)
        except (Unavailable, ActNotRecorded):
            return self._refuse(connection, ErrorCode.SERVICE_UNAVAILABLE, _BUSY, effect.ref, channel)
        except RightLost:
            return self._refuse(connection, ErrorCode.PERMISSION_DENIED, NO_SENDING, effect.ref, channel)
        if connection.closing is None:
            connection.send(ChannelSettingsReply(channel=channel, payload=after.payload(), ref=effect.ref))
        return None

    def _acting(self, connection: Connection) -> Acting:
        return Acting(self._acts, connection, lambda: not self._is_revoked(connection))

    def _is_revoked(self, connection: Connection) -> bool:
        one = connection.session.identity
        return one is None or self._engine.revocations.is_revoked(one.user_id, one.token_id, one.issued_at)

    def _holds(self, connection: Connection, right: Right, channel: str) -> bool:
        """Return whether the author of what waits may do it still: the token is good, and the right theirs."""
        identity = connection.session.identity
        held = identity is not None and access(identity, right, channel, connection.host.policy).allowed
        return held and not self._is_revoked(connection)

    def _refuse(
        self,
        connection: Connection,
        code: ErrorCode,
        message: str,
        ref: str | None,
        channel: str | None = None,
        *,
        retry_after: int | None = None,
    ) -> ErrorCode:
        if connection.closing is None:
            at = connection.now
            connection.send(error_message(code, message, at, channel=channel, ref=ref, retry_after=retry_after))
        return code
