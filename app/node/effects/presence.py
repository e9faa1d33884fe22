"""Changes of a user's presence on a channel (docs/protocol.md#present-users)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.node.effects.replies import acknowledge

if TYPE_CHECKING:
    from app.core.sessions.effects import UpdateOwnPresence
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext


async def update(context: EffectContext, connection: Connection, effect: UpdateOwnPresence) -> None:
    """Change the presence of a connection that is not hidden, and acknowledge."""
    attachment = connection.attachments.get(effect.channel)
    if attachment is not None and not attachment.hidden:
        await context.engine.presence.update(effect.channel, connection.connection_id, effect.change)
    acknowledge(connection, effect.ref, effect.channel)
