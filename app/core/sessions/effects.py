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
    from dossier_realtime.protocol.documents.field_locks import LockField, UnlockField
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
    """The end of the connection, after the messages that were sent before."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class SendPing:
    """A ping of the WebSocket protocol."""


@dataclass(frozen=True, slots=True)
class VerifyToken:
    """A token to check; the session then gets `verified` or `token_refused`."""

    token: str
    session_id: str | None
    ref: str | None


@dataclass(frozen=True, slots=True)
class RefuseDocument:
    """A document to look up and refuse: it costs as much as one that is absent, with the same answer.

    `number`: of the subscription that ends with it.
    """

    channel: str
    ref: str | None
    number: int


@dataclass(frozen=True, slots=True)
class ReceiveOwn:
    """The user's own channel, to be delivered from now on, without a subscription."""

    channel: str


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session to register, new or resumed; it then gets `opened` or `connection_limit`."""

    session_id: str | None
    ref: str | None


@dataclass(frozen=True, slots=True)
class Join:
    """A channel to receive from now on; the answer is `subscribed`."""

    channel: str
    ref: str | None
    with_presence: bool
    hidden: bool
    since: Since | None
    last: int | None
    again: bool
    number: int
    """Of the subscription, in its session."""

    @property
    def begins_anew(self) -> bool:
        """Return whether a channel that is subscribed already is to be read from another place."""
        return self.again and (self.since is not None or self.last is not None)


@dataclass(frozen=True, slots=True)
class Leave:
    """A channel to receive no more, before anything else is delivered."""

    channel: str


@dataclass(frozen=True, slots=True)
class Publish:
    """An event to commit and deliver; the answer is `ack` where there is a ref. `digest`: of the named request."""

    inbound: InboundMessage
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class UpdateOwnPresence:
    """A change of the user's presence on a channel."""

    channel: str
    change: PresenceChange
    ref: str | None


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """A change of a channel's settings, or a look at them; the answer holds all of them."""

    channel: str
    change: SettingsChange
    ref: str | None


@dataclass(frozen=True, slots=True)
class SubmitEdit:
    """An edit for the document's queue."""

    command: EditOperation


@dataclass(frozen=True, slots=True)
class ShareCursor:
    """A cursor for the document's editors."""

    command: MoveCursor


@dataclass(frozen=True, slots=True)
class HoldField:
    """A field to hold or to release; the answer is `lock_state`."""

    command: LockField | UnlockField


@dataclass(frozen=True, slots=True)
class DomainCommand:
    """A command for the service of its domain (alerts, briefs)."""

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
    | HoldField
    | DomainCommand
)

Lasting = (
    VerifyToken
    | OpenSession
    | Join
    | RefuseDocument
    | Publish
    | UpdateOwnPresence
    | ApplySettings
    | SubmitEdit
    | ShareCursor
    | HoldField
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
        last = self.effects[-1] if self.effects else None
        # A refused document too: counts must not show which document is above the clearance, and which is absent.
        return isinstance(last, RefuseDocument) or (not self.rule and isinstance(last, Lasting))

    def then(self, later: Decision) -> Decision:
        """Return `later` with this decision's effects and notes before its own."""
        if not self.effects:
            return later
        return Decision(later.rule, [*self.effects, *later.effects], self.notes + later.notes)
