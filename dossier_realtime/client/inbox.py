"""The inbox of the user: the events that wait, their marks; and tasks (docs/protocol.md#inbox)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

import msgspec

from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.commands import (
    AcknowledgeNotifications,
    NotificationAckPayload,
    NotificationSnoozePayload,
    SnoozeNotification,
)
from dossier_realtime.protocol.domain.inbox import InboxState
from dossier_realtime.protocol.domain.inbox_ids import InboxEvent, entry_id
from dossier_realtime.protocol.http.inbox_forms import InboxPage, TaskRow, TaskRows

from .errors import ConnectFailed, Overflowed, PositionLost, PublishError
from .io.client_calls import ClientCalls
from .io.http_calls import is_passing
from .state.backoff import Backoff
from .state.unknown_message import unknown_message

if TYPE_CHECKING:
    from .subscription import Subscription

_MAX_IDS = 100  # in one message (docs/protocol.md#inbox)
_MAX_SEEN = 20_000  # ids of entries that were handed out: bounds the memory of an inbox that is read for years
_RETRY = Backoff(base=0.25, cap=5.0)

T = TypeVar("T")


class InboxCalls(ClientCalls):
    """The calls of a client about what waits for its user."""

    async def inbox(self) -> AsyncGenerator[InboxEvent, None]:
        """Iterate over the events that wait for the user: notifications, tasks, alerts, ends of briefs.

        All unread ones come first, the oldest first, however long the user was away; then live ones; each once, over
        all reconnects. A snoozed one comes when its time has come, also where it came before. Nothing is marked as
        read by reading it: call `mark_read`, on this device or another one.

        Raises what `connect` and the iteration of a subscription raise, and PublishError where the service refuses.
        An iteration that falls behind goes on with what is unread, and raises no Overflowed or PositionLost.
        """
        await self.connect()
        seen: dict[str, None] = {}
        while True:
            subscription = self.subscribe(channels.user(self.user_id or ""))
            try:
                # After the confirmation, so that an event is in the inbox already or still comes.
                await subscription.ready()
                async for event in self._waiting():
                    if _first(seen, event):
                        yield event
                async for event in self._live(subscription, seen):
                    yield event
                return
            except (Overflowed, PositionLost):
                continue  # what was missed waits in the inbox
            finally:
                subscription.unsubscribe()

    async def _live(self, subscription: Subscription, seen: dict[str, None]) -> AsyncIterator[InboxEvent]:
        async for event in subscription:
            if isinstance(event, InboxEvent):
                if _first(seen, event):
                    yield event
            elif isinstance(event, InboxState) and event.payload.returned:
                returned = set(event.payload.returned)
                for name in returned:
                    seen.pop(name, None)
                async for entry in self._waiting():
                    if entry_id(entry) in returned and _first(seen, entry):
                        yield entry

    async def _waiting(self) -> AsyncIterator[InboxEvent]:
        """Yield the unread entries, oldest first."""
        after: int | None = 0
        while after is not None:
            page = await self._read(f"/v1/inbox?unread=true&after={after}", InboxPage)
            for row in page.entries:
                frame = msgspec.json.encode(row.event)
                if row.event is None or unknown_message(frame) is not None:
                    continue  # of a type that a later version has added
                event = codec.decode_event(frame)
                if isinstance(event, InboxEvent):
                    yield event
            after = page.next

    async def unread(self) -> int:
        """Return the number of entries that wait unread, without those that are snoozed."""
        return (await self._read("/v1/inbox?unread=true&limit=1", InboxPage)).unread

    async def mark_read(
        self, ids: Sequence[str | InboxEvent] | str | InboxEvent = (), *, up_to: int | None = None
    ) -> None:
        """Mark entries as read on all devices of the user, and wait until that is durable.

        `ids`: entries, as events of `inbox` or by their ids; `up_to`: all up to an event's `offset`. One of the two.
        Ids that are not there any more are passed over, and to mark an entry twice has no further effect.

        Raises:
            ValueError: for neither or both, and for an invalid id.
            DeniedError: where none of the ids is in the inbox.
            QueueFull, TimedOut, ConnectionClosed: as `send`.
        """
        names = _names(ids)
        if (not names) == (up_to is None):
            raise ValueError("Give the ids of entries, or up_to, the offset of the last one that was read")
        payloads = [NotificationAckPayload(ids=names[at : at + _MAX_IDS]) for at in range(0, len(names), _MAX_IDS)]
        for payload in payloads or [NotificationAckPayload(up_to=up_to)]:
            await self._command(partial(_acknowledge, payload))

    async def snooze(self, entry: str | InboxEvent, until: datetime | float) -> None:
        """Let an entry wait until a time (Unix seconds, or a `datetime` with a zone), and return when that is durable.

        It is not unread until then; then it comes again. At most 90 days ahead.

        Raises:
            ValueError: for an invalid id or time.
            DeniedError: where the entry is not in the inbox, or the time is not ahead.
            QueueFull, TimedOut, ConnectionClosed: as `send`.
        """
        if isinstance(until, datetime) and until.tzinfo is None:
            raise ValueError("until has no time zone; give it one, such as datetime.now(UTC) + timedelta(hours=2)")
        at = int(until.timestamp() if isinstance(until, datetime) else until)
        (name,) = _names(entry)
        payload = NotificationSnoozePayload(name, at)
        await self._command(lambda ref: SnoozeNotification(payload=payload, ref=ref))

    async def tasks(self, *, channel: str | None = None, assignee: str | None = None) -> AsyncIterator[TaskRow]:
        """Yield the tasks of a channel, of an assignee or both that the user may see: open ones first, then by date.

        Raises ValueError where neither is given, PublishError where the service refuses, AuthFailed and ConnectFailed.
        """
        if not channel and not assignee:
            raise ValueError("Name a channel, an assignee or both")
        asked = {name: text for name, text in (("channel", channel), ("assignee", assignee)) if text}
        while True:
            page = await self._read(f"/v1/tasks?{urlencode(asked)}", TaskRows)
            for row in page.tasks:
                yield row
            if page.next is None:
                return
            asked["after"] = page.next

    async def _read(self, path: str, form: type[T]) -> T:
        """Return the answer to a GET; ask again while the service cannot be reached or asks to wait."""
        attempts = Backoff(_RETRY.base, _RETRY.cap)
        while True:
            self._still_wanted()
            try:
                return msgspec.json.decode(await self._http.call("GET", path), type=form)
            except (ConnectFailed, PublishError) as failed:
                if not is_passing(failed):
                    raise
                wait = failed.retry_after or 0.0
            await asyncio.sleep(wait + attempts.delay(random.random()))  # noqa: S311  jitter, no secret


def _acknowledge(payload: NotificationAckPayload, ref: str) -> AcknowledgeNotifications:
    return AcknowledgeNotifications(payload=payload, ref=ref)


def _first(seen: dict[str, None], event: InboxEvent) -> bool:
    """Return True, once, for an entry that was not handed out."""
    name = entry_id(event) or ""
    if name in seen:
        return False
    seen[name] = None
    if len(seen) > _MAX_SEEN:
        del seen[next(iter(seen))]
    return True


def _names(entries: Sequence[str | InboxEvent] | str | InboxEvent) -> list[str]:
    several = [entries] if isinstance(entries, str | InboxEvent) else entries
    return [one if isinstance(one, str) else entry_id(one) or "" for one in several]
