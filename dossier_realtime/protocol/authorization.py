"""Authorization: the one decision about the rights of an identity on a channel (docs/protocol.md#permissions). Pure.

`decide` is for a channel, `decide_operator` for calls that name none, `may_see` for a fact that was derived from
channels. The socket, HTTP, operators' rows, exports and the dashboard all use it. A decision is data: the rule by its
name, the claim or setting that decided, and each change that would reverse a refusal. The default is to deny.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Literal, NamedTuple

from . import channels
from .channels import Pattern, parse_pattern
from .classification import ChannelPolicy, ChannelSettings, Clearance

SettingsOf = Callable[[str], ChannelSettings]
"""The settings in force on a channel now."""

Rule = Literal[
    "grant", "everybody", "own", "admin.all",  # allowed by
    "grant.read", "grant.write", "grant.admin", "clearance", "frozen", "ops", "grant.all", "personal",  # refused by
]  # fmt: skip

EVERYTHING = "*"


class Right(IntEnum):
    """A right, as a grant gives it and a call needs it; each includes the one before.

    READ: subscribe, recover, receive, read over HTTP. WRITE: send and edit. ADMIN: change settings, hide one's
    presence, read presence and history over HTTP.
    """

    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def label(self) -> str:
        """The word in a permission."""
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> Right | None:
        """Return the right of that name; None for any other word."""
        return _RIGHTS.get(label)


_RIGHTS = {right.label: right for right in Right}


def split_permission(text: str) -> tuple[str, str]:
    """Return the word of the right and the text of the pattern in a permission such as `read:dossier:*`."""
    label, _, pattern = text.partition(":")
    return label, pattern


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission of a token: a right on a set of channels."""

    right: Right
    pattern: Pattern

    @property
    def text(self) -> str:
        """The permission as the token wrote it."""
        return f"{self.right.label}:{self.pattern.text}"

    @staticmethod
    def parse(text: str) -> Grant | None:
        """Read `"{level}:{pattern}"`; None when it is not of that form."""
        label, rest = split_permission(text)
        right = _RIGHTS.get(label)
        pattern = parse_pattern(rest)
        return None if right is None or pattern is None else Grant(right, pattern)

    @staticmethod
    def parse_all(texts: Iterable[object]) -> tuple[Grant, ...]:
        """Read the permissions of a token; entries that do not parse are dropped (docs/protocol.md#permissions)."""
        found = (Grant.parse(text) for text in texts if isinstance(text, str))
        return tuple(grant for grant in found if grant is not None)


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that a verified token speaks for. Times are Unix seconds."""

    user_id: str
    name: str
    role: str
    avatar: str | None
    grants: tuple[Grant, ...]
    clearance: Clearance
    expires_at: int
    token_id: str | None = None
    issued_at: int | None = None

    def __hash__(self) -> int:
        # Not the grants: a thousand of them would be hashed for each message.
        return hash((self.user_id, self.expires_at, self.token_id))

    @property
    def permissions(self) -> list[str]:
        """Every permission in force, with the two that every user has."""
        texts = [grant.text for grant in self.grants]
        own = (f"{Right.READ.label}:{name}" for name in (channels.GLOBAL, channels.user(self.user_id)))
        return texts + [text for text in own if text not in texts]


class Basis(NamedTuple):
    """The claim of the token, or the setting of the channel, that decided. `value` as the token or channel has it."""

    kind: Literal["claim", "setting", "default"]
    name: str
    value: str


class Remedy(NamedTuple):
    """One change that is needed for the other answer: a claim to hold, or a setting to have, of at least `value`."""

    kind: Literal["claim", "setting"]
    name: str
    value: str


class AccessDecision(NamedTuple):
    """One decision about rights. `remedies`: all changes that the other answer needs; none where allowed."""

    allowed: bool
    rule: Rule
    basis: Basis
    remedies: tuple[Remedy, ...] = ()

    @property
    def entitled(self) -> bool:
        """True where the claims are sufficient, also on a frozen channel."""
        return self.allowed or self.rule == "frozen"

    @property
    def permitted(self) -> bool:
        """True where a permission is sufficient, whatever the clearance."""
        return self.allowed or self.rule in ("clearance", "frozen")


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that was derived from channels and is shown elsewhere.

    `level`: the highest level of the channels when it was derived; it is kept where a channel's level falls later.
    `personal`: it holds names or addresses of sessions, which only `admin:*` may see
    (docs/protocol.md#operators-calls).
    """

    channels: tuple[str, ...] = ()
    level: Clearance = Clearance.PUBLIC
    personal: bool = False

    def joined(self, other: Fact) -> Fact:
        """Return the fact derived from the channels of both."""
        channels = tuple(dict.fromkeys((*self.channels, *other.channels)))
        return Fact(channels, max(self.level, other.level), self.personal or other.personal)


