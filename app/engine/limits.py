"""The bounds of an engine's memory: how much it keeps, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Times in seconds.

    A channel keeps its last `history_events`, and all that is younger than `history_seconds`. A document keeps all its
    versions beyond that, packed, in `document_bytes` at most. `grace` is the
    time in which a lost connection's return is silent; `roster_cap` the number of users in one presence list.
    `idempotency_seconds`: how long keys of requests and ids of edits are kept; `operation_id_bytes`: the room on disk
    for the ids of edits. `settled_seconds`: how long acknowledged alerts are kept, and briefs after their last step;
    `alert_seconds`: open alerts, which may wait two months for their next level.
    """

    history_events: int = 10_000
    history_seconds: float = 900.0
    document_bytes: int = 64 << 20
    idempotency_seconds: float = 86_400.0
    operation_id_bytes: int = 256 << 20
    resume_seconds: float = 900.0
    revocation_seconds: float = 90 * 86_400.0
    settled_seconds: float = 30 * 86_400.0
    alert_seconds: float = 180 * 86_400.0
    grace: float = 5.0
    roster_cap: int = 1000
