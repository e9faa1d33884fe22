"""Pages of lists of records by the rights of their readers; each looks at a bounded number of records.

A reader who sees little of a long list gets short pages, which say that there is more, instead of a search through all
of it: neither the work nor the time of one call grows with what is hidden.
Source: docs/protocol.md#lists-of-what-stands.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from .sealed_places import SealedPlaces

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.ports.records import ListPlace, Record, RecordStore

MAX_LOOKED_AT: Final = 5_000
"""Records that one page looks at; then it ends, and its `next` goes on behind them."""
_READ: Final = 200  # records at once


class VisiblePage(NamedTuple):
    """Records that a reader may see. `more`: the `next` of the page, None on the last."""

    records: list[Record]
    more: str | None


class VisiblePages:
    """The pages of lists of one service; `text` writes a place of a row that its reader may see."""

    def __init__(self, records: RecordStore, text: Callable[[ListPlace], str]) -> None:
        self._records, self._text = records, text
        self._sealed = SealedPlaces()

    def opened(self, text: str) -> ListPlace | None:
        """Return the place that the `next` of a page says that ended at its bound; None for any other text."""
        return self._sealed.open(text)

    async def page(
        self, kind: str, label: str, after: ListPlace | None, limit: int, sees: Callable[[Record], bool]
    ) -> VisiblePage:
        """Return at most `limit` records behind a place; a page may be short, or empty, and yet say that there is more.

        Raises Unavailable.
        """
        shown: list[Record] = []
        looked_at = 0
        while True:
            found = await self._records.listed(kind, label, after, _READ)
            await asyncio.sleep(0)  # a store that answers at once gives no turn to others
            for record in found:
                if not sees(record):
                    continue
                if len(shown) == limit:
                    return VisiblePage(shown, self._text(shown[-1].place))
                shown.append(record)
            if len(found) < _READ:
                return VisiblePage(shown, None)
            looked_at, after = looked_at + len(found), found[-1].place
            if looked_at >= MAX_LOOKED_AT:
                return VisiblePage(shown, self._sealed.seal(after))
