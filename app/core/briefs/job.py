"""A brief on request: its states from the request to its one end (docs/protocol.md#briefs-on-request). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.fields import Localized, Stage

State = Literal["queued", "running", "complete", "failed", "cancelled"]
ENDS: Final = frozenset({"complete", "failed", "cancelled"})
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
MAX_ATTEMPTS: Final = 3
"""Times that a brief is begun: one whose process was killed as often is failed, as it may be its cause."""

_OWN_NAMESPACES: Final = ("workspace", "relationship", "document")


class Requester(Struct, frozen=True):
    """The user who asked, with the rights of that moment: a generator is given nothing beyond them."""

    user_id: str
    name: str
    role: str
    permissions: list[str]
    clearance: str
    expires_at: int

    @classmethod
    def of(cls, identity: Identity) -> Requester:
        """Return the requester that a verified token speaks for."""
        return cls(
            identity.user_id,
            identity.name,
            identity.role,
            [grant.text for grant in identity.grants],
            identity.clearance.label,
            identity.expires_at,
        )

    def identity(self) -> Identity:
        """Return the identity with the rights of the request."""
        grants = Grant.parse_all(self.permissions)
        clearance = Clearance.parse(self.clearance)
        return Identity(self.user_id, self.name, self.role, None, grants, clearance, self.expires_at)


class Lease(Struct, frozen=True):
    """The hold of an external worker on a brief: its user, a secret word, its end in Unix seconds."""

    worker: str
    token: str
    until: float


class BriefJob(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A brief from its request to its end. Times are Unix seconds, durations milliseconds."""

    request_id: str
    requester: Requester
    type: str
    entity_type: str
    entity_id: str
    language: Literal["en", "ar"]
    generator: str
    created_at: float
    estimated_time: int
    state: State = "queued"
    stage: Stage | None = None
    progress: int = 0
    attempts: int = 0
    changed_at: float = 0.0
    begun_at: float | None = None
    """When a generator began, the last time; None before."""
    ended_at: float | None = None
    generation_time: int | None = None
    confidence_score: float | None = None
    error: Localized | None = None
    fallback_available: bool = False
    sources: list[str] = []
    """The channels that the finished brief was derived from."""
    lease: Lease | None = None
    """Of the worker that writes, or wrote, the brief."""
    node: str = ""
    """The node that has it in its queue, or writes it."""

    @property
    def is_ended(self) -> bool:
        """True after its end: it changes no more."""
        return self.state in ENDS

    @property
    def channel(self) -> str:
        """The channel of the entity that the brief is about."""
        return entity_channel(self.type, self.entity_type, self.entity_id)

    @property
    def owner_channel(self) -> str:
        """The channel on which the requester receives its progress."""
        return channels.user(self.requester.user_id)


def entity_channel(kind: str, entity_type: str, entity_id: str) -> str:
    """Return the channel of an entity: a dossier of its type, or a workspace, relationship or document.

    Without an `entity_type` the type of the brief names it.
    """
    named = entity_type or kind
    if named in _OWN_NAMESPACES:
        return getattr(channels, named)(entity_id)  # type: ignore[no-any-return]  # each returns the name of a channel
    return channels.dossier(named, entity_id)


def attempt(job: BriefJob, given_up: int = 0) -> int:
    """Return the number of the attempt that begins now.

    `given_up`: of the last attempt of this process, where the store took no change; it may not even have taken that
    the attempt began. Begun again, it counts once: only a process that was killed may have been killed by the brief.
    """
    return given_up if given_up and given_up >= job.attempts else job.attempts + 1


def begun(job: BriefJob, now: float, given_up: int = 0) -> BriefJob:
    """Return the job when a generator begins: the first time, after a crash, or where an attempt was `given_up`."""
    return replace(job, state="running", attempts=attempt(job, given_up), changed_at=now, begun_at=now)


def given_back(job: BriefJob, now: float) -> BriefJob:
    """Return the job when it waits again, as its worker was never told that it has it."""
    return replace(job, state="queued", attempts=job.attempts - 1, changed_at=now, begun_at=None, lease=None)


def is_ahead(job: BriefJob, stage: Stage, progress: int) -> bool:
    """Return whether a step is beyond the last one: stages in their order, and progress that never falls."""
    if job.stage is None:
        return True
    return (
        _place(stage, progress) > _place(job.stage, job.progress)
        and progress >= job.progress
        and (STAGES.index(stage) >= STAGES.index(job.stage))
    )


def advanced(job: BriefJob, stage: Stage, progress: int, now: float) -> BriefJob:
    """Return the job after a step that `is_ahead`."""
    return replace(job, stage=stage, progress=progress, changed_at=now)


def completed(job: BriefJob, confidence: float, sources: Sequence[str], now: float) -> BriefJob:
    """Return the job when its brief is written."""
    return replace(
        _ended(job, "complete", now), progress=100, confidence_score=round(confidence, 3), sources=sorted(set(sources))
    )


def failed(job: BriefJob, error: Localized, now: float, *, fallback: bool = True) -> BriefJob:
    """Return the job when it has failed; `fallback`: whether the template can write the brief instead."""
    return replace(_ended(job, "failed", now), error=error, fallback_available=fallback)


def cancelled(job: BriefJob, now: float) -> BriefJob:
    """Return the job when it was cancelled."""
    return _ended(job, "cancelled", now)


def estimate(past: Sequence[int], default: int) -> int:
    """Return the time that a brief will take, in milliseconds: the median of those of its type, else the default."""
    return round(median(past)) if past else default


def _ended(job: BriefJob, state: State, now: float) -> BriefJob:
    begun_at = (
        job.created_at if job.begun_at is None and job.attempts else job.begun_at
    )  # one that an older release began
    spent = None if begun_at is None else max(0, round((now - begun_at) * 1000))
    return replace(job, state=state, ended_at=now, changed_at=now, generation_time=spent)


def _place(stage: Stage, progress: int) -> tuple[int, int]:
    return STAGES.index(stage), progress
