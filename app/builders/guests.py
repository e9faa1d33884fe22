"""The room of newcomers, where the configuration has one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from app.security.minting import mint, mint_operator
from app.services.room.guests import CLEARANCE, PERMISSIONS, TOKEN_SECONDS, Guest, Guests, OperatorLogin, Room

if TYPE_CHECKING:
    from app.configuration.config import Config
    from app.security.auth import TokenVerifier

_log = structlog.get_logger("room")


def room_of(config: Config, verifier: TokenVerifier) -> Room | None:
    """Return the room, whose tokens are signed with the key in force; None where there is none.

    Processes that share a port have none: each would give out places of its own, and know nothing of the others'.
    """
    server = config.server
    if server.room == "never" or (server.room == "development" and server.production) or not config.auth.symmetric:
        return None
    if server.reuse_port:
        _log.info("no_room_of_guests", reason="processes share this port: start one without --workers for a room")
        return None

    def guest_token(guest: Guest) -> str:
        return mint(
            verifier.settings,
            sub=guest.user_id,
            name=guest.name,
            role="guest",
            permissions=PERMISSIONS,
            clearance=CLEARANCE,
            ttl=min(TOKEN_SECONDS, verifier.settings.max_lifetime),
            now=time.time(),
        )

    def operator_token() -> str:
        return mint_operator(verifier.settings, time.time())

    return Room(Guests(guest_token, time.time), OperatorLogin(operator_token, time.time))
