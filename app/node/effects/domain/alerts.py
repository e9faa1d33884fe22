"""Acknowledgements of alerts, recorded before they are made (docs/protocol.md#commitment-alerts)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.ports.errors import Unavailable
from app.journal.lanes import ActNotRecorded
from app.node.effects import replies
from app.node.effects.recorded_act import RecordedAct, RightLostError
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import AlertState
from dossier_realtime.protocol.plain_text import one_line, without_tokens

if TYPE_CHECKING:
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext
    from dossier_realtime.protocol.commands import AcknowledgeAlert

# The same words for an absent alert and another user's: a client cannot learn which alerts exist.
_NOT_ALERTED = "No alert of this commitment came to you; whoever got one can acknowledge it"


async def acknowledge(context: EffectContext, connection: Connection, command: AcknowledgeAlert) -> ErrorCode | None:
    """Acknowledge an alert for its receiver, and reply with its place or state; return the code of a refusal."""
    identity, started = connection.session.identity, connection.now.steady
    assert identity is not None  # noqa: S101  the session checked
    act = RecordedAct.of_token(context, connection)
    try:
        async with act:
            said = command.payload
            why = without_tokens(one_line(said.reason or ""))
            taken = await context.services.alerts.acknowledge(said.commitment_id, identity, act.record, why)
            act.unchanged = taken is not None and not taken.results
    except (Unavailable, ActNotRecorded):
        return replies.refuse_busy(connection, command.ref)
    except RightLostError:
        taken = None
    if taken is None:
        return replies.refuse(connection, ErrorCode.PERMISSION_DENIED, _NOT_ALERTED, command.ref)
    if taken.results:
        context.recorder.record_published(taken.results, connection.now.steady - started)
    own = next((result for result in taken.results if result.channel == channels.user(identity.user_id)), None)
    if own is not None:
        replies.acknowledge(connection, command.ref, own.channel, own)
    elif command.ref is not None and connection.closing is None:
        connection.send(AlertState(payload=taken.alert.state, ref=command.ref))
    return None
