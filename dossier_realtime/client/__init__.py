"""The Python SDK of the real-time service: a client for its WebSocket, and a publisher for its HTTP API."""

from dossier_realtime.protocol.codec import InvalidMessage
from dossier_realtime.protocol.domain.inbox_ids import InboxEvent
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import Position
from dossier_realtime.protocol.http.relationships import RelationshipFact

from .briefs import BriefEvent, BriefGeneration
from .client import DossierRealtimeClient
from .commitments import Commitments
from .documents.comments import DocumentComments
from .editor import DocumentEditor
from .errors import (
    AuthFailed,
    BriefFailedError,
    ConnectFailed,
    ConnectionClosed,
    DeniedError,
    DocumentRestored,
    NotSubscribed,
    Overflowed,
    PositionLost,
    ProtocolViolation,
    PublishError,
    QueueFull,
    RealtimeError,
    TimedOut,
    UnsavedEdits,
    UnusableToken,
)
from .io.endpoint import TokenSource
from .pairs import DocumentPair
from .publisher import Published, Publisher
from .relationships import Relationships
from .state.backoff import Backoff
from .state.changes import Change, Cursor, Edit
from .state.editing.document_status import DocumentStatus
from .state.editing.remote_cursors import RemoteCursor
from .state.effects import ConnectionState
from .state.outbound_frames import Message
from .state.presence import PresenceState
from .state.session import SubscriptionStatus
from .state.unknown_message import UnknownMessage
from .subscription import Subscription
from .together.field_lock import FieldLock
from .versions import DocumentVersions

__all__ = [
    "AuthFailed",
    "Backoff",
    "BriefEvent",
    "BriefFailedError",
    "BriefGeneration",
    "Change",
    "Commitments",
    "ConnectFailed",
    "ConnectionClosed",
    "ConnectionState",
    "Cursor",
    "DeniedError",
    "DocumentComments",
    "DocumentEditor",
    "DocumentPair",
    "DocumentRestored",
    "DocumentStatus",
    "DocumentVersions",
    "DossierRealtimeClient",
    "Edit",
    "ErrorCode",
    "FieldLock",
    "InboxEvent",
    "InvalidMessage",
    "Message",
    "NotSubscribed",
    "Overflowed",
    "Position",
    "PositionLost",
    "PresenceState",
    "ProtocolViolation",
    "PublishError",
    "Published",
    "Publisher",
    "QueueFull",
    "RealtimeError",
    "RelationshipFact",
    "Relationships",
    "RemoteCursor",
    "Subscription",
    "SubscriptionStatus",
    "TimedOut",
    "TokenSource",
    "UnknownMessage",
    "UnsavedEdits",
    "UnusableToken",
]
