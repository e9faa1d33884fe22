"""The sessions that receive each entry, for readers that go through a recording once and keep nothing of it."""

from __future__ import annotations

from collections import defaultdict

from ..entry import Audience, Header


class Routing:
    """The attachments of all sessions. Every entry must be passed to `take`, in order."""

    def __init__(self) -> None:
        self._attached: defaultdict[tuple[str, str, Audience], dict[str, str]] = defaultdict(dict)
        self._connections: dict[tuple[str, str], str] = {}

    def take(self, header: Header) -> list[str]:
        """Take the next entry; return the sessions that its frame is queued for."""
        node = header.node  # a node's frames go to the sessions that are attached there
        match header.kind:
            case "fanout":
                attached = self._attached.get((node, header.channel, header.audience), {})
                if not header.exclude_user and not header.exclude_connection:
                    return list(attached)
                return [
                    session
                    for session, user in attached.items()
                    if user != header.exclude_user and self.connection(session, node) != header.exclude_connection
                ]
            case "out" | "replayed":
                return [header.session]
            case "attach":
                self._attached[node, header.channel, header.audience][header.session] = header.user
            case "detach" if not header.channel:  # of everything
                for place, attached in self._attached.items():
                    if place[0] == node:
                        attached.pop(header.session, None)
            case "detach":
                self._attached[node, header.channel, header.audience].pop(header.session, None)
            case "open":
                self._connections[node, header.session] = str(header.detail.get("connection", ""))
            case "close" if self.connection(header.session, node) == header.detail.get("connection"):
                self._connections.pop((node, header.session), None)
            case "start":
                self._attached = defaultdict(dict, {at: each for at, each in self._attached.items() if at[0] != node})
                self._connections = {at: name for at, name in self._connections.items() if at[0] != node}
            case _:
                pass
        return []

    def connection(self, session: str, node: str = "") -> str:
        """Return the present connection of a session to a node; before it is opened its own name.

        `node`: where the recording is of several.
        """
        return self._connections.get((node, session), session)
