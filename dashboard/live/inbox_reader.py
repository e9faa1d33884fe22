"""The viewer's own inbox, read with the viewer's own token while its page is open."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Final

import msgspec

from dashboard.live.service_api import ServiceApi
from dashboard.state.inboxes import MAX_ENTRIES, InboxView
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.http.inbox_forms import InboxPage, InboxRow

READ_SECONDS: Final = 3.0  # between two readings


class InboxReader:
    """The reading of one user's inbox into the state, from `run` until it is cancelled."""

    def __init__(self, api: ServiceApi, state: DashboardState, user_id: str, token: str) -> None:
        self._api, self._state, self._user_id, self._token = api, state, user_id, token
        self._wanted = asyncio.Event()

    def read_soon(self) -> None:
        """Read now, not after READ_SECONDS: the viewer marked something."""
        self._wanted.set()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self._wanted.clear()
            self._state.inbox_read(self._user_id, await self._read())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(READ_SECONDS):
                    await self._wanted.wait()

    async def _read(self) -> InboxView:
        """Return the unread entries; what was known before where they cannot be read."""
        entries: list[InboxRow] = []
        after: int | None = 0
        unread = 0
        while after is not None and len(entries) < MAX_ENTRIES:
            answer = await self._api.call("GET", f"/v1/inbox?unread=true&after={after}", self._token)
            if not answer.ok:
                known = self._state.inboxes.get(self._user_id) or InboxView()
                return replace(known, refused=answer.status)
            page = msgspec.convert(answer.body, InboxPage)
            entries += page.entries
            unread, after = page.unread, page.next
        return InboxView(tuple(entries[:MAX_ENTRIES]), unread)
