"""Marking and snoozing the entries of the sender's own inbox (docs/protocol.md#inbox)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.ports.errors import Unavailable
from app.node.effects import replies
from app.services.domain.inboxes import MAX_SNOOZE_SECONDS, UnknownEntryError
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from app.engine.ports.events import PublishResult
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext
    from dossier_realtime.protocol.commands import AcknowledgeNotifications, SnoozeNotification

_NO_ENTRY = "No such entry is in your inbox; read it with GET /v1/inbox"


async def acknowledge(
    context: EffectContext, connection: Connection, command: AcknowledgeNotifications
) -> ErrorCode | None:
    """Mark entries as read, and reply with the place of the state that says so; return the code of a refusal."""
    inboxes, user_id, asked = context.services.inboxes, connection.user_id, command.payload
    if (asked.ids is None) == (asked.up_to is None):
        text = "Name either ids or up_to (at $.payload)"
        return replies.refuse(connection, ErrorCode.INVALID_MESSAGE_FORMAT, text, command.ref)
    if asked.ids is not None:
        return await _settle(context, connection, command.ref, "ids", inboxes.read(user_id, asked.ids))
    return await _settle(context, connection, command.ref, "up_to", inboxes.read_up_to(user_id, asked.up_to or 0))


async def snooze(context: EffectContext, connection: Connection, command: SnoozeNotification) -> ErrorCode | None:
    """Let an entry wait, and reply like `acknowledge`; return the code of a refusal."""
    asked, now = command.payload, connection.now.wall
    if not now < asked.until <= now + MAX_SNOOZE_SECONDS:
        text = "An entry is snoozed until a time within the next 90 days, in Unix seconds (at $.payload.until)"
        return replies.refuse(connection, ErrorCode.INVALID_MESSAGE_FORMAT, text, command.ref)
    work = context.services.inboxes.snooze(connection.user_id, asked.id, asked.until)
    return await _settle(context, connection, command.ref, "id", work)


async def _settle(
    context: EffectContext, connection: Connection, ref: str | None, field: str, work: Awaitable[PublishResult | None]
) -> ErrorCode | None:
    started = connection.now.steady
    try:
        result = await work
    except UnknownEntryError:
        text = f"{_NO_ENTRY} (at $.payload.{field})"
        return replies.refuse(connection, ErrorCode.INVALID_MESSAGE_FORMAT, text, ref)
    except Unavailable:
        return replies.refuse_busy(connection, ref)
    if result is not None:
        context.recorder.record_published([result], connection.now.steady - started)
    replies.acknowledge(connection, ref, channels.user(connection.user_id), result)
    return None
