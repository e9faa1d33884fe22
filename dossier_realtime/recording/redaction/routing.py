"""The sessions that receive each entry, for readers that go through a recording once and keep nothing of it."""

from __future__ import annotations

from collections import defaultdict

from ..entry import Audience, Header


class Routing:
    """The attachments of all sessions. Every entry must be passed to `take`, in order."""

    def __init__(self) -> None:
        self._attached: defaultdict[tuple[str, Audience], dict[str, str]] = defaultdict(dict)
        self._connections: dict[str, str] = {}

    def take(self, header: Header) -> list[str]:
        """Take the next entry; return the sessions that its frame is queued for."""
        match header.kind:
            case "fanout":
                attached = self._attached.get((header.channel, header.audience), {})
                if not header.exclude_user and not header.exclude_connection:
                    return list(attached)
                return [
                    session
                    for session, user in attached.items()
                    if user != header.exclude_user and self.connection(session) != header.exclude_connection
                ]
            case "out" | "replayed":
                return [header.session]
            case "attach":
                self._attached[header.channel, header.audience][header.session] = header.user
            case "detach" if not header.channel:  # of everything
                for attached in self._attached.values():
                    attached.pop(header.session, None)
            case "detach":
                self._attached[header.channel, header.audience].pop(header.session, None)
            case "open":
                self._connections[header.session] = str(header.detail.get("connection", ""))
            case "close" if self.connection(header.session) == header.detail.get("connection"):
                self._connections.pop(header.session, None)
            case "start":
                self._attached.clear()
                self._connections.clear()
            case _:
                pass
        return []

    def connection(self, session: str) -> str:
        """Return the present connection of a session; before it is opened its own name."""
        return self._connections.get(session, session)
