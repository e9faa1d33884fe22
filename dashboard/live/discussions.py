"""Reading the open comments and suggestions of the documents that are followed, once each is followed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

import msgspec

from dashboard.live.service_api import ServiceApi
from dashboard.state.store import DashboardState
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.http.comments import CommentPage

_log = logging.getLogger("dashboard")
_PAGES: Final = 2  # of a hundred each: the state keeps no more of one document
_LATER: Final = frozenset({0, 429, 502, 503, 504})
"""Statuses after which all are read again: the service, or what stands before it, was not reached or asks to wait."""

_BROKEN: Final = range(500, 600)  # every other one of these is about one document
_BROKEN_SECONDS: Final = 60.0  # until that document is read again
_AT_ONCE: Final = 10  # documents read in one turn, so that other users of the service wait for few calls


class Discussions:
    """The documents whose comments are to be read: all later ones come as messages."""

    def __init__(self, api: ServiceApi, state: DashboardState, steady: Callable[[], float] = time.monotonic) -> None:
        self._api, self._state, self._steady = api, state, steady
        self._read: set[str] = set()
        self._unread: dict[str, float] = {}  # channel → the time from which it is read

    def follow(self, channel: str) -> None:
        """Note that the messages of a channel come from now on; the comments of a document are then read once."""
        if channels.is_in(channel, "document") and channel not in self._read:
            self._unread.setdefault(channel, self._steady())

    def begin_anew(self) -> None:
        """Read all again once each is followed anew: changes may have been missed."""
        self._read.clear()
        self._unread.clear()

    def forget(self, channel: str) -> None:
        """Note that the messages of a channel come no more."""
        self._read.discard(channel)
        self._unread.pop(channel, None)

    async def read(self, token: str) -> None:
        """Read some documents' open comments; those that may not be read are tried no more.

        Where the service is not reached, or asks to wait, they are read again at the next call. A document that it
        fails at is read again after a minute.
        """
        now = self._steady()
        for channel in [channel for channel, due in self._unread.items() if due <= now][:_AT_ONCE]:
            before = self._state.discussions(channel)
            threads, status, whole = await self._listed(channel, token)
            if channel not in self._unread:
                continue  # left while it was read
            if status in _LATER:
                return
            if status in _BROKEN:
                _log.warning("the comments of %s cannot be read now (%s)", channel, status)
                self._unread[channel] = now + _BROKEN_SECONDS
                continue
            del self._unread[channel]
            self._read.add(channel)
            if threads is None:
                _log.warning("the comments of %s cannot be read (%s)", channel, status)
            else:
                self._state.discussed(channel, threads, before, whole=whole)

    async def _listed(self, channel: str, token: str) -> tuple[list[DocumentCommentPayload] | None, int, bool]:
        """Return the first pages of the open comments, the status of the last call, and whether these are all.

        None where a call failed.
        """
        threads: list[DocumentCommentPayload] = []
        after = 0
        for _ in range(_PAGES):
            path = f"/v1/documents/{channels.identifier(channel)}/comments?status=open&after={after}"
            answer = await self._api.call("GET", path, token)
            if not answer.ok:
                return None, answer.status, False
            try:
                page = msgspec.convert(answer.body, CommentPage)
            except msgspec.ValidationError:
                return None, answer.status, False
            threads += page.comments
            if page.next is None:
                return threads, 200, True
            after = page.next
        return threads, 200, False
