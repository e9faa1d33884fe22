"""Commands about briefs: cancelling, recorded before it is done, and requests, which are not served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.ports.errors import Unavailable
from app.journal.lanes import ActNotRecorded
from app.node.effects.recorded_act import RecordedAct, RightLostError
from app.node.effects.replies import acknowledge, refuse, refuse_busy
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext
    from dossier_realtime.protocol.commands import CancelBrief, RequestBrief

_NOT_SERVED = "This is not served here yet; do not send it again"
# The same words for an absent brief and another user's: a client cannot learn which briefs exist.
_NOT_OWNER = "You have no such brief; only its owner can cancel it"


async def cancel(context: EffectContext, connection: Connection, command: CancelBrief) -> ErrorCode | None:
    """Cancel a brief for its owner, and acknowledge; return the code of a refusal."""
    identity, started = connection.session.identity, connection.now.steady
    assert identity is not None  # noqa: S101  the session checked
    act = RecordedAct.of_token(context, connection)
    try:
        async with act:
            ended = await context.services.briefs.cancel(command.payload.request_id, identity, act.record)
            act.unchanged = ended is not None and ended.result is None
    except (Unavailable, ActNotRecorded):
        return refuse_busy(connection, command.ref)
    except RightLostError:
        ended = None
    if ended is None:
        return refuse(connection, ErrorCode.PERMISSION_DENIED, _NOT_OWNER, command.ref)
    if ended.result is not None:
        context.recorder.record_published([ended.result], connection.now.steady - started)
    acknowledge(connection, command.ref, ended.brief.channel, ended.result, ended.brief.ended)
    return None


def refuse_request(connection: Connection, command: RequestBrief) -> ErrorCode:
    """Refuse a request for a brief."""
    return refuse(connection, ErrorCode.PERMISSION_DENIED, _NOT_SERVED, command.ref)
