"""Run a recording again through the current session rules and report every decision that differs.

Only what the session decides is judged. A message whose frame is not in the journal (tokens, redacted payloads, what
came before the login) cannot be. The steady clock is not recorded: the wall clock stands for it, to the millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.core.sessions.effects import VerifyToken
from app.core.sessions.session import Session
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import ChannelPolicy, ChannelSettings, Clearance
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.recording.reading import is_cut

if TYPE_CHECKING:
    from app.core.sessions.deadlines import SessionLimits
    from dossier_realtime.recording.entry import Entry, Header

_TOKEN = VerifyToken("", None, None)
_SUBSCRIPTION_FAILED = b'"error_code":"' + ErrorCode.SUBSCRIPTION_FAILED.value.encode() + b'"'


class Difference(NamedTuple):
    """A message that is judged differently now; a rule is empty where it is accepted."""

    seq: int
    session: str
    recorded: str
    now: str
    frame: bytes

    def __str__(self) -> str:
        frame = self.frame[:120].decode("utf-8", "replace")
        return f"entry {self.seq}, session {self.session}: {_said(self.recorded)}, now {_said(self.now)}: {frame}"


class Reevaluation:
    """A recording that is run again, entry by entry. `judged` and `skipped` count messages."""

    def __init__(self, policy: ChannelPolicy, new_limiter: Callable[[], RateLimiter], limits: SessionLimits) -> None:
        self._policy, self._new_limiter, self._limits = policy, new_limiter, limits
        self._limiter = new_limiter()
        self._sessions: dict[str, Session] = {}
        self._connections: dict[str, str] = {}
        self._attached: set[tuple[str, str]] = set()
        self.judged = self.skipped = 0

    def take(self, entry: Entry) -> Iterator[Difference]:
        """Take the next entry, in order; yield the decisions that differ."""
        header, frame, _ = entry
        at = Instant(header.at, header.at)
        session = self._sessions.get(header.session)
        match header.kind:
            case "start":  # a new process has counted nothing yet
                self._limiter = self._new_limiter()
                self._sessions.clear()
                self._attached.clear()
            case "open":
                self._open(header, at)
            case "close" if self._connections.get(header.session) == header.detail.get("connection"):
                self._sessions.pop(header.session, None)
            case "settings":
                self._settings(header, at)
            case "lifted":
                self._limiter.raise_limit(header.user, float(str(header.detail["seconds"])), at.steady)
            case "http":
                rate_class: Any = "read" if header.detail.get("method") == "GET" else "general"
                self._limiter.spend(header.user, self._role(header.user), rate_class, at.steady)
            case "in" | "refused" if session is not None and frame is not None and not is_cut(frame):
                yield from self._judge(session, header, frame, at)
            case "in" | "refused":
                self.skipped += 1
            case _ if session is not None:
                self._follow(session, header, frame, at)
            case _:
                pass

    def _judge(self, session: Session, header: Header, frame: bytes, at: Instant) -> Iterator[Difference]:
        self.judged += 1
        decision = session.weigh(frame, at)
        if decision is None or not decision.rule:
            try:
                decision = session.receive(codec.decode_command(frame), at)
            except codec.InvalidMessage as wrong:
                decision = session.malformed(wrong, at)
        if decision.rule != header.rule:
            yield Difference(header.seq, header.session, header.rule, decision.rule, frame)

    def _open(self, header: Header, at: Instant) -> None:
        session = Session(self._policy, self._limiter, self._limits, at)
        session.verified(_identity(header), _TOKEN, at)
        session.opened(header.session, 0, None)
        self._sessions[header.session] = session
        self._connections[header.session] = str(header.detail["connection"])

    def _settings(self, header: Header, at: Instant) -> None:
        detail = header.detail
        level = Clearance.parse(header.level)
        put = ChannelSettings(level, bool(detail["presence"]), bool(detail["history"]), bool(detail["frozen"]))
        self._policy.put(header.channel, put)
        for session in self._sessions.values():
            if header.channel in session.subscriptions:
                session.recheck(at)

    def _follow(self, session: Session, header: Header, frame: bytes | None, at: Instant) -> None:
        """Apply the results that the node found out, as they were recorded."""
        place = (header.session, header.channel)
        match header.kind:
            case "renewed":
                session.verified(_identity(header), _TOKEN, at)
            case "decided" if header.rule == "auth.token":
                session.token_refused(_TOKEN, at)
            case "decided":
                session.replaced()
            case "attach":
                self._attached.add(place)
            case "detach" if not header.channel:
                self._attached = {each for each in self._attached if each[0] != header.session}
            case "detach":
                self._attached.discard(place)
            case "out" if frame is not None and _SUBSCRIPTION_FAILED in frame and place not in self._attached:
                session.subscriptions.end(header.channel)  # it was of nothing
            case _:
                pass

    def _role(self, user: str) -> str:
        identities = (session.identity for session in self._sessions.values())
        return next((who.role for who in identities if who is not None and who.user_id == user), "")


def _identity(header: Header) -> Identity:
    given = msgspec.convert(header.detail, _Rights)
    grants = Grant.parse_all(given.permissions)
    level = Clearance.parse(given.clearance)
    return Identity(header.user, given.name, given.role, None, grants, level, given.expires_at)


class _Rights(msgspec.Struct):
    name: str
    role: str
    clearance: str
    permissions: list[str]
    expires_at: int


def _said(rule: str) -> str:
    return f"refused by {rule}" if rule else "accepted"
