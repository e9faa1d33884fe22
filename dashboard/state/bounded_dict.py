"""A mapping with a bound on the number of its entries. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

V = TypeVar("V")


class BoundedDict(Generic[V]):
    """A mapping of at most `cap` entries. The one that was put longest ago is dropped first, and counted."""

    __slots__ = ("_items", "cap", "dropped")

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.dropped = 0
        self._items: dict[str, V] = {}

    def put(self, key: str, thing: V) -> None:
        """Set an entry, as the newest."""
        self._items.pop(key, None)
        self._items[key] = thing
        if len(self._items) > self.cap:
            del self._items[next(iter(self._items))]
            self.dropped += 1

    def get(self, key: str) -> V | None:
        """Return the value of a key, if there is one."""
        return self._items.get(key)

    def drop(self, key: str) -> None:
        """Remove an entry, if there is one; it is not counted as dropped."""
        self._items.pop(key, None)

    def items(self) -> Iterable[tuple[str, V]]:
        """Return keys and values, the oldest first."""
        return self._items.items()

    def values(self) -> Iterable[V]:
        """Return the values, the oldest first."""
        return self._items.values()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)
