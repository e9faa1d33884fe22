"""One connection of one person, over the SDK: it joins, sends, says what it does, and watches what it is told."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from demo.content.people import Person
from demo.content.texts import BRIEF_STAGES
from demo.flaky_proxy import Link
from demo.report import Facts
from dossier_realtime.client import (
    Backoff,
    ConnectFailed,
    ConnectionState,
    DossierRealtimeClient,
    Message,
    Subscription,
    TokenSource,
)
from dossier_realtime.protocol import channels, events
from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.fields import Activity, Status

_STAGES = [stage for stage, _ in BRIEF_STAGES]
_PEOPLED = frozenset({"dossier", "workspace", "relationship"})
BACK_SECONDS = 20.0  # that a broken connection, or a long recovery, may take
_LOOKS = 400


class Desk:
    """`here` while the person is at it; `shaky` while the connection may break without anybody's surprise.

    `tasks` are the assignments that came and wait for their person.
    """

    def __init__(self, person: Person, url: str, token: TokenSource, facts: Facts, link: Link | None = None) -> None:
        self.person = person
        self.link = link
        self.here = False
        self.shaky = False
        self.tasks: list[events.TaskAssigned] = []
        self._url = url
        self._token = token
        self._facts = facts
        self._client: DossierRealtimeClient | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._offsets: dict[str, int] = {}
        self._climbed: dict[str, tuple[int, int]] = {}
        self._state = ConnectionState.DISCONNECTED
        self._changed = asyncio.Event()

    @property
    def client(self) -> DossierRealtimeClient:
        """The SDK's client of somebody who is here."""
        assert self._client is not None  # noqa: S101  scenes play with people who have arrived
        return self._client

    @property
    def channels(self) -> list[str]:
        """What is subscribed, in the order of joining."""
        return list(self._subscriptions)

    @property
    def channels_with_presence(self) -> list[str]:
        """Those of them on which people see each other."""
        return [channel for channel in self._subscriptions if channels.namespace(channel) in _PEOPLED]

    # --- coming and going ---------------------------------------------------------------------------

    async def arrive(self) -> None:
        """Connect, and follow the announcements and the person's own channel."""
        if self.link is not None:
            await self.link.open()
        url = self._url if self.link is None else self.link.url
        client = DossierRealtimeClient(self._token, url, backoff=Backoff(base=0.2, cap=2.0))
        client.on_state(partial(self._entered, client))
        client.on_event(self._told)
        client.on_error(self._fault)
        self._client = client
        try:
            await client.connect()
            await self.join("global")
            await self.join(channels.user(self.person.user_id))
            self.here = True
        except BaseException:
            await self.leave()
            raise

    async def leave(self) -> None:
        """Close everything."""
        self.here = False
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self.link is not None:
            await self.link.close()
        self._subscriptions.clear()
        self._offsets.clear()

    async def back(self) -> None:
        """Wait until a connection that broke on purpose is there again, with its session."""
        async with asyncio.timeout(BACK_SECONDS):
            while self._state is not ConnectionState.AUTHENTICATED:
                self._changed.clear()
                await self._changed.wait()
        self.shaky = False

    async def broken(self) -> None:
        """Wait until the client has noticed that its connection is gone."""
        async with asyncio.timeout(BACK_SECONDS):
            while self._state is ConnectionState.AUTHENTICATED:
                self._changed.clear()
                await self._changed.wait()

    # --- what it does -------------------------------------------------------------------------------

    async def join(self, channel: str) -> None:
        """Follow a channel, with presence where it is kept. Raises DeniedError."""
        if channel in self._subscriptions:
            return
        subscription = self.client.subscribe(
            channel,
            on_message=partial(self._heard, channel),
            on_error=self._fault,
            include_presence=channels.namespace(channel) in _PEOPLED,
        )
        self._subscriptions[channel] = subscription
        try:
            await subscription.ready()
        except BaseException:
            self._subscriptions.pop(channel, None)
            raise

    def part(self, channel: str) -> None:
        """Follow it no more."""
        self._subscriptions.pop(channel).unsubscribe()
        self._offsets.pop(channel, None)

    async def send(self, channel: str, message: Message) -> None:
        """Send an event and wait until it is durable."""
        self._facts.sent += 1
        ack = await self.client.send(channel, message)
        self._facts.acked(ack.channel, ack.offset)

    async def show(self, channel: str, activity: Activity, field: str | None = None, status: Status = "online") -> None:
        """Say what the person does on a channel."""
        await self.client.update_presence(channel, activity=activity, field=field, status=status)

    # --- what it sees -------------------------------------------------------------------------------

    def behind(self) -> list[str]:
        """The channels on which something acknowledged has not come yet."""
        late = []
        for channel, subscription in self._subscriptions.items():
            position = subscription.position
            if position is None or position.offset < self._facts.heads.get(channel, 0):
                late.append(channel)
        return late

    async def caught_up(self) -> bool:
        """Wait until nothing is behind; False when that takes too long."""
        for _ in range(_LOOKS):
            if not self.behind():
                return True
            await asyncio.sleep(BACK_SECONDS / _LOOKS)
        return False

    def sees(self, channel: str) -> set[str]:
        """The ids of those who are on the channel, as far as this desk has been told."""
        return set(self.client.presence(channel).users)

    def _heard(self, channel: str, event: Event) -> None:
        self._facts.received += 1
        offset: int | None = getattr(event, "offset", None)
        if offset is not None:
            before = self._offsets.get(channel)
            if before is not None and offset != before + 1:
                self._wrong(f"{channel}: event {offset} came after {before}")
            self._offsets[channel] = offset
        self._told_in_order(event)
        if isinstance(event, events.TaskAssigned):
            self.tasks.append(event)

    def _told_in_order(self, event: Event) -> None:
        """Briefs and alerts only climb."""
        match event:
            case events.BriefStarted():
                key, rank = event.request_id, (-1, 0)
            case events.BriefProgress(payload=progress):
                key, rank = event.request_id, (_STAGES.index(progress.stage), progress.progress)
            case events.BriefComplete() | events.BriefFailed():
                self._climbed.pop(event.request_id, None)
                return
            case events.CommitmentAlert(payload=alert):
                key, rank = alert.commitment_id, (alert.alert_level, 0)
            case _:
                return
        before = self._climbed.get(key)
        if before is not None and rank <= before:
            self._wrong(f"{type(event).__name__} {key} went back from {before} to {rank}")
        self._climbed[key] = rank

    def _told(self, event: Event) -> None:
        """One's own channel speaks from the login on; nothing else comes unasked to people who behave."""
        own = channels.user(self.person.user_id)
        if getattr(event, "channel", None) == own:
            self._heard(own, event)
        else:
            self._wrong(f"was told unasked: {event}")

    def _entered(self, client: DossierRealtimeClient, state: ConnectionState) -> None:
        if client is not self._client:
            return
        if state is ConnectionState.AUTHENTICATED:
            self._facts.connections += 1
            self._facts.reconnections += self.here
        elif state is ConnectionState.RECONNECTING and not self.shaky:
            self._wrong("lost the connection")
        self._state = state
        self._changed.set()

    def _fault(self, error: Exception) -> None:
        if self.shaky and isinstance(error, ConnectFailed):
            return
        self._wrong(str(error))

    def _wrong(self, what: str) -> None:
        self._facts.surprise(f"{self.person.user_id}: {what}")


def event_of(kind: str, payload: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The contract's JSON of an event."""
    return {"type": kind, **fields, "payload": payload}
