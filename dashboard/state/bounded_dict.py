"""A mapping with a bound on the number of its entries. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

V = TypeVar("V")


class BoundedDict(Generic[V]):
    """A mapping of at most `cap` things; what was touched longest ago goes first, and is counted."""

    __slots__ = ("_items", "cap", "dropped")

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.dropped = 0
        self._items: dict[str, V] = {}

    def put(self, key: str, thing: V) -> None:
        self._items.pop(key, None)
        self._items[key] = thing
        if len(self._items) > self.cap:
            del self._items[next(iter(self._items))]
            self.dropped += 1

    def get(self, key: str) -> V | None:
        return self._items.get(key)

    def drop(self, key: str) -> None:
        self._items.pop(key, None)

    def items(self) -> Iterable[tuple[str, V]]:
        return self._items.items()

    def values(self) -> Iterable[V]:
        return self._items.values()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)
