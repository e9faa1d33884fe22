"""Revoked tokens and users: in Redis, and all of them in the memory of each node."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from app.engine.redis.live.access import LiveAccess, pairs
from app.engine.redis.live.bulletin import KEPT_ENTRIES, Bulletin

_KIND = "revoked"


class _Entry(msgspec.Struct, array_like=True):
    """A revocation as it is posted. Times are Unix seconds."""

    token_id: str | None
    user_id: str | None
    at: float
    expires: float


_DECODER = msgspec.json.Decoder(_Entry)
_KEPT = msgspec.json.Decoder(tuple[str, str])


class RedisRevocations:
    """`ports.RevocationStore`."""

    def __init__(self, access: LiveAccess, bulletin: Bulletin, kept_seconds: float) -> None:
        self._access, self._bulletin, self._kept = access, bulletin, kept_seconds
        self._revoked: Callable[[str | None, str | None, float], None] = lambda token_id, user_id, at: None
        self._known: dict[tuple[str, str], tuple[float, float]] = {}  # (kind, subject) → since, kept until
        bulletin.receivers[_KIND] = self._heard
        bulletin.again.append(self._read)

    def start(self, revoked: Callable[[str | None, str | None, float], None]) -> None:
        self._revoked = revoked

    def is_revoked(self, user_id: str, token_id: str | None, issued_at: int | None) -> bool:
        if token_id is not None and ("token", token_id) in self._known:
            return True
        user = self._known.get(("user", user_id))
        return user is not None and (issued_at is None or issued_at <= user[0])

    def revoked_at(self, *, token_id: str | None = None, user_id: str | None = None) -> float | None:
        found = self._known.get(("user", user_id or "") if token_id is None else ("token", token_id))
        return None if found is None else found[0]

    async def revoke(self, *, token_id: str | None, user_id: str | None, at: float) -> None:
        now = self._access.clocks.unix()
        one = _Entry(token_id, user_id, at, now + self._kept)
        await self._store(one, now)
        await self._bulletin.catch_up()

    async def _store(self, one: _Entry, now: float) -> None:
        """Keep a revocation and tell all nodes."""
        fields = [f"{kind}\0{subject}" for kind, subject in _subjects(one)]
        names, body = (*self._bulletin.names, self._name), msgspec.json.encode(one).decode()
        at, expires = repr(one.at), repr(one.expires)
        await self._access.run("revoke", names, KEPT_ENTRIES, repr(now), body, at, expires, *fields)

    def upkeep(self) -> None:
        """Forget those of which no token can live any more."""
        now = self._access.clocks.unix()
        for key in [key for key, (_, expires) in self._known.items() if expires <= now]:
            del self._known[key]

    @property
    def _name(self) -> str:
        return self._access.keys.live("revocations")

    def _heard(self, body: str, number: int) -> None:
        one, is_news = _DECODER.decode(body), False
        for key in _subjects(one):
            before = self._known.get(key)
            at, expires = before or (one.at, one.expires)
            self._known[key] = max(at, one.at), max(expires, one.expires)
            is_news = is_news or self._known[key] != before
        if is_news:  # else it was read again before it came
            self._revoked(one.token_id, one.user_id, one.at)

    async def _read(self) -> None:
        """Read all again, and tell those that are new here; a store that lost some gets them from here."""
        now, found = self._access.clocks.unix(), pairs(await self._access.ask("HGETALL", self._name))
        for (kind, subject), since in list(self._known.items()):
            if f"{kind}\0{subject}" not in found:
                is_user = kind == "user"
                one = _Entry(None if is_user else subject, subject if is_user else None, *since)
                await self._store(one, now)
        for field, value in found.items():
            kind, _, subject = field.partition("\0")
            at, expires = (float(one) for one in _KEPT.decode(value))
            before = self._known.get((kind, subject))
            if expires > now and (before is None or before[0] < at):
                self._known[kind, subject] = at, expires
                is_user = kind == "user"
                self._revoked(None if is_user else subject, subject if is_user else None, at)


def _subjects(one: _Entry) -> list[tuple[str, str]]:
    named = (("token", one.token_id), ("user", one.user_id))
    return [(kind, subject) for kind, subject in named if subject is not None]
