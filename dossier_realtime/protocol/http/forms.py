"""Bodies of HTTP calls and of their answers: one Struct a form.

Bodies refuse fields that they do not know. Answers may get more fields. Times are Unix seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ..commands import EpochName
from ..errors import ErrorCode
from ..fields import (
    END,
    ChannelField,
    Count,
    Durability,
    Fraction,
    Id,
    Level,
    Localized,
    Milliseconds,
    Name,
    Percentage,
    Stage,
)
from ..responses import BriefEnd, FormatRun, Roster, SettingsPayload

# --- Bodies -------------------------------------------------------------------------------------------------


class DocumentText(Struct, forbid_unknown_fields=True):
    """The whole new text of a document: at most 1 Mi UTF-16 code units, no NUL.

    `format` lists the formatting of all of it; without it, text that stays keeps its own. `base` is the version that
    the text was made from: what changed since then is merged. `epoch` names the history that has this version, or the
    one in If-Match; without it, that is the present one.
    """

    content: str
    format: list[FormatRun] | None = None
    base: Count | None = None
    epoch: EpochName | None = None


class Revocation(Struct, forbid_unknown_fields=True):
    """The tokens to revoke: one by its `jti`, or all that were issued to a user so far. Exactly one of the two."""

    jti: Annotated[str, Meta(min_length=1)] | None = None
    user: Annotated[str, Meta(min_length=1)] | None = None


class LimitsLift(Struct, forbid_unknown_fields=True):
    """The seconds for which a user has ten times the limits."""

    seconds: Annotated[int, Meta(ge=1, le=3600)]


class BriefClaim(Struct, forbid_unknown_fields=True):
    """The types of briefs that a worker writes; none: every type."""

    types: Annotated[list[Name], Meta(max_length=50)] = []


LeaseToken = Annotated[str, Meta(min_length=1, max_length=64)]


class BriefWorkerProgress(Struct, forbid_unknown_fields=True):
    """A step of a worker; the message in both languages."""

    lease: LeaseToken
    stage: Stage
    progress: Percentage
    message: Localized


class WrittenText(Struct, forbid_unknown_fields=True):
    """The text of a brief in both languages, at most 30,000 characters each."""

    en: Annotated[str, Meta(min_length=1, max_length=30_000, pattern=f"^[^\\x00]*{END}")]
    ar: Annotated[str, Meta(min_length=1, max_length=30_000, pattern=f"^[^\\x00]*{END}")]


class BriefWorkerText(Struct, forbid_unknown_fields=True):
    """The finished brief of a worker. `sources`: ids of the facts that it was given and used."""

    lease: LeaseToken
    text: WrittenText
    sources: Annotated[list[Name], Meta(max_length=200)]
    confidence_score: Fraction
    model: Annotated[str, Meta(max_length=200)] = ""


class BriefWorkerFailure(Struct, forbid_unknown_fields=True):
    """The reason in both languages for which a worker cannot write a brief."""

    lease: LeaseToken
    error: Localized


class Nothing(Struct, forbid_unknown_fields=True):
    """An empty body, which may be left out: the path is sufficient."""


# --- Answers ------------------------------------------------------------------------------------------------


class HttpError(Struct, omit_defaults=True):
    """The body of every refusal. `index` and `path`: the faulty event of a batch and the JSON path in it.

    `oldest` and `version`: the oldest version of a document with a text, and the present one.
    """

    error_code: ErrorCode
    message: str
    index: Count | None = None
    path: str | None = None
    oldest: Count | None = None
    version: Count | None = None


class PlacedEvent(Struct):
    """The place of an event in a channel's history."""

    channel: ChannelField
    offset: Count
    epoch: str


class PublishAnswer(Struct):
    """One result for each event and channel, in their order. All are durable."""

    results: list[PlacedEvent]


class DocumentAnswer(Struct):
    """A document's text at a version; `format` lists runs of attributes over UTF-16 code units.

    `epoch` names the history that has this version; a store that was restored begins new ones.
    """

    document: Id
    version: Count
    epoch: str
    content: str
    format: list[FormatRun]


class DocumentVersion(Struct):
    """The version of the new text, or of the same text before."""

    document: Id
    version: Count


class DocumentDeleted(Struct):
    """The last version of a document that was deleted."""

    document: Id
    version: Count


class BriefEnded(Struct):
    """The end of a brief, now or before."""

    request_id: Id
    ended: BriefEnd


class RequestedBriefAnswer(Struct):
    """The confirmation of a request for a brief; `estimated_time` in milliseconds."""

    request_id: Id
    estimated_time: Milliseconds


