"""Inboxes: the events on a user's own channel that wait for a person (docs/protocol.md#inbox). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from app.core.domain.ownership import Authority
from app.core.domain.projections.projection import Folded
from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.domain.inbox_ids import entry_id
from dossier_realtime.protocol.events import CommitmentAlert, Notification
from dossier_realtime.protocol.fields import Priority

if TYPE_CHECKING:
    from app.core.domain.ownership import Claim
    from dossier_realtime.protocol.events import Event

KIND: Final = "inbox"
HEAD: Final = "inbox_head"
KEPT_SECONDS: Final = 90 * 86_400.0


class InboxEntry(Struct, omit_defaults=True, kw_only=True):
    """An event that waits for its user. `received` is Unix seconds, `snoozed_until` too."""

    id: str
    event: msgspec.Raw
    received: int
    priority: Priority | None = None
    read: bool = False
    snoozed_until: int | None = None
    waits_from: int | None = None
    """The end of its last snoozing: it is kept for 90 days from then on."""
    authority: int = 0
    """That of its publisher on the channel; 0 where it was not kept."""


class InboxEntries:
    """The projection of entries, one record each. The same id again is no second entry.

    An id that a sender with `write` on single channels named first gives way to one with more authority.
    """

    kind = KIND

    def key(self, channel: str, event: Event) -> str | None:
        """Return the key of the entry that an event makes."""
        name = entry_of(channel, event)
        return None if name is None else entry_key(channels.identifier(channel), name)

    def fold(
        self, known: bytes | None, channel: str, event: Event, at: float, claim: Claim | None = None
    ) -> Folded | None:
        """Return the new entry, unread."""
        name = entry_of(channel, event)
        authority = 0 if claim is None else int(claim.authority)
        if name is None or (known is not None and not _gives_way(decode(known), authority)):
            return None
        priority = event.priority if isinstance(event, Notification | CommitmentAlert) else None
        entry = InboxEntry(id=name, event=msgspec.Raw(codec.encode(event)), received=int(at), priority=priority)
        entry.authority = authority
        return folded(entry, channels.identifier(channel))


class InboxHeads:
    """The projection of one record a user that each new entry changes.

    A change of an inbox names its revision: its count of unread entries is then exact at its own place in the channel.
    """

    kind = HEAD

    def key(self, channel: str, event: Event) -> str | None:
        """Return the user whose inbox gets an entry."""
        return None if entry_of(channel, event) is None else channels.identifier(channel)

    def fold(self, known: bytes | None, channel: str, event: Event, at: float, claim: Claim | None = None) -> Folded:
        """Return the record anew: its revision is what counts."""
        return Folded(b"{}")


def entry_of(channel: str, event: Event) -> str | None:
    """Return the id of the entry that an event makes in the inbox of its channel; None where it makes none."""
    return entry_id(event) if channels.namespace(channel) == "user" else None


def entry_key(user_id: str, name: str) -> str:
    """Return the key of an entry's record."""
    return f"{user_id}/{name}"


def all_of(user_id: str) -> str:
    """Return the label of all entries of a user."""
    return user_id


def unread_of(user_id: str) -> str:
    """Return the label of a user's unread entries, without those that are snoozed."""
    return f"{user_id}/unread"


def decode(body: bytes) -> InboxEntry:
    """Return the entry of a record."""
    return msgspec.json.decode(body, type=InboxEntry)


def folded(entry: InboxEntry, user_id: str) -> Folded:
    """Return the record of an entry: placed by the offset of its event, kept for 90 days, since its snoozing also."""
    waits = not entry.read and entry.snoozed_until is None
    labels = (all_of(user_id), unread_of(user_id)) if waits else (all_of(user_id),)
    due = None if entry.snoozed_until is None else float(entry.snoozed_until)
    return Folded(
        msgspec.json.encode(entry),
        labels,
        by_offset=True,
        due=due,
        expires=max(entry.received, entry.waits_from or 0) + KEPT_SECONDS,
    )


def _gives_way(known: InboxEntry, authority: int) -> bool:
    return known.authority == Authority.CHANNEL and authority > Authority.CHANNEL


def as_read(entry: InboxEntry) -> InboxEntry | None:
    """Return the entry as read; None where it is."""
    if entry.read:
        return None
    return msgspec.structs.replace(entry, read=True, snoozed_until=None)


def as_snoozed(entry: InboxEntry, until: int) -> InboxEntry | None:
    """Return the entry as unread again from `until` (Unix seconds) on; None where it is so already."""
    if entry.snoozed_until == until and not entry.read:
        return None
    return msgspec.structs.replace(entry, read=False, snoozed_until=until, waits_from=until)


def as_due(entry: InboxEntry, now: float) -> InboxEntry | None:
    """Return the entry as unread where its time has come; None where it has not."""
    if entry.snoozed_until is None or entry.snoozed_until > now:
        return None
    return msgspec.structs.replace(entry, snoozed_until=None)


def hour_of(entry: InboxEntry) -> int | None:
    """Return the hour, in Unix hours, whose digest an entry of low priority is in; None: it stands alone."""
    return entry.received // 3600 if entry.priority == "low" else None


def shown(event: msgspec.Raw, offset: int) -> dict[str, Any]:
    """Return the event of an entry as its user received it."""
    content: dict[str, Any] = msgspec.json.decode(event)
    return content | {"offset": offset}
