"""The dashboard's one connection to the service: messages and lists go into the state. Hidden from presence."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote

from dashboard.live.discussions import Discussions
from dashboard.live.service_api import ServiceApi, ServiceResponse
from dashboard.live.standing_lists import StandingLists
from dashboard.state.store import PRESENCE_NAMESPACES, DashboardState
from dossier_realtime.client import (
    Backoff,
    ConnectionState,
    DossierRealtimeClient,
    PositionLost,
    PresenceState,
    RealtimeError,
    Subscription,
    TokenSource,
)
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.events import Event

_log = logging.getLogger("dashboard")

FIXED_CHANNELS = ("ops:nodes", "ops:sessions", "ops:limits", "ops:alerts", "ops:briefs", "ops:errors", "global")
MAX_FOLLOWED = 90  # channels besides these; a connection has 100 at most
POLL_SECONDS = 4.0  # between two readings of the lists, at least
_POLL_COST_FACTOR = 10  # reading takes a tenth of the time at the most, so that long lists are read less often
_MAX_POLL_SECONDS = 60.0  # between two readings, however long they take
_RECONNECT_SECONDS = 2.0  # before a new client replaces one that gave up
_MAX_BACKOFF_SECONDS = 2.0  # between two attempts to connect: one dashboard makes no crowd that must be spread
_MAX_LIST_PAGES = 40  # of a thousand rows each
_ENDED_STATES = (ConnectionState.DISCONNECTED, ConnectionState.ERROR)


class MessageListener(Protocol):
    """A part that receives the same messages as the state."""

    def linked(self) -> None:
        """Note that a connection to the service begins: earlier messages may have been missed."""

    def heard(self, channel: str, event: Event) -> None:
        """Take one message of a channel."""


class Feed:
    """The connection that keeps `state` up to date, until cancelled. `token` must allow `admin:*`."""

    def __init__(
        self,
        api: ServiceApi,
        token: TokenSource,
        state: DashboardState,
        clock: Callable[[], float] = time.time,
        listener: MessageListener | None = None,
    ) -> None:
        self._api = api
        self._token = token
        self._state = state
        self._clock = clock
        self._listener = listener
        self._standing = StandingLists(api, state, clock)
        self._client: DossierRealtimeClient | None = None
        self._followed: dict[str, Subscription] = {}
        self._discussions = Discussions(api, state)
        self._anew = asyncio.Event()

    async def run(self) -> None:
        """Connect, listen and read the lists; reconnect after every end."""
        while True:
            try:
                await self._session()
            except (RealtimeError, OSError) as wrong:
                _log.warning("no connection to the service, trying again: %s", wrong)
            finally:
                self._state.linked(False, self._clock())
                await self._disconnect()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _session(self) -> None:
        client = self._client = DossierRealtimeClient(
            self._token, self._api.socket, backoff=Backoff(cap=_MAX_BACKOFF_SECONDS)
        )
        client.on_state(self._state_changed)
        client.on_error(lambda error: _log.warning("the service says: %s", error))
        for channel in FIXED_CHANNELS:
            self._follow(channel)
        await client.connect()
        clock = asyncio.get_running_loop().time
        while client.state not in _ENDED_STATES:
            began = clock()
            self._anew.clear()
            if client.state is ConnectionState.AUTHENTICATED:
                await self._poll()
            cost = clock() - began
            if client.state is ConnectionState.AUTHENTICATED and self._standing.is_due():
                await self._standing.read(await self._present_token())
            if client.state is ConnectionState.AUTHENTICATED:
                await self._discussions.read(await self._present_token())
            await self._wait(min(max(POLL_SECONDS, _POLL_COST_FACTOR * cost), _MAX_POLL_SECONDS))

    async def _wait(self, seconds: float) -> None:
        """Wait, at most until the connection stands anew: the lists that were read before are then out of date."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._anew.wait()

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        for channel in self._followed:
            self._state.forgotten(channel)
            self._discussions.forget(channel)
        self._followed.clear()
        if client is not None:
            await client.close()

    def _state_changed(self, state: ConnectionState) -> None:
        self._state.linked(state is ConnectionState.AUTHENTICATED, self._clock())
        if state is ConnectionState.AUTHENTICATED:
            self._standing.begin_anew()
            self._discussions.begin_anew()
            self._anew.set()
        if self._listener is not None and state is ConnectionState.AUTHENTICATED:
            self._listener.linked()

    async def _poll(self) -> None:
        token = await self._present_token()
        # One after the other, so that other users of the service wait for one of them at most.
        sessions = await self._listed("sessions", token)
        channels = await self._listed("channels", token)
        if sessions.ok and channels.ok:
            self._follow_busiest(channels.body["channels"])
            self._state.listed(
                sessions.body["sessions"],
                channels.body["channels"],
                self._clock(),
                followed=frozenset(self._followed),
                more=any("next" in answer.body for answer in (sessions, channels)),
            )
        elif refused := next((answer.status for answer in (sessions, channels) if answer.status and not answer.ok), 0):
            self._state.unlisted(refused)
            _log.warning("the lists cannot be read (%s): is the token an admin:* one?", refused)

    async def _present_token(self) -> str:
        return self._token if isinstance(self._token, str) else await self._token()

    async def _listed(self, name: str, token: str) -> ServiceResponse:
        """Return all rows of a paged list, up to a bound; or the response that failed."""
        answer = await self._api.call("GET", f"/v1/{name}", token)
        rows, page = [], 1
        while answer.ok:
            rows += answer.body[name]
            if "next" not in answer.body or page >= _MAX_LIST_PAGES:
                answer.body[name] = rows  # a remaining `next` means that there is more
                break
            answer = await self._api.call("GET", f"/v1/{name}?after={quote(answer.body['next'])}", token)
            page += 1
        return answer

    def _follow_busiest(self, channels: list[dict[str, Any]]) -> None:
        """Follow the channels with most users and subscribers; leave those that are no longer among them."""
        rows = sorted((row for row in channels if not _is_fixed(row["channel"])), key=self._importance)
        wanted = (*FIXED_CHANNELS, *(row["channel"] for row in rows[:MAX_FOLLOWED]))
        for channel in self._followed.keys() - set(wanted):
            self._unfollow(channel)
        for channel in wanted:
            self._follow(channel)

    def _importance(self, row: dict[str, Any]) -> tuple[bool, int, int, bool, str]:
        channel = row["channel"]
        personal = channels.is_in(channel, "user")
        return personal, -int(row["users"]), -int(row["subscribers"]), channel not in self._followed, channel

    def _follow(self, channel: str) -> None:
        assert self._client is not None  # noqa: S101  called within a session only
        if channel in self._followed:
            return
        there = channels.namespace(channel) in PRESENCE_NAMESPACES
        self._followed[channel] = self._client.subscribe(
            channel,
            on_message=partial(self._receive, channel),
            on_presence=partial(self._present, channel) if there else None,
            on_error=partial(self._subscription_failed, channel),
            hidden=True,
        )

    def _receive(self, channel: str, event: Event) -> None:
        if self._listener is not None:
            self._listener.heard(channel, event)
        was_due = self._standing.is_due()
        self._state.heard(channel, event, self._clock())
        if self._standing.is_due() and not was_due:
            self._anew.set()  # nothing is missed from this message on: the lists are read now, not at the next poll

    def _present(self, channel: str, presence: PresenceState) -> None:
        self._discussions.follow(channel)  # the subscription stands: what comes from now on is heard
        self._state.present(channel, presence, self._clock())

    def _subscription_failed(self, channel: str, error: Exception) -> None:
        if isinstance(error, PositionLost):
            return  # a view of the present needs none of the missed messages
        _log.warning("%s is not followed for a moment: %s", channel, error)
        self._unfollow(channel)

    def _unfollow(self, channel: str) -> None:
        subscription = self._followed.pop(channel, None)
        if subscription is not None:
            subscription.unsubscribe()
            self._state.forgotten(channel)
            self._discussions.forget(channel)


def _is_fixed(channel: str) -> bool:
    return channel in FIXED_CHANNELS or channels.is_in(channel, "ops")
