"""Parts that bootstrap builds and hands to a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.ports.engine import Engine
    from app.journal.acts import ActRecord
    from app.node.connections.limits import NodeLimits
    from app.node.recorder import Recorder
    from app.security.auth import TokenVerifier
    from app.services.briefs.cancellation import Briefs
    from app.services.briefs.jobs import BriefJobs
    from app.services.channel_admin import ChannelAdmin
    from app.services.commitments.alerts import Alerts
    from app.services.commitments.clearances import Clearances
    from app.services.domain.inboxes import Inboxes
    from app.services.editing.cursors import Cursors
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.classification import ChannelPolicy


@dataclass(frozen=True, slots=True)
class Services:
    """The services of the domain, one a capability."""

    publisher: EventPublisher
    documents: Documents
    cursors: Cursors
    alerts: Alerts
    clearances: Clearances
    briefs: Briefs
    brief_jobs: BriefJobs
    inboxes: Inboxes
    channel_admin: ChannelAdmin
    acts: ActRecord


@dataclass(frozen=True, slots=True)
class NodeParts:
    """The infrastructure of a node: its store, the levels of channels, the keys of tokens, the record, the bounds."""

    engine: Engine
    policy: ChannelPolicy
    verifier: TokenVerifier
    recorder: Recorder
    limits: NodeLimits
