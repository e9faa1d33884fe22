"""The interface of an engine. Each method says what it guarantees, what may be lost, and in which order.

Two backends are meant: `embedded` (one process, one SQLite file) and Redis (many nodes). The interface promises nothing
that one of them could not keep, and a node relies on nothing that is not written here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from app.core.authorization import NO_SENDING
from app.core.domain.alerts import Alert
from app.core.domain.briefs import Brief
from app.core.domain.domain_facts import DomainFact
from app.core.position import StreamPosition
from app.core.presence import Member as Member  # noqa: PLC0414 - a part of the port, from here too
from app.core.presence import PresenceEvent as PresenceEvent  # noqa: PLC0414 - likewise
from app.core.presence import Profile as Profile  # noqa: PLC0414 - likewise
from app.core.ratelimit import Quota, RateClass, RateLimiter
from app.engine.delivery_rules import TO_EVERYBODY, DeliveryRules
from dossier_realtime.protocol.classification import ChannelSettings
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.responses import Roster


class EngineError(Exception):
    """The engine cannot be opened; the message says what to do."""


class Unavailable(Exception):
    """Raised when the engine cannot keep its promise now (disk full, storage gone).

    Nothing was changed; try again later.
    """


class KeyConflict(Exception):
    """The idempotency key was used before, with another body."""


class DomainFactError(Exception):
    """An event names a commitment or a brief that it may not speak of. `subject`: the id; `path`: where it stands."""

    def __init__(self, text: str, subject: str, path: str) -> None:
        super().__init__(text)
        self.subject = subject
        self.path = path


class BriefCancelled(DomainFactError):
    """Raised when an event belongs to a brief that is already cancelled."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"The brief {request_id} was cancelled: write it no further", request_id, "$.request_id")
        self.request_id = request_id


class ForeignId(DomainFactError):
    """Raised when an event names an id of another sender.

    The client gets the answer of a send that is forbidden, in the same words: more would tell that the id exists.
    """

    def __init__(self, subject: str) -> None:
        super().__init__(NO_SENDING, subject, "$")


class ForeignBrief(ForeignId):
    """Raised when an event belongs to a brief that another program writes."""


class ForeignCommitment(ForeignId):
    """Raised when an event names a commitment of another MoU, or without the right to speak for it."""


class Moved(Exception):
    """Raised when another call changed the alert or the brief first: read it, decide, try again."""


@dataclass(frozen=True, slots=True)
class PublicationEntry:
    """One event to be published: encoded once, without its offset. `durable`: the channel keeps history.

    `domain_fact`: a statement about an alert or a brief.
    """

    channel: str
    body: bytes
    durable: bool
    delivery: DeliveryRules = TO_EVERYBODY
    domain_fact: DomainFact | None = None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`(user, key)` names a request for 24 h; `digest` is of its body."""

    user_id: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Publication:
    """One event as every subscriber receives it.

    `offset` 0: the channel keeps no history. `commit` is the number of the event in the engine's own log, 0 where there
    is none.
    """

    channel: str
    epoch: str
    offset: int
    frame: bytes
    commit: int = 0
    delivery: DeliveryRules = TO_EVERYBODY


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The place of a published event.

    `offset` None: the channel keeps no history. `repeated`: it was published before, under the same key; this call had
    no effect.
    """

    channel: str
    offset: int | None
    epoch: str | None
    repeated: bool = False


class Broker(Protocol):
    """Publications: one order a channel, the same for everybody; history."""

    def start(self, deliver: Callable[[Sequence[Publication]], None]) -> None:
        """Begin to deliver.

        `deliver` is called on the event loop with every publication of the channels this node joined, and with those
        committed through this node where it did not join (for the journal): per channel in offset order, without hole
        or repetition; a batch that was published as one comes as one. It is called only for publications that are
        durable (or were never meant to be), and before the publisher's own call returns.
        """

    async def publish(
        self, entries: Sequence[PublicationEntry], key: IdempotencyKey | None = None
    ) -> list[PublishResult]:
        """Commit all entries or none, in the order of the calls on this node, then deliver them.

        Returns when they are durable. With a key that was used before: the first result, no second effect. Domain facts
        of entries are kept in the same commit, so that a crash never forgets a fact that was delivered.

        Raises KeyConflict (same key, other digest), DomainFactError (an entry names a commitment or a brief that its
        sender has no authority over) and Unavailable; nothing was committed then.
        """

    async def join(self, channel: str) -> StreamPosition:
        """Receive the channel from the returned position on: `position.offset + 1` is the next delivery."""

    async def leave(self, channel: str) -> None:
        """Stop to receive the channel. Publications under way may still come."""

    async def position(self, channel: str) -> StreamPosition:
        """Return the head of the channel now. A channel without events has offset 0 and an epoch that stays."""

    def is_begun(self, channel: str) -> bool:
        """Return whether an event of the channel was ever kept, as far as this node knows. Known without waiting."""

    async def read(self, channel: str, after: int, limit: int) -> list[Publication]:
        """Return at most `limit` publications after offset `after`, oldest first, without hole.

        None is returned that was not yet delivered. There are fewer only at the head, and none when `after + 1` is no
        longer kept. At least 10,000 events and 15 min of each channel are kept.
        """

    async def renew_epoch(self, channel: str) -> None:
        """Begin a new epoch: every position of before is void."""

    async def channels(self) -> Collection[str]:
        """Return the names of all channels that have events."""

    async def commits_after(self, commit: int, limit: int) -> list[Publication]:
        """Return publications of the engine's log after number `commit`, oldest first, for the journal."""


