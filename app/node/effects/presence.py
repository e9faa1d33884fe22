"""Changes of a user's presence on a channel, and of the fields that the user holds there.

Source: docs/protocol.md#present-users, docs/protocol.md#soft-locks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.field_locks import MAX_LOCKS, TooManyLocksError
from app.node.effects.replies import acknowledge, refuse
from dossier_realtime.protocol.documents.field_locks import LockField
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from app.core.sessions.effects import HoldField, UpdateOwnPresence
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext


async def update(context: EffectContext, connection: Connection, effect: UpdateOwnPresence) -> None:
    """Change the presence of a connection that is not hidden, and acknowledge."""
    attachment = connection.attachments.get(effect.channel)
    if attachment is not None and not attachment.hidden:
        await context.engine.presence.update(effect.channel, connection.connection_id, effect.change)
    acknowledge(connection, effect.ref, effect.channel)


async def hold(context: EffectContext, connection: Connection, effect: HoldField) -> ErrorCode | None:
    """Take or release a field, and answer with its holder; return the code of a refusal."""
    command, presence = effect.command, context.engine.presence
    channel, field = command.channel, command.payload.field
    try:
        if isinstance(command, LockField):
            state = await presence.lock(channel, connection.connection_id, field, command.payload.seconds)
        else:
            state = await presence.unlock(channel, connection.connection_id, field)
    except TooManyLocksError:
        text = f"You hold {MAX_LOCKS} fields of this channel; release one first"
        return refuse(connection, ErrorCode.RATE_LIMIT_EXCEEDED, text, command.ref, channel)
    if state is None:
        text = "Only those whom others see hold a field; subscribe without hidden (at $.channel)"
        if not context.services.publisher.keeps_presence(channel):
            text = "This channel keeps no presence, and so no locks; an administrator can switch it on (at $.channel)"
        return refuse(connection, ErrorCode.INVALID_MESSAGE_FORMAT, text, command.ref, channel)
    if connection.closing is None and command.ref is not None:
        state.ref = command.ref
        connection.send(state)
    return None
