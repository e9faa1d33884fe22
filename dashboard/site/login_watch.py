"""The ends of logins by the service: a user whose token it revokes, or whom it disconnects, is logged out in 2 s.

The service reports each second, on `ops:sessions`, the tokens and sessions that it ended. After a time without a
connection, in which a report may have been missed, it is asked about every login with that login's own token.
"""

from __future__ import annotations

import asyncio

from dashboard.live.service_api import ServiceApi
from dashboard.site.login_sessions import Ending, LoginSession, LoginSessions
from dossier_realtime.protocol.events import Event, OpsStats
from dossier_realtime.recording.ops.ops_rows import EndedSessionRow, OpsRow, decode_rows

TOPIC = "ops:sessions"
_POLL_SECONDS = 0.5  # between two sweeps
_RETRY_SECONDS = 2.0  # after a call without a response
_MAX_CONCURRENT_CALLS = 8


class LoginWatch:
    """The watch that ends `logins` when the service ends their tokens, until cancelled."""

    def __init__(self, api: ServiceApi, logins: LoginSessions) -> None:
        self._api = api
        self._logins = logins
        self._missed = asyncio.Event()

    def linked(self) -> None:
        """Note that a connection to the service begins: earlier reports may have been missed."""
        self._missed.set()

    def heard(self, channel: str, event: Event) -> None:
        """End the logins that a report of `ops:sessions` names."""
        if channel != TOPIC or not isinstance(event, OpsStats):
            return
        for row in decode_rows(EndedSessionRow.TOPIC, event.payload.rows):
            ending = _ending(row)
            if ending is not None:
                self._logins.end(ending)
        if event.payload.values.get("rows_cut"):
            self._missed.set()

    async def run(self) -> None:
        """Log out expired logins, and ask about every login where a report may have been missed."""
        await asyncio.gather(self._sweep(), self._ask_when_missed())

    async def _sweep(self) -> None:
        while True:
            self._logins.sweep()
            await asyncio.sleep(_POLL_SECONDS)

    async def _ask_when_missed(self) -> None:
        while True:
            await self._missed.wait()
            self._missed.clear()
            room = asyncio.Semaphore(_MAX_CONCURRENT_CALLS)
            answers = await asyncio.gather(*(self._ask(login, room) for login in self._logins.all()))
            if not all(answers):
                self._missed.set()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _ask(self, login: LoginSession, room: asyncio.Semaphore) -> bool:
        """Return whether the service answered about the login. A login whose token it does not accept is ended."""
        async with room:
            answer = await self._api.call("GET", "/v1/channels/global", login.token.text)
        if answer.status == 401:
            self._logins.leave(login)
        return answer.status in (200, 401, 403)


def _ending(row: OpsRow) -> Ending | None:
    """Return the ending that a row of `ops:sessions` reports; None for another row."""
    match row:
        case EndedSessionRow(state="revoked", token_id=str(token_id)):
            return Ending(token_id=token_id)
        case EndedSessionRow(state="revoked", user_id=str(user_id), until=int() | float() as until):
            return Ending(user_id=user_id, issued_until=float(until))
        case EndedSessionRow(state="disconnected", user_id=str(user_id)):
            return Ending(user_id=user_id)
        case _:
            return None