class PresenceStore(Protocol):
    """Presence on channels. Several connections of a user on a channel are one presence."""

    def start(self, deliver: Callable[[PresenceEvent], None]) -> None:
        """Begin to deliver.

        `deliver` is called on the event loop with every change of the channels this node joined, in the order in which
        they happened; a roster and the changes after it give the next roster.
        """

    async def enter(self, channel: str, member: Member) -> Roster:
        """Put the connection on the channel; return the present users, itself included unless hidden.

        Entering twice is entering once; the later `hidden` holds. Others receive PresenceJoin for a user's first
        visible connection. Hidden connections are not listed.
        """

    async def leave(self, channel: str, connection: str) -> None:
        """Remove a connection that left of its own will: PresenceLeave at once if it was the user's last."""

    async def lost(self, connection: str) -> None:
        """End the connection on all channels: PresenceLeave after the grace of 5 s, unless the user returned.

        A user who is present over other connections is shown as these are, by PresenceUpdate.
        """

    async def renew(self, connection: str, profile: Profile) -> None:
        """Take another token's profile; if it is the user's newest, others receive the difference."""

    async def update(self, channel: str, connection: str, change: PresenceChange) -> None:
        """Change the state of the connection; others receive PresenceUpdate with the whole state.

        A user is shown as that open connection that changed last.
        """

    async def roster(self, channel: str) -> Roster:
        """Return the present users, hidden ones aside; the list is cut at the cap, `count` is exact."""

    async def counts(self) -> Mapping[str, int]:
        """Return the number of users of each channel that has any."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session that is open somewhere. Times are Unix seconds."""

    session_id: str
    user_id: str
    name: str
    role: str
    address: str
    node: str
    started_at: float
    reconnect_count: int


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session that was opened: its id (kept, when it could be resumed) and how often it came back.

    `displaced`: the node on which an older connection of the same session is still open; it is to be closed with 4504.
    """

    session_id: str
    reconnect_count: int
    displaced: str | None


class TooManyConnections(Exception):
    """The user has as many open sessions as a user may have."""


class TipMoved(Exception):
    """Raised when another call committed a version of the document first: read it, transform, try again."""


@dataclass(frozen=True, slots=True)
class Version:
    """One operation that becomes one version: the encoded `remote_operation`, its author, and its `op_id`.

    `exclude_connection`: the author's, which gets an `operation_ack` in its place.
    """

    body: bytes
    user_id: str
    op_id: str | None
    exclude_connection: str = ""


@dataclass(frozen=True, slots=True)
class KnownOperation:
    """An operation that was committed before, and the last version that it became."""

    user_id: str
    version: int


class DocumentStore(Protocol):
    """The operations of documents.

    They are the log of the document's channel, each version one publication: the Broker reads, keeps and delivers them
    like events (`offset` is the version), and they count as its commits.
    """

    async def append(self, channel: str, tip: int, versions: Sequence[Version]) -> None:
        """Commit all as versions `tip + 1`, `tip + 2` …, or none; returns when they are durable and delivered.

        Raises TipMoved when `tip` is no longer the last version, and Unavailable (nothing was committed).
        """

    async def known(self, channel: str, op_ids: Sequence[str]) -> Mapping[str, KnownOperation]:
        """Return those of the operations that are in the log. They are remembered as long as the log keeps them."""

    async def keep_snapshot(self, channel: str, version: int, state: bytes) -> None:
        """Keep the document as it was at a version, so that it can be made again without all its log. May be lost."""

    async def snapshot(self, channel: str, version: int) -> tuple[int, bytes] | None:
        """Return the latest snapshot at or before a version, such that every operation after it is kept.

        None: there is none, and the log begins at version 1.
        """


class AlertStore(Protocol):
    """Alerts of commitments: what published entries said of them, over all nodes and restarts.

    An alert is kept for 180 days after anything was last said of it, once it is acknowledged for 30.
    """

    async def find(self, commitment_id: str) -> Alert | None:
        """Return the alert with every user whom a committed entry alerted. Raises Unavailable."""

    async def acknowledge(self, alert: Alert, by: str, entries: Sequence[PublicationEntry]) -> list[PublishResult]:
        """Acknowledge the alert and publish the entries that say so, both or neither, like `publish`.

        Raises Moved when the alert is no longer as given, and Unavailable (nothing was committed).
        """


class BriefStore(Protocol):
    """Briefs, from the facts of published entries, over all nodes and restarts.

    A brief is kept for 30 days after its last step.
    """

    async def find(self, request_id: str) -> Brief | None:
        """Return the brief. Raises Unavailable."""

    async def cancel(self, brief: Brief, entries: Sequence[PublicationEntry]) -> list[PublishResult]:
        """End the brief and publish the entries that say so, both or neither, like `publish`.

        No later `publish` gets an entry of it through. Raises Moved when the brief is no longer as given, and
        Unavailable (nothing was committed).
        """


class SessionStore(Protocol):
    """Sessions over all nodes."""

    async def open(self, record: SessionRecord, resume: str | None, limit: int) -> OpenedSession:
        """Register a connection, under the record's id if it is a new session.

        `resume` is kept when it belongs to the same user and is open or ended less than 15 min ago, also across a
        restart. A displaced connection does not count against the limit. Raises TooManyConnections.
        """

    async def close(self, session_id: str, reconnect_count: int) -> None:
        """End the session on the connection that opened it with this count; for 15 min it can be resumed.

        It has no effect where a later connection has resumed the session: it goes on over that one.
        """

    async def sessions(self) -> list[SessionRecord]:
        """Return every open session, oldest first."""


class RevocationStore(Protocol):
    """Tokens and users that are shut out. A revocation outlives restarts; known on every node within 2 s."""

    def start(self, revoked: Callable[[str | None, str | None, float], None]) -> None:
        """Begin to deliver.

        `revoked(token_id, user_id, at)` is called on the event loop for each revocation, also for those of this node.
        """

    def is_revoked(self, user_id: str, token_id: str | None, issued_at: int | None) -> bool:
        """Return True where the token is revoked, without waiting.

        It is revoked by its id, or when it was issued at or before the user's revocation (Unix seconds); one without a
        time of issue counts as issued before.
        """

    def revoked_at(self, *, token_id: str | None = None, user_id: str | None = None) -> float | None:
        """Return when the token, or else the user, was last revoked (Unix seconds), without waiting.

        None: never.
        """

    async def revoke(self, *, token_id: str | None, user_id: str | None, at: float) -> None:
        """Shut out, durably. Kept for 90 days: longer than any token is good for, also one made to begin later."""


class ChannelSettingsStore(Protocol):
    """Settings of single channels.

    They survive restarts; every node knows them before `put` returns on its own node.
    """

    def start(self, changed: Callable[[str, ChannelSettings], None]) -> None:
        """Begin. `changed` is called on the event loop for every channel at start, then for every change."""

    async def put(self, channel: str, settings: ChannelSettings) -> None:
        """Set durably. Raises Unavailable."""


class Spent(NamedTuple):
    """A user's share of a day's quota that is spent, since that day began (Unix seconds)."""

    user_id: str
    kind: Quota
    since: float
    amount: int


class QuotaStore(Protocol):
    """Quotas that users have spent of their day. Survive restarts, but for what was put last before a crash."""

    @property
    def found(self) -> Sequence[Spent]:
        """Return the state when the engine was opened, the oldest day first."""

    def put(self, spent: Sequence[Spent]) -> None:
        """Replace the stored state of these users and kinds, without waiting."""


class RateStore(Protocol):
    """The user's budget over all connections and nodes.

    `limiter` judges messages on this node, without waiting; where several nodes share the budget, a node
    judges only what it has been given to spend. Every node is ordered to raise a user's limits, and what it is given
    for that user grows alike.
    """

    limiter: RateLimiter

    def covered(self, user_id: str, rate_class: RateClass, steady: float) -> bool:
        """Return True where `limiter` may judge the next message now: always, where there is one node."""

    async def cover(self, user_id: str, role: str, rate_class: RateClass) -> None:
        """Ask for more to spend; afterwards `covered` holds."""


@dataclass(frozen=True, slots=True)
class ControlCommand:
    """A request of one node to every node.

    `subject`: a session's or a user's id; `count`: how often the session had come back on the connection that replaces
    all of before; `seconds`: for how long limits are raised, 0 to end it.
    """

    kind: Literal["end_session", "end_user", "replace", "lift_limits"]
    subject: str
    reason: str = ""
    count: int = 0
    seconds: int = 0


class ControlBus(Protocol):
    """Orders to all nodes, the sender included."""

    def start(self, carry_out: Callable[[ControlCommand], None]) -> None:
        """Begin. `carry_out` is called on the event loop for every order."""

    async def send(self, order: ControlCommand) -> None:
        """Carried out on every living node within 2 s; on this one before the call returns."""


class Engine(Protocol):
    """All of it."""

    broker: Broker
    documents: DocumentStore
    alerts: AlertStore
    briefs: BriefStore
    presence: PresenceStore
    sessions: SessionStore
    revocations: RevocationStore
    settings: ChannelSettingsStore
    quotas: QuotaStore
    rates: RateStore
    control: ControlBus
    moved: str
    """The reason for which the store counts as copied or restored, so that all its epochs are new; else ""."""
    last_commit: int
    """The number of the last event that had been committed when it was opened."""

    def healthy(self) -> bool:
        """Return True where changes can be committed now."""

    async def close(self) -> None:
        """Finish what is under way, then stop."""
