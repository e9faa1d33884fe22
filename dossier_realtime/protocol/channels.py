"""The grammar of channel names (docs/protocol.md#channel-names).

A name is segments joined by `:`; the first is the namespace. A pattern, as permissions and tables use it,
is a name in which `*` stands for one whole segment or, as the last, for all the rest. Names are built and parsed only
here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .fields import SEGMENT

_NAME = re.compile(rf"{SEGMENT}(?::{SEGMENT}){{0,3}}", re.ASCII)
_DOTS = re.compile(r"(?:^|:)\.+(?:$|:)")
_PATTERN = re.compile(rf"(?:{SEGMENT}|\*)(?::(?:{SEGMENT}|\*)){{0,3}}", re.ASCII)

NamespaceName = Literal["dossier", "document", "workspace", "user", "relationship", "global", "ops"]

SHAPES: dict[str, tuple[str, ...]] = {
    "dossier": ("type", "id"),
    "document": ("id",),
    "workspace": ("id",),
    "user": ("id",),
    "relationship": ("id",),
    "global": (),
    "ops": ("topic",),
}
"""Each namespace and the names of the segments that follow it."""


GLOBAL = "global"
"""The channel that every user may read."""


class ChannelError(ValueError):
    """A malformed channel name; the message names the fault."""


class UnknownNamespace(ValueError):
    """A well-formed name in an unknown namespace."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A parsed channel name."""

    name: str
    namespace: str
    segments: tuple[str, ...]

    @property
    def id(self) -> str:
        """The last segment: the document, workspace, user or relationship; empty for `global`."""
        return self.segments[-1] if self.segments else ""


def dossier(kind: str, dossier_id: str) -> str:
    """Return the channel of a dossier, such as `dossier:country:SA`."""
    return f"dossier:{kind}:{dossier_id}"


def document(document_id: str) -> str:
    """Return the channel of a document."""
    return f"document:{document_id}"


def workspace(workspace_id: str) -> str:
    """Return the channel of a workspace."""
    return f"workspace:{workspace_id}"


def user(user_id: str) -> str:
    """Return a user's own channel."""
    return f"user:{user_id}"


def relationship(relationship_id: str) -> str:
    """Return the channel of a relationship."""
    return f"relationship:{relationship_id}"


def ops(topic: str) -> str:
    """Return the operators' channel of a topic."""
    return f"ops:{topic}"


def namespace(name: str) -> str:
    """Return the first segment of a name or a pattern."""
    return name.partition(":")[0]


def identifier(name: str) -> str:
    """Return a name without its namespace: `country:SA` of `dossier:country:SA`; empty for `global`."""
    return name.partition(":")[2]


def is_in(name: str, namespace: NamespaceName) -> bool:
    """Return True for a name or a pattern that begins with this namespace."""
    return name.partition(":")[0] == namespace


def parse(name: str) -> Channel:
    """Parse a channel name. Raises ChannelError (bad grammar) or UnknownNamespace (good grammar, no row)."""
    if _NAME.fullmatch(name) is None or _DOTS.search(name) is not None:
        raise ChannelError("a channel is segments of A-Z a-z 0-9 . _ - joined by ':', such as dossier:country:SA")
    first, *segments = name.split(":")
    shape = SHAPES.get(first)
    if shape is None:
        raise UnknownNamespace("no such namespace; use " + ", ".join(sorted(SHAPES)))
    if len(segments) != len(shape):
        form = ":".join((first, *(f"{{{segment}}}" for segment in shape)))
        raise ChannelError(f"a channel of this namespace is written {form}")
    return Channel(name, first, tuple(segments))


def is_channel(name: str) -> bool:
    """Return True for the name of a channel of a known namespace."""
    try:
        parse(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Pattern:
    """A set of channel names: exact segments, `*` for any one segment, a last `*` for all the rest."""

    text: str
    segments: tuple[str, ...]

    def matches(self, name: str) -> bool:
        """Return True for a well-formed channel name that belongs to the set."""
        mine = self.segments
        theirs = name.split(":")
        if mine[-1] == "*":
            mine = mine[:-1]
            if len(theirs) < len(mine) + (1 if mine else 0):
                return False
        elif len(theirs) != len(mine):
            return False
        for own, other in zip(mine, theirs, strict=False):  # noqa: SIM110  a generator costs several times as much
            if own not in ("*", other):
                return False
        return True

    @property
    def names_something(self) -> bool:
        """True where a channel of any namespace could belong to the set."""
        return any(self._overlaps((namespace, *["*"] * len(shape))) for namespace, shape in SHAPES.items())

    def overlaps(self, other: Pattern) -> bool:
        """Return True where a channel could belong to both sets."""
        return any(
            self._overlaps(whole) and other._overlaps(whole) and self._agrees(other)
            for whole in ((namespace, *["*"] * len(shape)) for namespace, shape in SHAPES.items())
        )

    def _overlaps(self, whole: tuple[str, ...]) -> bool:
        mine = self.segments
        if mine[-1] == "*":
            mine = mine[:-1]
            if len(whole) < len(mine) + (1 if mine else 0):
                return False
        elif len(whole) != len(mine):
            return False
        return mine == () or mine[0] in ("*", whole[0])

    def _agrees(self, other: Pattern) -> bool:
        pairs = zip(self.segments, other.segments, strict=False)
        return all(a == b or "*" in (a, b) for a, b in pairs)


def filled(pattern: str) -> str:
    """Return a pattern, or a name that is cut short, with `*` for each segment that its namespace has beyond it."""
    segments = pattern.split(":")
    missing = len(SHAPES.get(segments[0], ())) + 1 - len(segments)
    return ":".join([*segments, *["*"] * missing])


def is_whole_namespace(pattern: str) -> bool:
    """Return whether a pattern says no more than its namespace, as `dossier:*` and `dossier` do."""
    return set(pattern.split(":")[1:]) <= {"*"}


def parse_pattern(text: str) -> Pattern | None:
    """Parse a pattern; None when it is none."""
    if _PATTERN.fullmatch(text) is None or _DOTS.search(text) is not None:
        return None
    return Pattern(text, tuple(text.split(":")))
