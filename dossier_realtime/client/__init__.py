"""The Python SDK of the real-time service: a client for its sockets, a publisher for its HTTP twin."""

from dossier_realtime.protocol.codec import InvalidMessage
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import Position

from .backoff import Backoff
from .changes import Change, Cursor, Edit
from .client import DossierRealtimeClient, InboxEvent
from .drafting import Message
from .editor import DocumentEditor
from .endpoint import TokenSource
from .errors import (
    AuthFailed,
    ConnectFailed,
    ConnectionClosed,
    DeniedError,
    NotSubscribed,
    Overflowed,
    PositionLost,
    ProtocolViolation,
    PublishError,
    QueueFull,
    RealtimeError,
    TimedOut,
    UnusableToken,
)
from .intents import ConnectionState
from .presence import PresenceState
from .publisher import Published, Publisher
from .session import SubscriptionStatus
from .subscription import Subscription

__all__ = [
    "AuthFailed",
    "Backoff",
    "Change",
    "ConnectFailed",
    "ConnectionClosed",
    "ConnectionState",
    "Cursor",
    "DeniedError",
    "DocumentEditor",
    "DossierRealtimeClient",
    "Edit",
    "ErrorCode",
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
    "Subscription",
    "SubscriptionStatus",
    "TimedOut",
    "TokenSource",
    "UnusableToken",
]
