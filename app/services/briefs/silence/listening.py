"""The time since which programs can be heard: what they could not say is not their silence (docs/protocol.md#workers).

While the store or the journal takes no change, every claim and report is refused, and none is a sign of life.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.engine.ports.errors import Unavailable
from app.journal.lanes import ActNotRecorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.core.instant import Instant


class Listening:
    """The start of the present time without a break in which programs can be heard.

    `takes_changes` says whether store and journal are healthy. A process that did not look for `silence_seconds / 2`
    was held up, and heard nothing either: somebody looks at least twice as often (silent_briefs.py).
    """

    def __init__(self, clock: Callable[[], Instant], takes_changes: Callable[[], bool], silence_seconds: float) -> None:
        self._clock, self._takes_changes = clock, takes_changes
        self._max_pause = silence_seconds / 2
        self._since = self._looked_at = clock().steady
        self._is_deaf = True  # until the first look: the ports are opened after this was made

    def since(self) -> float:
        """Return since when programs can be heard, in steady seconds; now, where they cannot.

        The first look after a break is its end.
        """
        now, takes_changes = self._clock().steady, self._takes_changes()
        if self._is_deaf or not takes_changes or now - self._looked_at > self._max_pause:
            self._since = now
        self._is_deaf, self._looked_at = not takes_changes, now
        return self._since

    def seconds(self) -> float:
        """Return for how long programs can be heard."""
        return self._clock().steady - self.since()

    def refused(self) -> None:
        """Take notice that a change was refused, or a question not answered: the next look is the end of a break."""
        self._is_deaf = True

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """Take notice of Unavailable and ActNotRecorded that work raises; they are raised on."""
        try:
            yield
        except (Unavailable, ActNotRecorded):
            self.refused()
            raise
