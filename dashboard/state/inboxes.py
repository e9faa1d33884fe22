"""The inboxes of the viewers who have that page open, each as the service told it to its own user. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dossier_realtime.protocol.http.inbox_forms import InboxRow

MAX_INBOXES: Final = 500
MAX_ENTRIES: Final = 1_000
"""Unread entries that are kept of one inbox, the oldest ones; the count is of all."""


@dataclass(frozen=True, slots=True)
class InboxView:
    """The unread entries of one user, oldest first. `refused`: the status of the last answer where it was a refusal.

    `refused` is 0 where the service could not be reached; None where the entries are those of now.
    """

    entries: tuple[InboxRow, ...] = ()
    unread: int = 0
    refused: int | None = None
