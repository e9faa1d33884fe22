"""The context of every handler: the services that it calls, the bounds that hold for it, the records that it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.instant import Instant
    from app.journal.acts import ActRecord
    from app.journal.calls import Call
    from app.journal.exports.export import Archive
    from app.node.sockets.turns import Turns
    from app.services.briefs.cancellation import Briefs
    from app.services.briefs.jobs import BriefJobs
    from app.services.callers import Callers
    from app.services.channel_admin import ChannelAdmin
    from app.services.channel_history import ChannelHistory
    from app.services.commenting.comments import Comments
    from app.services.commitments.alerts import Alerts
    from app.services.commitments.registry import CommitmentRegistry
    from app.services.commitments.standing import StandingCommitments
    from app.services.document_access import DocumentAccess
    from app.services.domain.inboxes import Inboxes
    from app.services.domain.task_list import TaskList
    from app.services.editing.documents import Documents
    from app.services.exports.exports import Exports
    from app.services.local_connections import LocalConnections
    from app.services.operators import Operators
    from app.services.pairs.deletion import DocumentDeletion
    from app.services.pairs.pairs import Pairs
    from app.services.presence import PresenceRosters
    from app.services.publisher import EventPublisher, PublishResult
    from app.services.relationships.health import RelationshipHealth
    from app.services.relationships.reading import RelationshipReading
    from app.services.revisions.revisions import Revisions
    from app.services.revisions.snapshots import Snapshots
    from app.services.room.guests import Guests, OperatorLogin
    from app.telemetry.metrics import Metrics
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.protocol.fields import Durability
    from dossier_realtime.protocol.http.host_policy import HostPolicy

    from .probes.public_pages import PublicPages
    from .transport.body_quota import BodyQuota
    from .transport.connection_quota import ConnectionQuota
    from .websocket.wire import SocketServer


class CallRecorder(Protocol):
    """The part of the node's recorder that HTTP calls use."""

    def record_call(self, call: Call) -> None:
        """Count a call that was answered, and keep it in the journal."""

    def record_refused_token(self, address: str, reason: str, steady: float) -> None:
        """Count and keep a token that was refused."""

    def record_published(self, placed: Sequence[PublishResult], seconds: float) -> None:
        """Count events that were published, and how long that took."""

    def record_pause(self) -> None:
        """Count an answer that was held back."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of access: the authentication of callers, the settings of channels, and the clock of both."""

    node_name: str
    policy: ChannelPolicy
    clock: Callable[[], Instant]
    callers: Callers


@dataclass(frozen=True, slots=True)
class RelationshipServices:
    """The scores of relationships, and reading them."""

    health: RelationshipHealth
    reading: RelationshipReading


@dataclass(frozen=True, slots=True)
class DomainServices:
    """The services of the domain: events, documents and their versions, and one a capability."""

    publisher: EventPublisher
    documents: Documents
    document_access: DocumentAccess
    revisions: Revisions
    snapshots: Snapshots
    exports: Exports
    pairs: Pairs
    deletion: DocumentDeletion
    comments: Comments
    alerts: Alerts
    commitments: CommitmentRegistry
    standing_commitments: StandingCommitments
    briefs: Briefs
    brief_jobs: BriefJobs
    inboxes: Inboxes
    tasks: TaskList
    relationships: RelationshipServices


@dataclass(frozen=True, slots=True)
class OperatorServices:
    """The services for operators and administrators of channels."""

    operators: Operators
    channel_admin: ChannelAdmin
    presence: PresenceRosters
    history: ChannelHistory
    connections: LocalConnections


@dataclass(frozen=True, slots=True)
class CallRecords:
    """The records that calls leave, and the archive that they are read from."""

    recorder: CallRecorder
    acts: ActRecord
    archive: Archive


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of connections, of bodies in memory and of the work of one turn of the loop.

    `stall_seconds`: how long the reader of an answer may take nothing before it is cut off.
    """

    connection_quota: ConnectionQuota
    body_quota: BodyQuota
    turns: Turns
    stall_seconds: float


@dataclass(frozen=True, slots=True)
class Probes:
    """The sources of the pages for monitoring."""

    metrics: Metrics
    readiness: Callable[[], dict[str, bool]]
    durability: Durability


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """The parts of the service that handlers know; the same for all addresses that it answers at."""

    access: Access
    domain: DomainServices
    operations: OperatorServices
    records: CallRecords
    bounds: Bounds
    probes: Probes
    sockets: SocketServer


@dataclass(slots=True)
class Site:
    """The rules of one address that the service answers at. They are set before it accepts its first connection.

    `guests`: those of its room, `operator`: the login by links into the dashboard; None where it has none.
    """

    host_policy: HostPolicy
    public_pages: PublicPages
    guests: Guests | None = None
    operator: OperatorLogin | None = None
