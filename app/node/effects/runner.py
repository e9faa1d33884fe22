"""The effects that take time, each with its handler: tokens, subscriptions, publishing, editing, settings, the domain.

Each handler replies to its client itself. Authentication and subscribing hold the connection's next message back (but
for a subscription that waits until a long answer has left). Publishing does not: many sends of one connection are under
way at once, committed in the order in which they came.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.core.sessions.effects import (
    ApplySettings,
    HoldField,
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
from app.node.effects import channel_settings, editing, presence, publishing
from app.node.effects.domain import alerts, briefs, inboxes
from app.node.effects.effect_table import EffectTable
from dossier_realtime.protocol.commands import (
    AcknowledgeAlert,
    AcknowledgeNotifications,
    CancelBrief,
    RequestBrief,
    SnoozeNotification,
)

if TYPE_CHECKING:
    import asyncio

    from app.core.sessions.effects import Effect
    from app.node.connections.connection import Connection
    from app.node.effects.authentication import Authentication
    from app.node.effects.context import EffectContext
    from app.node.subscriptions.subscriptions import Subscriptions


class EffectRunner:
    """The table of all effects that a connection does not execute itself. A new capability adds one line."""

    def __init__(self, context: EffectContext, authentication: Authentication, subscriptions: Subscriptions) -> None:
        table = self.table = EffectTable(context.outcomes, context.background)
        table.at_once(VerifyToken, authentication.verify)
        table.in_turn(OpenSession, authentication.open_session)
        table.in_turn(RefuseDocument, subscriptions.look_up)
        table.uncounted(ReceiveOwn, subscriptions.receive_own)
        table.in_turn_while(Join, subscriptions.preceding_work, subscriptions.join, subscriptions.holds_messages)
        table.concurrent(UpdateOwnPresence, partial(presence.update, context))
        table.concurrent(HoldField, partial(presence.hold, context))
        table.concurrent(Publish, partial(publishing.publish, context))
        table.in_turn(ApplySettings, partial(channel_settings.apply, context))
        table.at_once(SubmitEdit, partial(editing.submit, context))
        table.concurrent(ShareCursor, partial(editing.share_cursor, context))
        table.concurrent(AcknowledgeAlert, partial(alerts.acknowledge, context))
        table.concurrent(CancelBrief, partial(briefs.cancel, context))
        table.concurrent(RequestBrief, partial(briefs.request, context))
        table.concurrent(AcknowledgeNotifications, partial(inboxes.acknowledge, context))
        table.concurrent(SnoozeNotification, partial(inboxes.snooze, context))

    def execute(self, connection: Connection, effect: Effect) -> asyncio.Task[None] | None:
        """Begin an effect; a returned task must end before the connection's next message."""
        return self.table.execute(connection, effect)
