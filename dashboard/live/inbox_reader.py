"""The viewer's own inbox, read with the viewer's own token while its page is open."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Final

import msgspec

from dashboard.live.service_api import ServiceApi
from dashboard.state.inboxes import MAX_ENTRIES, InboxView, is_denial
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.authorization import Identity
from dossier_realtime.protocol.http.inbox_forms import InboxPage, InboxRow

READ_SECONDS: Final = 3.0  # between two readings


class InboxReader:
    """The reading of one login's inbox into the state, from `run` until it is cancelled."""

    def __init__(self, api: ServiceApi, state: DashboardState, login: Identity, token: str) -> None:
        self._api, self._state, self._login, self._token = api, state, login, token
        self._wanted = asyncio.Event()

    def read_soon(self) -> None:
        """Read now, not after READ_SECONDS: the viewer marked something."""
        self._wanted.set()

    async def run(self) -> None:
        """Read until cancelled; the state forgets the inbox with the last page of its login."""
        self._state.inboxes.opened(self._login)
        try:
            while True:
                self._wanted.clear()
                self._state.inbox_read(self._login, await self._read())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(READ_SECONDS):
                        await self._wanted.wait()
        finally:
            self._state.inboxes.closed(self._login)

    async def _read(self) -> InboxView:
        """Return the unread entries; what was known before where they cannot be read now, nothing where denied."""
        entries: list[InboxRow] = []
        after: int | None = 0
        unread = 0
        while after is not None and len(entries) < MAX_ENTRIES:
            answer = await self._api.call("GET", f"/v1/inbox?unread=true&after={after}", self._token)
            if not answer.ok:
                return InboxView(refused=answer.status) if is_denial(answer.status) else self._known(answer.status)
            try:
                page = msgspec.convert(answer.body, InboxPage)
            except msgspec.ValidationError:
                return self._known(answer.status)  # of another version of the service
            entries += page.entries
            unread, after = page.unread, page.next
        return InboxView(tuple(entries[:MAX_ENTRIES]), unread)

    def _known(self, status: int) -> InboxView:
        return replace(self._state.inboxes.get(self._login) or InboxView(), refused=status)
