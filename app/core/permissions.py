"""Who may do what: levels, grants, clearances, identities (decisions, section 4). Default deny."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from dossier_realtime.protocol.channels import Pattern, parse_pattern


class Clearance(IntEnum):
    """Data classification of a channel, and how high a person may see."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    SECRET = 3

    @property
    def label(self) -> str:
        """The word on the wire."""
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> Clearance:
        """The level of that name. Raises ValueError for any other word."""
        for level in cls:
            if level.label == label:
                return level
        raise ValueError("a classification is public, internal, confidential or secret")


class Right(IntEnum):
    """What a grant allows; each includes the one before."""

    READ = 1
    WRITE = 2
    ADMIN = 3


_RIGHTS = {"read": Right.READ, "write": Right.WRITE, "admin": Right.ADMIN}


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission of a token: a right on a set of channels."""

    right: Right
    pattern: Pattern

    @property
    def text(self) -> str:
        """The permission as the token wrote it."""
        return f"{self.right.name.lower()}:{self.pattern.text}"

    @staticmethod
    def parse(text: str) -> Grant | None:
        """Read `"{level}:{pattern}"`; None when it is not of that form."""
        level, _, rest = text.partition(":")
        right = _RIGHTS.get(level)
        pattern = parse_pattern(rest)
        return None if right is None or pattern is None else Grant(right, pattern)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a verified token speaks for. Times are Unix seconds."""

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
        # A thousand grants are not hashed anew for each message.
        return hash((self.user_id, self.expires_at, self.token_id))

    @property
    def permissions(self) -> list[str]:
        """Every permission in force, the two that everybody has included."""
        texts = [grant.text for grant in self.grants]
        return texts + [own for own in ("read:global", f"read:user:{self.user_id}") if own not in texts]

    def right_on(self, channel: str) -> Right | None:
        """The highest right on a well-formed channel name, classification aside."""
        return _right_on(self, channel)

    def may(self, right: Right, channel: str, level: Clearance) -> bool:
        """Whether both the permission and the clearance reach."""
        held = _right_on(self, channel)
        return held is not None and held >= right and self.clearance >= level

    @property
    def administers_all(self) -> bool:
        """Whether `admin:*` is among the permissions: what operators' calls that name no channel ask for."""
        return any(g.right is Right.ADMIN and g.pattern.text == "*" for g in self.grants)


@lru_cache(maxsize=65_536)
def _right_on(identity: Identity, channel: str) -> Right | None:
    held: Right | None = None
    if channel == "global" or channel == f"user:{identity.user_id}":
        held = Right.READ
    for grant in identity.grants:
        if (held is None or grant.right > held) and grant.pattern.matches(channel):
            held = grant.right
    # `ops:*` is for operators alone: less than admin on it is nothing.
    if channel.startswith("ops:") and held is not Right.ADMIN:
        return None
    return held
