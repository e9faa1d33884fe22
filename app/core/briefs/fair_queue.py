"""A queue in which users take turns: one who asks for many waits for their own. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque


class FairQueue:
    """Items of users, each item once. `take` goes round the users; of one user, the oldest item comes first."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, deque[str]] = OrderedDict()
        self._items: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._items)

    def waiting(self, user: str) -> int:
        """Return the number of a user's items."""
        return len(self._users.get(user, ()))

    def put(self, user: str, item: str) -> None:
        """Add an item behind the user's others; one that is there already stays where it is."""
        if item not in self._items:
            self._items[item] = user
            self._users.setdefault(user, deque()).append(item)

    def take(self) -> str | None:
        """Return the next item, and put its user behind the others; None where the queue is empty."""
        if not self._users:
            return None
        user, items = self._users.popitem(last=False)
        item = items.popleft()
        if items:
            self._users[user] = items
        del self._items[item]
        return item

    def remove(self, item: str) -> None:
        """Remove an item that is not wanted any more; an unknown one is no error."""
        user = self._items.pop(item, None)
        if user is not None:
            items = self._users[user]
            items.remove(item)
            if not items:
                del self._users[user]
