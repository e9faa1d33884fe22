"""The effects that the state of the client decides; they are carried out in order. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dossier_realtime.protocol.documents.field_locks import LockState
from dossier_realtime.protocol.events import AlertState, Event
from dossier_realtime.protocol.fields import Position
from dossier_realtime.protocol.responses import Ack

from ..errors import RealtimeError
from .changes import Change
from .editing.document_status import DocumentStatus
from .presence import PresenceState
from .unknown_message import UnknownMessage


class ConnectionState(StrEnum):
    """The six states of a connection. `error` and `disconnected` are final, except before the start."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    AUTHENTICATED = "authenticated"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"
    ERROR = "error"


Settled = Ack | AlertState | LockState
"""The answers to sends."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Request to get a token and open a socket; `opened`, `refused`, `unusable` or `give_up` takes the outcome."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Request to get a new token; `renewed` takes it."""


@dataclass(frozen=True, slots=True)
class Write:
    """A frame to write to the socket."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """Request to close the socket. Frames that still arrive on it are dropped."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class EnterState:
    """A new state of the connection."""

    state: ConnectionState


@dataclass(frozen=True, slots=True)
class Deliver:
    """An event for the subscribers of `channel`, at `position`. `recovered`: it had been missed."""

    channel: str
    event: Event
    position: Position | None
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Unasked:
    """An event without a subscription: of the user's own channel, or about the rate."""

    event: Event


@dataclass(frozen=True, slots=True)
class DeliverUnknown:
    """A message of an unknown type, as `Deliver`; `channel` is None where it belongs to no subscription."""

    channel: str | None
    message: UnknownMessage
    position: Position | None = None
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class ShowPresence:
    """The users on the channel now."""

    channel: str
    presence: PresenceState


@dataclass(frozen=True, slots=True)
class Ready:
    """The server's confirmation of a subscription; events come from `position` on."""

    channel: str
    position: Position | None


@dataclass(frozen=True, slots=True)
class End:
    """The end of a subscription; `error` is the cause, None where the user ended it."""

    channel: str
    error: RealtimeError | None


@dataclass(frozen=True, slots=True)
class Settle:
    """The answer to a send: for an event, that it is durable. One about an alert or a lock may be its state."""

    ref: str
    answer: Settled


@dataclass(frozen=True, slots=True)
class Reject:
    """The failure of a send."""

    ref: str
    error: RealtimeError


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An error that the connection survives, for the channel's subscribers, or for the client."""

    error: RealtimeError
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The first text of a document."""

    channel: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A change of a document's text."""

    channel: str
    change: Change


@dataclass(frozen=True, slots=True)
class CursorsMoved:
    """A move of another user's cursor, or its end."""

    channel: str


@dataclass(frozen=True, slots=True)
class CommentsChanged:
    """A comment that is new or was changed, or comments that must be read anew."""

    channel: str


@dataclass(frozen=True, slots=True)
class Synced:
    """The server's confirmation of the last local edit."""

    channel: str


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A new status of a document."""

    channel: str
    status: DocumentStatus


CallbackEffect = EnterState | Unasked | Deliver | DeliverUnknown | ShowPresence | Ready | End | ErrorReport
"""Effects for the user's callbacks."""

EditorEffect = Opened | Changed | CursorsMoved | CommentsChanged | Synced | StatusChanged
"""Effects for the editor of a document."""

Effect = Dial | Renew | Write | Drop | Settle | Reject | CallbackEffect | EditorEffect
