"""The rules of messages that name a channel. Pure; decisions come out.

The order of the checks: a channel of the protocol, a message that its namespace carries, a right of the identity.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, assert_never

from app.core import authorization
from app.core.sessions.effects import (
    ACCEPTED,
    ApplySettings,
    Decision,
    HoldField,
    Join,
    Leave,
    Publish,
    RefuseDocument,
    Send,
    ShareCursor,
    SubmitEdit,
    UpdateOwnPresence,
)
from app.core.sessions.error_messages import error_message, no_subscription
from dossier_realtime.protocol import codec
from dossier_realtime.protocol import responses as ev
from dossier_realtime.protocol.authorization import Identity, Right, access
from dossier_realtime.protocol.commands import (
    ChangeSettings,
    EditOperation,
    MoveCursor,
    Subscribe,
    Unsubscribe,
    UpdatePresence,
)
from dossier_realtime.protocol.documents.field_locks import LockField, UnlockField
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.inbound import InboundMessage
from dossier_realtime.protocol.namespaces import NAMESPACES, namespace_of

if TYPE_CHECKING:
    from app.core.instant import Instant
    from app.core.sessions.denials import Denials
    from app.core.sessions.own_channel import OwnChannel
    from app.core.sessions.subscription_set import SubscriptionSet
    from dossier_realtime.protocol.classification import ChannelPolicy

ChannelMessage = (
    Subscribe
    | Unsubscribe
    | UpdatePresence
    | ChangeSettings
    | EditOperation
    | MoveCursor
    | LockField
    | UnlockField
    | InboundMessage
)


class ChannelRules:
    """The rules of one connection. `subscriptions` and `own` are the session's: accepted messages change them."""

    def __init__(
        self,
        policy: ChannelPolicy,
        max_subscriptions: int,
        subscriptions: SubscriptionSet,
        own: OwnChannel,
        denials: Denials,
    ) -> None:
        self._policy = policy
        self._max_subscriptions = max_subscriptions
        self._subscriptions = subscriptions
        self._own = own
        self._denials = denials

    def judge(self, command: ChannelMessage, identity: Identity, at: Instant) -> Decision:
        """Judge one message. The checks of its channel's name come first, then those of its own kind."""
        wrong = self._wrong_channel(command.channel, command.ref, at)
        if wrong is not None:
            return wrong
        match command:
            case Subscribe():
                return self._subscribe(command, identity, at)
            case Unsubscribe():
                self._subscriptions.end(command.channel)
                self._own.follow(command.channel, identity, wanted=False)
                unsubscribed = ev.Unsubscribed(channel=command.channel, ref=command.ref)
                return Decision(ACCEPTED, [Leave(command.channel), Send(unsubscribed)])
            case UpdatePresence():
                return self._presence(command, identity, at)
            case ChangeSettings():
                decision = access(identity, Right.ADMIN, command.channel, self._policy)
                if not decision.allowed:
                    return self._denials.deny(decision.rule, command.channel, command.ref, at)
                return Decision(ACCEPTED, [ApplySettings(command.channel, command.payload, command.ref)])
            case EditOperation():
                return self._edit(command, identity, at)
            case MoveCursor():
                return self._cursor(command, identity, at)
            case LockField() | UnlockField():
                return self._hold(command, identity, at)
            case InboundMessage():
                return self._publish(command, identity, at)
            case _:
                assert_never(command)

    def _subscribe(self, command: Subscribe, identity: Identity, at: Instant) -> Decision:
        name, params = command.channel, command.params
        if params.since is not None and params.last is not None:
            return self._denials.bad_format("Give either since or last (at $.params.last)", at, name, command.ref)
        right = Right.ADMIN if params.hidden else Right.READ
        decision = access(identity, right, name, self._policy)
        # Only the store knows whether a document exists. It is asked before a refusal for want of clearance too, so
        # that neither answer nor time tells a document above the clearance from an absent one.
        is_document = namespace_of(name) is NAMESPACES["document"]
        if not (decision.allowed or (decision.permitted and is_document)):
            return Decision(decision.rule, [Send(no_subscription(name, command.ref, at))])
        if name not in self._subscriptions and len(self._subscriptions) >= self._max_subscriptions:
            text = f"This connection has {self._max_subscriptions} subscriptions; unsubscribe from one first"
            error = error_message(ErrorCode.SUBSCRIPTION_FAILED, text, at, channel=name, ref=command.ref)
            return Decision("limit.subscriptions", [Send(error)])
        # Noted like one that is allowed: until it was looked for, the two are handled alike.
        number, again = self._subscriptions.ask(name, command.ref, is_sought=is_document)
        if not decision.allowed:
            return Decision(decision.rule, [RefuseDocument(name, command.ref, number)])
        join = Join(name, command.ref, params.include_presence, params.hidden, params.since, params.last, again, number)
        return Decision(ACCEPTED, [join])

    def _presence(self, command: UpdatePresence, identity: Identity, at: Instant) -> Decision:
        name = command.channel
        if not namespace_of(name).presence:
            return self._denials.bad_format(
                "Presence is not kept on this channel (at $.channel)", at, name, command.ref
            )
        if name not in self._subscriptions:
            return self._denials.deny("not_subscribed", name, command.ref, at)
        if command.payload.user_id not in (None, identity.user_id):
            return self._denials.deny("identity", name, command.ref, at)
        return Decision(ACCEPTED, [UpdateOwnPresence(name, command.payload, command.ref)])

    def _edit(self, command: EditOperation, identity: Identity, at: Instant) -> Decision:
        name, payload = command.channel, command.payload
        if namespace_of(name) is not NAMESPACES["document"]:
            return self._denials.bad_format("Only documents are edited (at $.channel)", at, name, command.ref)
        if name not in self._subscriptions:
            return self._denials.deny("not_subscribed", name, command.ref, at)
        denial = authorization.send_denial(self._policy, identity, name)
        if denial is not None:
            return self._denials.refuse(denial, at, name, command.ref)
        if payload.user_id not in (None, identity.user_id) or payload.user_name not in (None, identity.name):
            return self._denials.deny("identity", name, command.ref, at)
        return Decision(ACCEPTED, [SubmitEdit(command)])

    def _cursor(self, command: MoveCursor, identity: Identity, at: Instant) -> Decision:
        name = command.channel
        if namespace_of(name) is not NAMESPACES["document"]:
            return self._denials.bad_format("Only documents have cursors (at $.channel)", at, name, command.ref)
        if name not in self._subscriptions:
            return self._denials.deny("not_subscribed", name, command.ref, at)
        if command.payload.user_id not in (None, identity.user_id):
            return self._denials.deny("identity", name, command.ref, at)
        return Decision(ACCEPTED, [ShareCursor(command)])

    def _hold(self, command: LockField | UnlockField, identity: Identity, at: Instant) -> Decision:
        name = command.channel
        if not namespace_of(name).presence:
            text = "Fields are held where presence is kept, as on documents and dossiers (at $.channel)"
            return self._denials.bad_format(text, at, name, command.ref)
        if name not in self._subscriptions:
            return self._denials.deny("not_subscribed", name, command.ref, at)
        denial = authorization.send_denial(self._policy, identity, name) if isinstance(command, LockField) else None
        if denial is not None:
            return self._denials.refuse(denial, at, name, command.ref)
        return Decision(ACCEPTED, [HoldField(command)])

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
        return self._denials.refuse(denial, at, name, inbound.ref)

    def _wrong_channel(self, name: str | None, ref: str | None, at: Instant) -> Decision | None:
        if name in self._subscriptions:
            return None  # parsed before
        denial = authorization.channel_denial(name)
        return None if denial is None else self._denials.refuse(denial, at, name, ref)
