"""Reading the open comments and suggestions of the documents that are followed, once each is followed."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from dashboard.live.service_api import ServiceApi
from dashboard.state.store import DashboardState
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.http.comments import CommentPage

_log = logging.getLogger("dashboard")
_PAGES: Final = 2  # of a hundred each: the state keeps no more of one document
_LATER: Final = frozenset({0, 429, 503})  # statuses after which a document is read again
_AT_ONCE: Final = 10  # documents read in one turn, so that other users of the service wait for few calls


class Discussions:
    """The documents whose comments are to be read: all later ones come as messages."""

    def __init__(self, api: ServiceApi, state: DashboardState) -> None:
        self._api, self._state = api, state
        self._read: set[str] = set()
        self._unread: dict[str, None] = {}

    def follow(self, channel: str) -> None:
        """Note that the messages of a channel come from now on; the comments of a document are then read once."""
        if channels.is_in(channel, "document") and channel not in self._read:
            self._unread[channel] = None

    def begin_anew(self) -> None:
        """Read all again once each is followed anew: changes may have been missed."""
        self._read.clear()
        self._unread.clear()

    def forget(self, channel: str) -> None:
        """Note that the messages of a channel come no more."""
        self._read.discard(channel)
        self._unread.pop(channel, None)

    async def read(self, token: str) -> None:
        """Read some documents' open comments; those that cannot be read are tried no more.

        Where the service is not reached, or asks to wait, they are read again at the next call.
        """
        for channel in list(self._unread)[:_AT_ONCE]:
            before = self._state.discussions(channel)
            threads, status, whole = await self._listed(channel, token)
            if channel not in self._unread:
                continue  # left while it was read
            if status in _LATER:
                return  # the service was not reached, or asks to wait: it is read again
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
