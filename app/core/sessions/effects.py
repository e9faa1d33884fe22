"""The decisions of a session. The node carries effects out, in order; a test asserts on the list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from dossier_realtime.protocol.commands import (
        DomainMessage,
        EditOperation,
        MoveCursor,
        PresenceChange,
        SettingsChange,
        Since,
    )
    from dossier_realtime.protocol.errors import CloseCode
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.protocol.inbound import InboundMessage
    from dossier_realtime.protocol.responses import RateClass


@dataclass(frozen=True, slots=True)
class Send:
    """A message to this connection alone."""

    event: Event


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection, after what was sent before."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class SendPing:
    """A protocol-level ping."""


@dataclass(frozen=True, slots=True)
class VerifyToken:
    """Check a token, then tell the session `verified` or `token_refused`."""

    token: str
    session_id: str | None
    ref: str | None


@dataclass(frozen=True, slots=True)
class RefuseDocument:
    """Look whether a document exists, then refuse it: as much work as for one that does not, in the same words."""

    channel: str
    ref: str | None


@dataclass(frozen=True, slots=True)
class ReceiveOwn:
    """Deliver the user's own channel from now on, without a subscription."""

    channel: str


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Register the session (new or resumed), then tell it `opened` or `connection_limit`."""

    session_id: str | None
    ref: str | None


@dataclass(frozen=True, slots=True)
class Join:
    """Start receiving a channel; answer `subscribed`."""

    channel: str
    ref: str | None
    with_presence: bool
    hidden: bool
    since: Since | None
    last: int | None
    again: bool

    @property
    def begins_anew(self) -> bool:
        """Return whether a channel that is subscribed already is to be read from another place."""
        return self.again and (self.since is not None or self.last is not None)


@dataclass(frozen=True, slots=True)
class Leave:
    """Stop receiving a channel, before anything else is delivered."""

    channel: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Commit and deliver an event, then answer `ack` where there is a ref. `digest`: of what a key names."""

    inbound: InboundMessage
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class UpdateOwnPresence:
    """Tell a channel what the user does."""

    channel: str
    change: PresenceChange
    ref: str | None


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """Change a channel's settings (or read them), then answer with the whole."""

    channel: str
    change: SettingsChange
    ref: str | None


@dataclass(frozen=True, slots=True)
class SubmitEdit:
    """Hand an edit to the document's queue."""

    command: EditOperation


@dataclass(frozen=True, slots=True)
class ShareCursor:
    """Hand a cursor to the document's editors."""

    command: MoveCursor


@dataclass(frozen=True, slots=True)
class DomainCommand:
    """Hand a command to the service of its domain (alerts, briefs)."""

    command: DomainMessage


Effect = (
    Send
    | Close
    | SendPing
    | VerifyToken
    | OpenSession
    | RefuseDocument
    | ReceiveOwn
    | Join
    | Leave
    | Publish
    | UpdateOwnPresence
    | ApplySettings
    | SubmitEdit
    | ShareCursor
    | DomainCommand
)

Lasting = (
    VerifyToken
    | OpenSession
    | Join
    | Publish
    | UpdateOwnPresence
    | ApplySettings
    | SubmitEdit
    | ShareCursor
    | DomainCommand
)
"""Effects that take time: their message is accepted, or refused, once they were carried out."""

ACCEPTED = ""


@dataclass(frozen=True, slots=True)
class RateWarned:
    """A note: the message brought its user near the limit of a class, at `rate` messages in the window."""

    rate_class: RateClass
    rate: int


@dataclass(frozen=True, slots=True)
class RateLimited:
    """A note: the message was refused since its user was past the limit of a class; `auth` stands for renewals."""

    rate_class: RateClass | Literal["auth"]


Note = RateWarned | RateLimited


class Decision(NamedTuple):
    """The effects to carry out, and `rule`: the check that refused; empty when the message was accepted."""

    rule: str
    effects: list[Effect]
    notes: tuple[Note, ...] = ()

    @property
    def is_pending(self) -> bool:
        """Return whether the message is accepted or refused only when its last effect was carried out."""
        return not self.rule and bool(self.effects) and isinstance(self.effects[-1], Lasting)

    def then(self, later: Decision) -> Decision:
        """Return `later` with this decision's effects and notes before its own."""
        if not self.effects:
            return later
        return Decision(later.rule, [*self.effects, *later.effects], self.notes + later.notes)
