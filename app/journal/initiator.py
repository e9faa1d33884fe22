"""The caller of a call or the author of an act, and the text that they give with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_TEXT: Final = 500  # characters of a reason, and of a query


@dataclass(frozen=True, slots=True)
class Initiator:
    """The person or system that acts. `via` is `session:{id}` or `token:{jti}` (`token:` where it has no id)."""

    user_id: str
    name: str = ""
    token_id: str = ""
    address: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class CallText:
    """Text of an HTTP call beside its path: its query, the reason from X-Reason, and its Idempotency-Key."""

    query: str = ""
    reason: str = ""
    key: str = ""

    def detail(self) -> dict[str, str]:
        """Return the text as details of an entry; what is empty is left out."""
        found = {"query": self.query, "reason": self.reason, "key": self.key}
        return {name: text[:MAX_TEXT] for name, text in found.items() if text}
