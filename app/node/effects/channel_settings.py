"""Changes of a channel's settings, recorded before they are made (docs/protocol.md#channel-settings)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.core.authorization import NO_SENDING
from app.core.read_only import read_only_fault
from app.engine.ports.errors import Unavailable
from app.journal.acts import Act
from app.journal.lanes import ActNotRecorded
from app.node.effects.recorded_act import RecordedAct, RightLostError
from app.node.effects.replies import refuse, refuse_busy
from dossier_realtime.protocol.authorization import Right
from dossier_realtime.protocol.commands import SettingsChange
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.responses import ChannelSettingsReply

if TYPE_CHECKING:
    from app.core.sessions.effects import ApplySettings
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext
    from dossier_realtime.protocol.classification import ChannelSettings


async def apply(context: EffectContext, connection: Connection, effect: ApplySettings) -> ErrorCode | None:
    """Change or read the settings, and reply with all of them; return the code of a refusal."""
    channel, services = effect.channel, context.services
    fault = read_only_fault(effect.change, channel, connection.now.wall)
    if fault:
        text = f"{fault} (at $.payload.read_only_until)"
        return refuse(connection, ErrorCode.INVALID_MESSAGE_FORMAT, text, effect.ref, channel)
    may_change = partial(context.rights.holds, connection, Right.ADMIN, channel)
    act = RecordedAct(services.acts, connection, may_change)

    async def record(before: ChannelSettings, after: ChannelSettings) -> None:
        await act.record(
            Act("change_settings", "channel", channel, channel, before=before.payload(), after=after.payload())
        )
        act.unchanged = before == after

    try:
        if effect.change == SettingsChange():  # an empty one only reads
            after = services.channel_admin.read(channel)
        else:
            async with act:
                _, after = await services.channel_admin.change(channel, effect.change, record)
    except (Unavailable, ActNotRecorded):
        return refuse_busy(connection, effect.ref, channel)
    except RightLostError:
        return refuse(connection, ErrorCode.PERMISSION_DENIED, NO_SENDING, effect.ref, channel)
    if connection.closing is None:
        connection.send(ChannelSettingsReply(channel=channel, payload=after.payload(), ref=effect.ref))
    return None
