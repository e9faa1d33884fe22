"""Replies to the client whose message led to an effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.sessions.error_messages import error_message
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.responses import Ack

if TYPE_CHECKING:
    from app.engine.ports.events import PublishResult
    from app.node.connections.connection import Connection
    from dossier_realtime.protocol.responses import BriefEnd

_BUSY = "The service cannot store changes now; try again later"


def acknowledge(
    connection: Connection,
    ref: str | None,
    channel: str,
    place: PublishResult | None = None,
    ended: BriefEnd | None = None,
    request_id: str | None = None,
) -> None:
    """Send an `ack` if the client asked for one by a `ref` and the connection is open.

    `place` is that of the event in the channel's history, None where nothing was numbered.
    """
    if ref is None or connection.closing is not None:
        return
    ack = Ack(ref=ref, channel=channel, ended=ended, request_id=request_id)
    if place is not None:
        ack.offset, ack.epoch = place.offset, place.epoch
    connection.send(ack)


def refuse(
    connection: Connection,
    code: ErrorCode,
    message: str,
    ref: str | None,
    channel: str | None = None,
    *,
    retry_after: int | None = None,
    version: int | None = None,
) -> ErrorCode:
    """Send an `error` if the connection is open, with a `ref` or without; return its code."""
    if connection.closing is None:
        at = connection.now
        connection.send(
            error_message(code, message, at, channel=channel, ref=ref, version=version, retry_after=retry_after)
        )
    return code


def refuse_busy(connection: Connection, ref: str | None, channel: str | None = None) -> ErrorCode:
    """Send the `error` of an engine or a journal that cannot take changes now; return its code."""
    return refuse(connection, ErrorCode.SERVICE_UNAVAILABLE, _BUSY, ref, channel)
