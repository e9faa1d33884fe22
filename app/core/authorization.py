"""Denials of a client's request on a channel: the same for the socket and for HTTP, in the same words.

Rights are decided in `dossier_realtime/protocol/authorization.py`. A denial of one kind is equal to the letter whether
the channel is absent, forbidden or above clearance, so that it tells nothing about what exists
(docs/protocol.md#uniform-refusals). The rule beside it is for the journal alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Right, access
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.inbound import ForeignIdentity, event_type, stamp
from dossier_realtime.protocol.namespaces import namespace_of

if TYPE_CHECKING:
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.protocol.events import Publishable


class Denial(NamedTuple):
    """The reason for a refusal. `path` is a JSON path within the message."""

    rule: str
    code: ErrorCode
    text: str
    path: str = "$"


NO_SUBSCRIPTION = "Insufficient permissions to subscribe to channel"
NO_SENDING = "Insufficient permissions to send to channel"


def channel_denial(name: str | None) -> Denial | None:
    """Return the fault of a channel's name, if there is one."""
    if name is None:
        text = "The message names no channel; add one"
        return Denial("format", ErrorCode.INVALID_MESSAGE_FORMAT, text, "$.channel")
    try:
        channels.parse(name)
    except channels.ChannelError as wrong:
        text = str(wrong)
        return Denial("format", ErrorCode.INVALID_MESSAGE_FORMAT, text[0].upper() + text[1:], "$.channel")
    except channels.UnknownNamespace:
        text = "There is no such channel; check its name"
        return Denial("grammar.namespace", ErrorCode.CHANNEL_NOT_FOUND, text, "$.channel")
    return None


def send_denial(policy: ChannelPolicy, identity: Identity, channel: str) -> Denial | None:
    """Return why the identity may not send to the channel, if so."""
    decision = access(identity, Right.WRITE, channel, policy)
    return None if decision.allowed else Denial(decision.rule, ErrorCode.PERMISSION_DENIED, NO_SENDING)


def carried_denial(event: Publishable, channel: str) -> Denial | None:
    """Return a denial where the channel's namespace does not carry the event."""
    if event_type(event) in namespace_of(channel).carries:
        return None
    text = "This channel does not carry that event"
    return Denial("format", ErrorCode.INVALID_MESSAGE_FORMAT, text, "$.type")


def stamp_denial(event: Publishable, identity: Identity, timestamp: int) -> Denial | None:
    """Stamp the event as the identity's own; return a denial where it names another user."""
    try:
        stamp(event, identity.user_id, identity.name, timestamp)
    except ForeignIdentity as foreign:
        return Denial("identity", ErrorCode.PERMISSION_DENIED, NO_SENDING, str(foreign))
    return None
