"""The Python SDK of the dossier platform's real-time service: `from dossier_realtime import DossierRealtimeClient`.

Public are the names of this package, of `client`, `client.testing`, `archive`, `protocol.events`,
`protocol.domain.inbox`, `protocol.fields`, `protocol.errors`, `recording.commitments` and `ot.units`. Every other
module is private: its names may change in any release.

Names of this package are imported when they are first used, so that a program pays for what it needs only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .archive import ExportError, open_export, open_journal, open_service
    from .client import (
        AuthFailed,
        Backoff,
        BriefEvent,
        BriefFailedError,
        BriefGeneration,
        Change,
        Commitments,
        ConnectFailed,
        ConnectionClosed,
        ConnectionState,
        Cursor,
        DeniedError,
        DocumentComments,
        DocumentEditor,
        DocumentPair,
        DocumentRestored,
        DocumentStatus,
        DocumentVersions,
        DossierRealtimeClient,
        Edit,
        ErrorCode,
        FieldLock,
        InboxEvent,
        InvalidMessage,
        Message,
        NotSubscribed,
        Overflowed,
        Position,
        PositionLost,
        PresenceState,
        ProtocolViolation,
        Published,
        Publisher,
        PublishError,
        QueueFull,
        RealtimeError,
        RelationshipFact,
        Relationships,
        RemoteCursor,
        Subscription,
        SubscriptionStatus,
        TimedOut,
        TokenSource,
        UnknownMessage,
        UnsavedEdits,
        UnusableToken,
    )

__version__ = "0.2.0"

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
    "ExportError",
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
    "__version__",
    "open_export",
    "open_journal",
    "open_service",
]

_FROM_ARCHIVE = {"ExportError", "open_export", "open_journal", "open_service"}


def __getattr__(name: str) -> object:
    """Import a public name from the package that holds it.

    Raises:
        AttributeError: for a name that is not public.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(".archive" if name in _FROM_ARCHIVE else ".client", __name__), name)
    globals()[name] = value  # the next use finds it at once
    return value


def __dir__() -> list[str]:
    """Return the public names beside what is imported already."""
    return sorted({*globals(), *__all__})
