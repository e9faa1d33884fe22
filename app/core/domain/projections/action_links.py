"""The links that a notification offers, by the hosts that they may lead to (docs/protocol.md#links). Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from app.core.domain.errors import ImpossibleFactError
from dossier_realtime.protocol.events import Notification
from dossier_realtime.protocol.http.host_header import is_allowed_host, parse_hosts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dossier_realtime.protocol.events import Event

EVERY_HOST: Final = "*"
_AUTHORITY: Final = re.compile(r"https://([^/\\?#]*)")  # a browser reads a backslash as a slash
_REFUSED: Final = "A link leads to a path of this product, or to a host that server.action_hosts allows"


class ActionLinks:
    """The check of links by allowed hosts: names, with or without a port, or `*` for every https host."""

    def __init__(self, hosts: Sequence[str]) -> None:
        """Raise ValueError for an entry that is no host."""
        self._every = EVERY_HOST in hosts
        self._hosts = parse_hosts(host for host in hosts if host != EVERY_HOST)

    def check(self, event: Event) -> None:
        """Raise ImpossibleFactError, with the path of the first link that leads to a host that is not allowed."""
        if self._every or not isinstance(event, Notification):
            return
        for index, action in enumerate(event.payload.actions or ()):
            authority = _AUTHORITY.match(action.url)
            if authority is not None and not is_allowed_host(authority[1], self._hosts):
                raise ImpossibleFactError(_REFUSED, event.payload.id, f"$.payload.actions[{index}].url")
