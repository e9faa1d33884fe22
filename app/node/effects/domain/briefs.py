"""Commands about briefs: requests and cancellations, each recorded before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.ports.errors import KeyConflict, Unavailable
from app.journal.lanes import ActNotRecorded
from app.node.effects.recorded_act import RecordedAct, RightLostError
from app.node.effects.replies import acknowledge, refuse, refuse_busy
from app.services.briefs.requests import BriefRefusedError
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext
    from dossier_realtime.protocol.commands import CancelBrief, RequestBrief

_NOT_READABLE = "Insufficient permissions to request a brief about this entity"
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


async def request(context: EffectContext, connection: Connection, command: RequestBrief) -> ErrorCode | None:
    """Accept a request for a brief, and acknowledge with its id; return the code of a refusal."""
    identity, started = connection.session.identity, connection.now.steady
    assert identity is not None  # noqa: S101  the session checked
    act = RecordedAct.of_token(context, connection)
    requests = context.services.brief_jobs.requests
    try:
        async with act:
            asked = await requests.request(command.payload, identity, act.record, command.idempotency_key)
            act.unchanged = asked.result.repeated
    except (Unavailable, ActNotRecorded):
        return refuse_busy(connection, command.ref)
    except RightLostError:
        return refuse(connection, ErrorCode.PERMISSION_DENIED, _NOT_READABLE, command.ref)
    except KeyConflict as conflict:
        return refuse(connection, ErrorCode.INVALID_MESSAGE_FORMAT, str(conflict), command.ref)
    except BriefRefusedError as refused:
        text = str(refused) if refused.path == "$" else f"{refused} (at {refused.path})"
        return refuse(connection, refused.code, text, command.ref, retry_after=refused.retry_after)
    context.recorder.record_published([asked.result], connection.now.steady - started)
    acknowledge(connection, command.ref, asked.job.owner_channel, asked.result, request_id=asked.job.request_id)
    return None
