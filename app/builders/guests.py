"""The guests of the room, where the configuration has one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.security.minting import mint
from app.services.guests import CLEARANCE, PERMISSIONS, TOKEN_SECONDS, Guest, Guests

if TYPE_CHECKING:
    from app.configuration.config import Config
    from app.security.auth import TokenVerifier


def room_guests(config: Config, verifier: TokenVerifier) -> Guests | None:
    """Return the guests of the room, whose tokens are signed with the key in force; None where there is no room."""
    server = config.server
    if server.room == "never" or (server.room == "development" and server.production) or not config.auth.symmetric:
        return None

    def sign(guest: Guest) -> str:
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

    return Guests(sign, time.time)
