"""The selection of an export, and the counts of what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from dossier_realtime.recording.moments import must_follow, unix
from dossier_realtime.recording.names import channel_pattern

MAX_PAGE_ENTRIES = 100_000  # entries of a page


class Selection(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The selection of an export; empty: everything.

    `channel` is a name or a pattern; times are Unix seconds, `until` excluded. A session's entries are its own and
    every frame that it received; a user's are those of the user's sessions.

    `context` adds the entries from before `since`, up to a day, that show the state at that moment: connections and
    their subscriptions, settings, presence, alerts, briefs, relationships, documents.

    `node`: of that node's journal only, as it stands; by default of all journals in the folder, as one.

    `after`: entries with a higher seq; `limit`: so many of these; a page ends with a whole line of the journal, so
    it may hold up to two entries more. Both are for whole exports, page by page.

    Raises ValueError for text that can name no channel, for numbers out of range, for invalid times, and for `since`
    after `until`.
    """

    session: str = ""
    user: str = ""
    channel: str = ""
    since: float = 0.0
    until: float = 0.0
    context: bool = False
    after: int = 0
    limit: int = 0
    node: str = ""

    def __post_init__(self) -> None:
        if self.after < 0:
            raise ValueError("after is the number of an entry, 0 before the first")
        if not 0 <= self.limit <= MAX_PAGE_ENTRIES:
            raise ValueError(f"limit is from 1 to {MAX_PAGE_ENTRIES} entries, 0 for all")
        if self.channel:
            channel_pattern(self.channel)
        if self.surrounds and (self.after or self.limit):
            raise ValueError("an export of channels with context has no pages: leave out after and limit")
        unix(self.since), unix(self.until)
        if self.since and self.until:
            must_follow(self.since, self.until)

    @property
    def surrounds(self) -> bool:
        """Return whether channels are asked for with what is around them; it is never a whole export (scope.py)."""
        return bool(self.context and self.channel and not self.session and not self.user)

    @property
    def follows(self) -> bool:
        """Return True for a page that may be empty: behind another, or of a journal that has no entry yet."""
        return bool(self.after or (self.limit and self == Selection(limit=self.limit)))


class NothingSelected(ValueError):
    """Raised when no entry fits a selection: a signed export of nothing could be read as a statement."""


@dataclass(slots=True)
class Tally:
    """Counts of an export: its entries, and by pattern of the redaction the frames that were redacted.

    `damaged`: the export ends where the journal is not intact.
    """

    entries: int = 0
    damaged: bool = False
    redacted: dict[str, int] = field(default_factory=dict)
