"""Guests of the room: people who try the service with a one-time link in place of an account.

All of it is in memory, for a service on a developer's machine: a restart forgets links and guests, and a guest's access
token is good until its own end.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.services.room.one_time_keys import OneTimeKeys, digest

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN_SECONDS: Final = 900  # short, so that a client is seen to renew it
MAX_GUESTS: Final = 256
_NAMES: Final = ("Noura · نورة", "Omar · عمر", "Salma · سلمى", "Faisal · فيصل", "Layla · ليلى", "Yousef · يوسف")
PERMISSIONS: Final = (
    "write:dossier:country:SA",
    "write:dossier:mou:room",
    "write:workspace:room",
    "write:document:room",
    "read:relationship:SA",
    "read:global",
)
CLEARANCE: Final = "internal"


@dataclass(frozen=True, slots=True)
class Guest:
    """A person in the room."""

    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Admission:
    """The entry of a guest. `pass_key` asks for the next token, and for links for others; it is told to nobody else."""

    guest: Guest
    token: str
    pass_key: str


class Guests:
    """One-time links into the room, and the guests who came by them.

    Both are bounded: above `MAX_GUESTS` the guest who came first can get no new token.
    """

    def __init__(self, sign: Callable[[Guest], str], now: Callable[[], float]) -> None:
        """Take the function that signs a guest's access token, and the wall clock (Unix seconds)."""
        self._sign, self._links = sign, OneTimeKeys(now)
        self._guests: OrderedDict[bytes, Guest] = OrderedDict()
        self._admitted = 0

    def link(self) -> str:
        """Return the key of a new link: it admits one guest, once."""
        return self._links.make()

    def admit(self, key: str) -> Admission | None:
        """Admit a guest by the key of a link; None where it was used before, is too old or unknown."""
        if not self._links.spend(key):
            return None
        guest = Guest(f"guest-{secrets.token_hex(4)}", _NAMES[self._admitted % len(_NAMES)])
        self._admitted += 1
        pass_key = secrets.token_urlsafe(16)
        self._guests[digest(pass_key)] = guest
        if len(self._guests) > MAX_GUESTS:
            self._guests.popitem(last=False)
        return Admission(guest, self._sign(guest), pass_key)

    def renew(self, pass_key: str) -> str | None:
        """Return the next access token of a guest; None for an unknown pass key."""
        guest = self._guests.get(digest(pass_key))
        return None if guest is None else self._sign(guest)

    def link_by(self, pass_key: str) -> str | None:
        """Return the key of a new link, on the request of a guest; None for an unknown pass key."""
        return self.link() if digest(pass_key) in self._guests else None


class OperatorLogin:
    """One-time links into the dashboard, for the developer who started both."""

    def __init__(self, sign: Callable[[], str], now: Callable[[], float]) -> None:
        """Take the function that signs the operator's access token, and the wall clock (Unix seconds)."""
        self._sign, self._links = sign, OneTimeKeys(now)

    def link(self) -> str:
        """Return the key of a new link."""
        return self._links.make()

    def token(self, key: str) -> str | None:
        """Return the operator's token for the key of a link; None where it was used before, is too old or unknown."""
        return self._sign() if self._links.spend(key) else None


@dataclass(frozen=True, slots=True)
class Room:
    """The room of a service on a developer's machine: its guests, and the login into its dashboard."""

    guests: Guests
    operator: OperatorLogin