def decide(identity: Identity, right: Right, channel: str, settings: ChannelSettings) -> AccessDecision:
    """Decide on a well-formed channel name with its settings. Both permission and clearance must be sufficient."""
    held = _held(identity, channel)
    granted = held.right is not None and held.right >= right
    cleared = identity.clearance >= settings.level
    own = channel == channels.user(identity.user_id)
    if granted and right is Right.READ and own and not settings.raised:
        return AccessDecision(True, "own", Basis("default", "own_channel", channel))
    if granted and cleared:
        if right is Right.WRITE and settings.frozen:
            remedy = Remedy("setting", "frozen", "false")
            return AccessDecision(False, "frozen", Basis("setting", "frozen", "true"), (remedy,))
        return _granted(held)
    need = (Remedy("claim", "clearance", settings.level.label),) if not cleared else ()
    if granted:
        return AccessDecision(False, "clearance", Basis("claim", "clearance", identity.clearance.label), need)
    rule, least = _missing(held, right, channel)
    needs = (Remedy("claim", "permissions", f"{least}:{channel}"), *need)
    return AccessDecision(False, rule, Basis("claim", "permissions", held.text), needs)


def access(identity: Identity, right: Right, channel: str, policy: ChannelPolicy) -> AccessDecision:
    """Decide on a well-formed channel name with the settings in force, for the socket and for HTTP."""
    return decide(identity, right, channel, policy.settings(channel))


def decide_operator(identity: Identity) -> AccessDecision:
    """Decide on an operator's call that names no channel: it needs `admin:*` (docs/protocol.md#operators-calls)."""
    whole = f"{Right.ADMIN.label}:{EVERYTHING}"
    if any(grant.right is Right.ADMIN and grant.pattern.text == EVERYTHING for grant in identity.grants):
        return AccessDecision(True, "admin.all", Basis("claim", "permissions", whole))
    remedy = Remedy("claim", "permissions", whole)
    return AccessDecision(False, "grant.all", Basis("claim", "permissions", ""), (remedy,))


def holds_on_all(identity: Identity, right: Right, namespace: str) -> bool:
    """Return True where one permission gives the right on a whole namespace: `write:user:*`, `write:*`."""
    patterns = (EVERYTHING, f"{namespace}:{EVERYTHING}")
    return any(grant.right >= right and grant.pattern.text in patterns for grant in identity.grants)


def may_see(identity: Identity, fact: Fact, settings_of: SettingsOf) -> bool:
    """Return True where the identity may read every channel that the fact comes from, then and now."""
    if fact.personal and not decide_operator(identity).allowed:
        return False
    return all(
        decide(identity, Right.READ, channel, settings_of(channel).at_least(fact.level)).allowed
        for channel in fact.channels
    ) and (bool(fact.channels) or identity.clearance >= fact.level)


def reader(clearance: Clearance) -> Identity:
    """Return the identity of a reader of recordings and exports with a clearance; permissions do not matter there."""
    return Identity("", "", "", None, Grant.parse_all([f"admin:{EVERYTHING}"]), clearance, 0)


class _Held(NamedTuple):
    """The highest right on a channel, classification aside. `text`: the permission that gives it, "" by default."""

    right: Right | None
    text: str
    partial: bool = False


@lru_cache(maxsize=65_536)
def _held(identity: Identity, channel: str) -> _Held:
    right, text = None, ""
    if channel in (channels.GLOBAL, channels.user(identity.user_id)):
        right = Right.READ
    for grant in identity.grants:
        if (right is None or grant.right > right) and grant.pattern.matches(channel):
            right, text = grant.right, grant.text
    # `ops:*` is for operators alone: a right below admin on it has no effect.
    if channels.is_in(channel, "ops") and right is not Right.ADMIN:
        return _Held(None, text, right is not None)
    return _Held(right, text)


def _granted(held: _Held) -> AccessDecision:
    if held.text:
        return AccessDecision(True, "grant", Basis("claim", "permissions", held.text))
    return AccessDecision(True, "everybody", Basis("default", "read_global", "global"))


def _missing(held: _Held, right: Right, channel: str) -> tuple[Rule, str]:
    """Return the rule of a missing permission, and the least sufficient right."""
    if channels.is_in(channel, "ops"):
        return "ops" if held.partial else _GRANT_RULES[right], Right.ADMIN.label
    return _GRANT_RULES[right], right.label


_GRANT_RULES: dict[Right, Rule] = {
    Right.READ: "grant.read",
    Right.WRITE: "grant.write",
    Right.ADMIN: "grant.admin",
}
