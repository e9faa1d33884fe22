"""What `connection.Connection` decides; the client carries it out, in order. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dossier_realtime.protocol.events import AlertState, Event
from dossier_realtime.protocol.fields import Position
from dossier_realtime.protocol.responses import Ack

from ..errors import RealtimeError
from .changes import Change
from .presence import PresenceState


class ConnectionState(StrEnum):
    """The contract's six states. `error` and `disconnected` are final, but for a client not yet started."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    AUTHENTICATED = "authenticated"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Dial:
    """Get a token and open a socket; then say `opened`, `refused` or `give_up`."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Get a new token; then say `renewed`."""


@dataclass(frozen=True, slots=True)
class Write:
    """Put a frame on the socket."""

    frame: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the socket. Nothing that it still brings is to be told any more."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class EnterState:
    """The state has changed."""

    state: ConnectionState


@dataclass(frozen=True, slots=True)
class Deliver:
    """An event for the subscribers of `channel`; `position` is its own. `recovered`: it had been missed."""

    channel: str
    event: Event
    position: Position | None
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Unasked:
    """An event that nobody subscribed: of the user's own channel, or about the rate."""

    event: Event


@dataclass(frozen=True, slots=True)
class ShowPresence:
    """Who is on the channel now."""

    channel: str
    presence: PresenceState


@dataclass(frozen=True, slots=True)
class Ready:
    """The server confirmed the subscription; events come from `position` on."""

    channel: str
    position: Position | None


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more comes on the channel; `error` says why, where it was not wanted."""

    channel: str
    error: RealtimeError | None


@dataclass(frozen=True, slots=True)
class Settle:
    """The send is accepted and durable. An alert that somebody had acknowledged before answers with its state."""

    ref: str
    answer: Ack | AlertState


@dataclass(frozen=True, slots=True)
class Reject:
    """The send has failed."""

    ref: str
    error: RealtimeError


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """Something went wrong that the connection survives; for the channel's subscribers, or the client."""

    error: RealtimeError
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The document's text is there."""

    channel: str


@dataclass(frozen=True, slots=True)
class Changed:
    """The document's text has changed."""

    channel: str
    change: Change


@dataclass(frozen=True, slots=True)
class CursorsMoved:
    """Somebody else's cursor moved by itself, or is gone."""

    channel: str


@dataclass(frozen=True, slots=True)
class Synced:
    """The server has confirmed all that the document's user sees."""

    channel: str


CallbackEffect = EnterState | Unasked | Deliver | ShowPresence | Ready | End | ErrorReport
"""What is for the user's callbacks."""

EditorEffect = Opened | Changed | CursorsMoved | Synced
"""What is for the editor of a document."""

Effect = Dial | Renew | Write | Drop | Settle | Reject | CallbackEffect | EditorEffect