class BriefRowAnswer(Struct, omit_defaults=True, kw_only=True):
    """A brief on request. Durations in milliseconds, `created_at` in Unix seconds; `document`: its channel.

    `classification`: the highest level of the channels that it is about.
    """

    request_id: Id
    requested_by: Id
    type: Name
    entity_type: Name
    entity_id: Id
    language: Literal["en", "ar"]
    generator: Name
    state: Literal["queued", "running", "complete", "failed", "cancelled"]
    progress: Percentage
    created_at: Count
    estimated_time: Milliseconds
    stage: Stage | None = None
    generation_time: Milliseconds | None = None
    confidence_score: Fraction | None = None
    error: Localized | None = None
    fallback_available: bool = False
    document: ChannelField | None = None
    classification: Level | None = None


class BriefTexts(Struct):
    """A text in both languages."""

    en: str
    ar: str


class BriefSource(Struct, omit_defaults=True, kw_only=True):
    """A fact that a brief rests on: its id in the text, the channels that it comes from, its event's place."""

    id: str
    section: str
    channels: list[ChannelField]
    text: BriefTexts
    offset: Count | None = None
    timestamp: Count | None = None


class ClaimedBriefAnswer(Struct, kw_only=True):
    """A brief in a worker's hands: the facts that it may rest on, and the lease, which each report prolongs.

    `lease_seconds`: without a report for so long, the brief fails.
    """

    brief: BriefRowAnswer
    facts: list[BriefSource]
    lease: str
    lease_seconds: float


class BriefProvenance(Struct):
    """The signed words about a brief's origin: JSON as it was signed, the key's fingerprint, Ed25519 in base64."""

    signed: str
    key: str
    signature: str


class BriefCheckRow(Struct):
    """One check of the text in one language: its score, from 0 to 1."""

    language: Literal["en", "ar"]
    name: Name
    score: Fraction


class BriefAnswer(BriefRowAnswer, omit_defaults=True, kw_only=True):
    """A brief with its text and sources, once it is complete.

    `checks`: its `confidence_score` is the product of those of one language, the lower of both; absent where the text
    was not checked.
    """

    text: BriefTexts | None = None
    sources: list[BriefSource] | None = None
    checks: list[BriefCheckRow] = []
    provenance: BriefProvenance | None = None


class BriefPageAnswer(Struct, omit_defaults=True):
    """A page of briefs, open ones first, then the newest. `next`: ask again with it as `after`; absent on the last."""

    briefs: list[BriefRowAnswer]
    next: str | None = None


class SessionRow(Struct, omit_defaults=True):
    """An open session. The last two are known of sessions on the node that answers."""

    session_id: Id
    user_id: Id
    name: str
    role: str
    address: str
    node: str
    started_at: float
    reconnect_count: Count
    channels: list[ChannelField] | None = None
    waiting_bytes: Count | None = None


class SessionPage(Struct, omit_defaults=True):
    """A page of sessions, oldest first. `next`: ask again with it as `after`; absent on the last page."""

    sessions: list[SessionRow]
    next: str | None = None


class EndedSessions(Struct):
    """The number of sessions that were ended."""

    ended: Count


class LiftedLimits(Struct):
    """The time until which the limits are raised; null: they are the usual ones."""

    user: Id
    until: Count | None


class Revoked(Struct):
    """The confirmation of a revocation."""

    revoked: bool


class HistoryPosition(Struct, omit_defaults=True):
    """The head of a channel's history, and the oldest event that is kept."""

    epoch: str
    offset: Count
    oldest: Count | None = None


class ChannelRow(Struct, omit_defaults=True):
    """A channel: its settings, the users present, the subscribers on this node, the head of its history."""

    channel: ChannelField
    settings: SettingsPayload
    users: Count
    subscribers: Count
    position: HistoryPosition | None = None


class ChannelPage(Struct, omit_defaults=True):
    """A page of channels by name. `next`: ask again with it as `after`; absent on the last page."""

    channels: list[ChannelRow]
    next: str | None = None


class ChannelAnswer(Struct):
    """A channel's whole settings."""

    channel: ChannelField
    settings: SettingsPayload


class PresenceAnswer(Struct):
    """The users present on a channel."""

    channel: ChannelField
    presence: Roster


class HistoryAnswer(Struct):
    """Events of a channel as subscribers received them, oldest first."""

    channel: ChannelField
    position: HistoryPosition
    events: list[dict[str, Any]]


class Health(Struct):
    """The answer of a running process."""

    status: Literal["alive"]


class Readiness(Struct):
    """The readiness of the service for clients and changes, by part, and what an acknowledged change has survived."""

    status: Literal["ready", "not ready"]
    checks: dict[str, bool]
    durability: Durability
