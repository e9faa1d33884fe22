"""One connection of one person over the SDK, which checks the order of everything that it receives."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from demo.content.people import Person
from demo.content.texts import BRIEF_STAGES
from demo.flaky_proxy import FlakyProxy
from demo.report import SimulationReport
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
RECONNECT_TIMEOUT_SECONDS = 20.0  # for a broken connection, or a long recovery
_MAX_POLLS = 400


class Participant:
    """One person's connection. `connected`: after `connect`; `expects_disconnect`: the connection may break.

    `tasks` are the assignments that were received and not worked on yet, `alerts` those that were not looked at.
    """

    def __init__(
        self, person: Person, url: str, token: TokenSource, report: SimulationReport, proxy: FlakyProxy | None = None
    ) -> None:
        self.person = person
        self.proxy = proxy
        self.connected = False
        self.expects_disconnect = False
        self.tasks: list[events.TaskAssigned] = []
        self.alerts: list[events.CommitmentAlert] = []
        self._url = url
        self._token = token
        self._report = report
        self._client: DossierRealtimeClient | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._offsets: dict[str, int] = {}
        self._last_ranks: dict[str, tuple[int, int]] = {}
        self._state = ConnectionState.DISCONNECTED
        self._changed = asyncio.Event()

    @property
    def client(self) -> DossierRealtimeClient:
        """The SDK's client; only while connected."""
        assert self._client is not None  # noqa: S101  scenarios run with connected participants
        return self._client

    @property
    def channels(self) -> list[str]:
        """Names of the subscribed channels, in the order of joining."""
        return list(self._subscriptions)

    @property
    def channels_with_presence(self) -> list[str]:
        """Names of the subscribed channels that keep presence."""
        return [channel for channel in self._subscriptions if channels.namespace(channel) in _PEOPLED]

    # --- coming and going ---------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect, and subscribe to `global` and the person's own channel."""
        if self.proxy is not None:
            await self.proxy.open()
        url = self._url if self.proxy is None else self.proxy.url
        client = DossierRealtimeClient(self._token, url, backoff=Backoff(base=0.2, cap=2.0))
        client.on_state(partial(self._on_state, client))
        client.on_event(self._on_event)
        client.on_error(self._on_error)
        self._client = client
        try:
            await client.connect()
            await self.join("global")
            await self.join(channels.user(self.person.user_id))
            self.connected = True
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the client and the proxy."""
        self.connected = False
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self.proxy is not None:
            await self.proxy.close()
        self._subscriptions.clear()
        self._offsets.clear()

    async def wait_connected(self) -> None:
        """Wait until the client is authenticated again. Raises TimeoutError."""
        async with asyncio.timeout(RECONNECT_TIMEOUT_SECONDS):
            while self._state is not ConnectionState.AUTHENTICATED:
                self._changed.clear()
                await self._changed.wait()
        self.expects_disconnect = False

    async def wait_disconnected(self) -> None:
        """Wait until the client has noticed that its connection is lost. Raises TimeoutError."""
        async with asyncio.timeout(RECONNECT_TIMEOUT_SECONDS):
            while self._state is ConnectionState.AUTHENTICATED:
                self._changed.clear()
                await self._changed.wait()

    # --- what it does -------------------------------------------------------------------------------

    async def join(self, channel: str) -> None:
        """Subscribe to a channel, with presence where the channel keeps it. Raises DeniedError."""
        if channel in self._subscriptions:
            return
        subscription = self.client.subscribe(
            channel,
            on_message=partial(self._on_message, channel),
            on_error=self._on_error,
            include_presence=channels.namespace(channel) in _PEOPLED,
        )
        self._subscriptions[channel] = subscription
        try:
            await subscription.ready()
        except BaseException:
            self._subscriptions.pop(channel, None)
            raise

    def unsubscribe_from(self, channel: str) -> None:
        """Unsubscribe from a channel."""
        self._subscriptions.pop(channel).unsubscribe()
        self._offsets.pop(channel, None)

    async def send(self, channel: str, message: Message) -> None:
        """Send an event and wait until it is durable."""
        self._report.sent += 1
        ack = await self.client.send(channel, message)
        self._report.record_ack(ack.channel, ack.offset)

    async def update_presence(
        self, channel: str, activity: Activity, field: str | None = None, status: Status = "online"
    ) -> None:
        """Publish the person's activity on a channel."""
        await self.client.update_presence(channel, activity=activity, field=field, status=status)

    # --- what it sees -------------------------------------------------------------------------------

    def channels_behind(self) -> list[str]:
        """Return the channels on which an acknowledged event was not received yet."""
        late = []
        for channel, subscription in self._subscriptions.items():
            position = subscription.position
            if position is None or position.offset < self._report.highest_offsets.get(channel, 0):
                late.append(channel)
        return late

    async def wait_caught_up(self) -> bool:
        """Wait until no channel is behind; return False after RECONNECT_TIMEOUT_SECONDS."""
        for _ in range(_MAX_POLLS):
            if not self.channels_behind():
                return True
            await asyncio.sleep(RECONNECT_TIMEOUT_SECONDS / _MAX_POLLS)
        return False

    def present_users(self, channel: str) -> set[str]:
        """Return the ids of the users that are present on a channel, as this client knows them."""
        return set(self.client.presence(channel).users)

    def _on_message(self, channel: str, event: Event) -> None:
        self._report.received += 1
        offset: int | None = getattr(event, "offset", None)
        if offset is not None:
            before = self._offsets.get(channel)
            if before is not None and offset != before + 1:
                self._violation(f"{channel}: event {offset} came after {before}")
            self._offsets[channel] = offset
        self._check_order(event)
        if isinstance(event, events.TaskAssigned):
            self.tasks.append(event)
        if isinstance(event, events.CommitmentAlert):
            self.alerts.append(event)
            self._report.count("levels raised")

    def _check_order(self, event: Event) -> None:
        """Record a violation when a brief or an alert goes back to an earlier stage or level."""
        match event:
            case events.BriefStarted():
                key, rank = event.request_id, (-1, 0)
            case events.BriefProgress(payload=progress):
                key, rank = event.request_id, (_STAGES.index(progress.stage), progress.progress)
            case events.BriefComplete() | events.BriefFailed():
                self._last_ranks.pop(event.request_id, None)
                return
            case events.CommitmentAlert(payload=alert):
                key, rank = alert.commitment_id, (alert.alert_level, 0)
            case _:
                return
        before = self._last_ranks.get(key)
        if before is not None and rank <= before:
            self._violation(f"{type(event).__name__} {key} went back from {before} to {rank}")
        self._last_ranks[key] = rank

    def _on_event(self, event: Event) -> None:
        """Take events of the own channel, which come without a subscription; any other is a violation."""
        own = channels.user(self.person.user_id)
        if getattr(event, "channel", None) == own:
            self._on_message(own, event)
        else:
            self._violation(f"received without a subscription: {event}")

    def _on_state(self, client: DossierRealtimeClient, state: ConnectionState) -> None:
        if client is not self._client:
            return
        if state is ConnectionState.AUTHENTICATED:
            self._report.connections += 1
            self._report.reconnections += self.connected
        elif state is ConnectionState.RECONNECTING and not self.expects_disconnect:
            self._violation("lost the connection")
        self._state = state
        self._changed.set()

    def _on_error(self, error: Exception) -> None:
        if self.expects_disconnect and isinstance(error, ConnectFailed):
            return
        self._violation(str(error))

    def _violation(self, what: str) -> None:
        self._report.record_violation(f"{self.person.user_id}: {what}")


def event_of(kind: str, payload: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return an event as the contract's JSON."""
    return {"type": kind, **fields, "payload": payload}
