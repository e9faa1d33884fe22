"""Messages that the SDK's tests send and receive."""

from __future__ import annotations

from typing import Any

from dossier_realtime.client.state.backoff import Backoff
from dossier_realtime.client.state.connection import ClientConnection
from dossier_realtime.client.state.effects import Effect, Write
from dossier_realtime.client.state.session import ClientSession
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import Command
from dossier_realtime.protocol.inbound import InboundMessage

SA = "dossier:country:SA"


def update(entity_id: str = "SA", channel: str | None = None) -> dict[str, Any]:
    """Return a dossier update as a client writes it."""
    payload = {
        "entity_type": "country",
        "entity_id": entity_id,
        "operation": "update",
        "fields_changed": ["cooperation_areas"],
    }
    return {"type": "dossier_update", "payload": payload} | ({"channel": channel} if channel else {})


def delivered(offset: int | None, channel: str = SA) -> dict[str, Any]:
    """Return the same as a server delivers it."""
    said = update(channel=channel)
    said["payload"] |= {"updated_by": {"user_id": "other", "name": "Noura"}, "timestamp": 1}
    return said | ({} if offset is None else {"offset": offset})


def auth_success(ref: str | None, *, user_id: str = "tester", heartbeat: int = 30) -> responses.AuthSuccess:
    """Return the answer to an `auth`."""
    payload = responses.AuthSuccessPayload(
        user_id=user_id,
        session_id="session-1",
        permissions=["admin:*"],
        expires_at=2_000_000_000,
        heartbeat_interval=heartbeat,
        limits=responses.RateLimits(100, 600, 1200, 60, 60),
    )
    return responses.AuthSuccess(payload=payload, ref=ref)


def written(effects: list[Effect]) -> list[Command | InboundMessage]:
    """Return the commands among the effects, as the server reads them."""
    return [codec.decode_command(effect.frame) for effect in effects if isinstance(effect, Write)]


def fresh_connection(*, renewable: bool = True, send_timeout: float = 120) -> ClientConnection:
    """Return a connection whose back-off always draws the middle: 0.25, 0.5, 1 … 15 s."""
    return ClientConnection(ClientSession(send_timeout), Backoff(), lambda: 0.5, renewable=renewable)


def live_connection(*, now: float = 0, heartbeat: int = 30, renewable: bool = True) -> ClientConnection:
    """One that is authenticated since `now`."""
    connection = fresh_connection(renewable=renewable)
    connection.start()
    log_in(connection, now, heartbeat=heartbeat)
    return connection


def log_in(connection: ClientConnection, now: float, *, heartbeat: int = 30) -> list[Effect]:
    """Open the socket and answer its `auth`."""
    (auth,) = written(connection.opened("token", now))
    assert not isinstance(auth, InboundMessage)
    return connection.received(codec.encode(auth_success(auth.ref, heartbeat=heartbeat)), now)
