"""Reading the lists of what stands, at the start of each connection and now and then, with the dashboard's token."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from dashboard.live.service_api import ServiceApi
from dashboard.state.standing import LISTS, ReadList
from dashboard.state.store import DashboardState

_log = logging.getLogger("dashboard")
READ_SECONDS: Final = 60.0  # between two readings while the connection stands
DOUBTED_SECONDS: Final = 5.0  # the same, after something was done
_MAX_PAGES: Final = 5  # of a thousand rows: open ones come first
_ABSENT: Final = (404, 405)  # the answers of a service that has no such list


class StandingLists:
    """The lists, read one after the other, so that other users of the service wait for one page at most."""

    def __init__(self, api: ServiceApi, state: DashboardState, clock: Callable[[], float]) -> None:
        self._api, self._state, self._clock = api, state, clock
        self._read_at: float | None = None

    def begin_anew(self) -> None:
        """Read again as soon as the connection brings messages: some may have been missed."""
        self._read_at = None

    def is_due(self) -> bool:
        """Return whether to read now. A new connection must have brought a message: nothing is missed from then on."""
        link = self._state.link
        if self._read_at is None:
            return link.live and link.heard_at >= link.since
        pause = DOUBTED_SECONDS if self._state.lists_doubted else READ_SECONDS
        return not 0 <= self._clock() - self._read_at < pause

    async def read(self, token: str) -> None:
        """Read every list, and fold each into the state."""
        self._read_at = self._clock()
        self._state.lists_doubted = False
        for name in LISTS:
            since = self._state.revision
            rows, whole, status = await self._rows(name, token)
            if status == 200:
                self._state.stands(ReadList(name, rows, whole, since), self._clock())
                continue
            self._state.unread(name)
            if not status:
                self._read_at = None  # the service was not reached: again at once, when it is
                return
            if status not in _ABSENT:
                _log.warning("the list %s cannot be read (%s)", name, status)

    async def _rows(self, name: str, token: str) -> tuple[list[dict[str, Any]], bool, int]:
        """Return the rows of a list up to a bound, whether these are all, and the HTTP status of the last answer."""
        rows: list[dict[str, Any]] = []
        after = ""
        for _ in range(_MAX_PAGES):
            answer = await self._api.call("GET", f"/v1/{name}" + (f"?after={quote(after)}" if after else ""), token)
            if not answer.ok:
                return [], False, answer.status
            rows += answer.body[name]
            after = answer.body.get("next", "")
            if not after:
                break
        return rows, not after, 200
