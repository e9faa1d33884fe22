"""Answers of the operators' lists of nodes and limits (docs/protocol.md#lists-of-what-stands)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ..fields import Count, Id, Timestamp


class NodeRow(Struct):
    """A node of the service: its figures of its last report (`at`), and whether it takes connections."""

    node: str
    at: Timestamp
    ready: bool
    values: dict[str, float]


class NodePage(Struct, omit_defaults=True):
    """A page of nodes, those that are not ready first. `next`: ask again with it as `after`; absent at the end."""

    nodes: list[NodeRow]
    next: str | None = None


class StandingLimitRow(Struct, kw_only=True, omit_defaults=True, rename={"rate_class": "class"}):
    """A user's limit in one class, or in all (`*`) while they are lifted.

    `warned`: 95 % of a window is spent; `exceeded`: something was refused in it; `until`: the time of its end. A user
    without a session has no `name`.
    """

    user_id: Id
    rate_class: Literal["general", "edit", "cursor", "ping", "bytes", "read", "channels", "stored", "*"]
    state: Literal["exceeded", "warned", "lifted"]
    until: Timestamp
    name: str | None = None
    rate: Count | None = None
    limit: Count | None = None
    refused: Count = 0


class LimitPage(Struct, omit_defaults=True):
    """A page of limits: exceeded, then warned, then lifted ones. `next`: as for nodes."""

    limits: list[StandingLimitRow]
    next: str | None = None
