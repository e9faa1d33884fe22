"""The inboxes of the viewers who have that page open, each as the service told it to its own user. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from dashboard.state.bounded_dict import BoundedDict
from dossier_realtime.protocol.authorization import Identity
from dossier_realtime.protocol.http.inbox_forms import InboxRow

MAX_INBOXES: Final = 500
MAX_ENTRIES: Final = 1_000
"""Unread entries that are kept of one inbox, the oldest ones; the count is of all."""


@dataclass(frozen=True, slots=True)
class InboxView:
    """The unread entries of one user, oldest first. `refused`: the status of the last answer where it was a refusal.

    `refused` is 0 where the service could not be reached, 200 where its answer could not be read; None where the
    entries are those of now.
    """

    entries: tuple[InboxRow, ...] = ()
    unread: int = 0
    refused: int | None = None

    @property
    def is_denied(self) -> bool:
        """Return whether the service does not give the inbox to its login, now or later: nothing of it is shown."""
        return is_denial(self.refused)


def is_denial(status: int | None) -> bool:
    """Return whether a status says that asking again will not help: of the errors of a caller all but 429."""
    return status is not None and 400 <= status < 500 and status != 429


class InboxBook:
    """The inboxes that were read, by login: another login of the same user may not be given what the first was.

    One is kept while a page of its login has it open.
    """

    def __init__(self) -> None:
        self._views: BoundedDict[InboxView] = BoundedDict(MAX_INBOXES)
        self._pages: Counter[str] = Counter()

    def get(self, login: Identity) -> InboxView | None:
        """Return what was read with a login, if anything was."""
        return self._views.get(_key(login))

    def put(self, login: Identity, inbox: InboxView) -> bool:
        """Set what was read with a login; return whether it is another than before."""
        changed = self.get(login) != inbox
        self._views.put(_key(login), inbox)
        return changed

    def opened(self, login: Identity) -> None:
        """Count a page of a login."""
        self._pages[_key(login)] += 1

    def closed(self, login: Identity) -> None:
        """Count a page no more; the last one of its login takes the inbox with it."""
        key = _key(login)
        self._pages[key] -= 1
        if self._pages[key] <= 0:
            del self._pages[key]
            self._views.drop(key)


def _key(login: Identity) -> str:
    return f"{login.clearance.label} {login.expires_at} {login.token_id or ''} {login.user_id}"
