"""The sleep of a thread that works off a queue: without end while nothing comes, then a pause in which more comes."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sized


class QueueSleep:
    """The sleep of one thread; `is_deep` while it lasts until something is added to the queue.

    Who adds looks at `is_deep` afterwards and calls `wake`: an entry that comes while the thread goes to sleep is seen
    by one of the two. A lock serves as the bell, since each wait for a `threading.Event` makes a lock of its own.
    """

    __slots__ = ("_hurried", "_queue", "_silent", "is_deep")

    def __init__(self, queue: Sized) -> None:
        self._queue = queue
        self._silent = threading.Lock()
        self._silent.acquire()
        self._hurried = False
        self.is_deep = False

    def wake(self) -> None:
        """Have the thread notice that something was added."""
        self.is_deep = False
        self._ring()

    def hurry(self) -> None:
        """Have the thread go to work at once: somebody waits for what stands in the queue."""
        self._hurried = True
        self._ring()

    def rest(self, pause: float, limit: float | None) -> None:
        """Return `pause` seconds after something was added, at once after `hurry`, and in any case after `limit`.

        It belongs to the thread. `limit`: seconds without anything in the queue; None for no end.
        """
        self.is_deep = True
        if not self._queue and not self._hurried:
            self._silent.acquire(timeout=-1 if limit is None else max(0.0, limit))
        self.is_deep = False
        if self._queue and not self._hurried:
            self._silent.acquire(timeout=pause)
        self._hurried = False

    def _ring(self) -> None:
        if self._silent.locked():
            with suppress(RuntimeError):  # another thread rang meanwhile
                self._silent.release()
