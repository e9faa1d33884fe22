"""Edits of documents and cursors in them (docs/protocol.md#edits, docs/protocol.md#cursors)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.core.authorization import NO_SENDING
from app.core.domain.documents import EditError
from app.core.sessions.error_messages import error_message
from app.engine.ports.errors import Unavailable
from app.node.effects.replies import acknowledge, refuse, refuse_busy
from app.services.editing.cursors import CursorOwner
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from dossier_realtime.protocol.authorization import Right
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.responses import OperationAck, OperationAckPayload

if TYPE_CHECKING:
    from app.core.sessions.effects import ShareCursor, SubmitEdit
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext
    from dossier_realtime.protocol.events import Event


def submit(context: EffectContext, connection: Connection, effect: SubmitEdit) -> None:
    """Put an edit into its document's queue. Delivery answers its author in the place of the edit's own version."""
    command, identity = effect.command, connection.session.identity
    assert identity is not None  # noqa: S101  the session checked
    attachment = connection.attachments.get(command.channel)
    submission = EditSubmission(
        EditAuthor(identity.user_id, identity.name, identity.role, connection.connection_id),
        command.payload,
        partial(_answer, context, connection, effect),
        holds=partial(context.rights.holds, connection, Right.WRITE, command.channel),
        epoch="" if attachment is None else attachment.epoch,
    )
    context.services.documents.submit(command.channel, submission)


def _answer(context: EffectContext, connection: Connection, effect: SubmitEdit, outcome: int | EditError) -> None:
    """Answer with the version that the edit became, or with its refusal.

    While the connection catches up on the channel, the answer waits behind the versions before it.
    """
    command = effect.command
    context.outcomes.settle(effect, None if isinstance(outcome, int) else outcome.code)
    if connection.closing is not None:
        return
    answer: Event
    if isinstance(outcome, int):
        context.recorder.record_edit()
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


async def share_cursor(context: EffectContext, connection: Connection, effect: ShareCursor) -> ErrorCode | None:
    """Show a cursor to the other editors, unless its user is hidden, and acknowledge; return the code of a refusal."""
    command = effect.command
    channel = command.channel
    attachment = connection.attachments.get(channel)
    if attachment is None:  # left while this waited
        return refuse(connection, ErrorCode.PERMISSION_DENIED, NO_SENDING, command.ref, channel)
    try:
        identity = connection.session.identity
        if not attachment.hidden and identity is not None:
            owner = CursorOwner(connection.connection_id, identity.user_id, identity.name)
            await context.services.cursors.move(channel, owner, command.payload)
            if channel not in connection.attachments:  # left while the cursor was placed
                context.services.cursors.left(channel, connection.connection_id)
    except EditError as refusal:
        return refuse(connection, refusal.code, refusal.text, command.ref, channel, version=refusal.version)
    except Unavailable:
        return refuse_busy(connection, command.ref, channel)
    acknowledge(connection, command.ref, channel)
    return None
