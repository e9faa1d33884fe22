"""The frames of a recording on a timeline: the connection that sent each, and those that received it. Pure.

One column per fact and one number per frame, for browsers that draw tens of thousands of them. Each text is kept once.
"""

from __future__ import annotations

from typing import Any

from dossier_realtime.recording.entry import Entry, Header
from dossier_realtime.recording.reading import entry_type
from dossier_realtime.recording.redaction.routing import Routing

KINDS = ("sent", "refused", "received", "told", "opened", "closed", "decided", "changed", "called", "other")
"""The kinds of marks: a frame from the client, accepted or refused; a frame to it alone, or to all receivers; the
beginning and the end of the connection; a decision of the service; settings; an HTTP call; an entry of the node."""

MAX_FRAME_CHARS = 2_000  # of a frame
_KINDS = {"in": 0, "refused": 1, "out": 2, "fanout": 3, "recovered": 3, "open": 4, "close": 5, "decided": 6}
_KINDS |= {
    "replayed": 2,
    "settings": 7,
    "lifted": 7,
    "http": 8,
    "act": 8,
    "start": 9,
    "stop": 9,
    "gap": 9,
    "unreadable": 9,
}


class _Texts:
    """Texts by number, each kept once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of a text."""
        return self._numbers.setdefault(text, len(self._numbers))

    def all(self) -> list[str]:
        """Return all texts, by number."""
        return list(self._numbers)


class TimelineMarks:
    """The marks of a timeline, one lane per connection.

    `take` needs every entry, in order; those that are `shown` become marks.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self._routing = Routing()
        self._lanes: dict[str, dict[str, Any]] = {}
        self._numbers: dict[str, int] = {}
        self._names, self._texts = _Texts(), _Texts()
        self._columns: dict[str, list[Any]] = {
            name: [] for name in ("at", "kind", "lane", "to", "type", "channel", "user", "text")
        }

    def take(self, entry: Entry, at: float, *, shown: bool) -> None:
        """Take the next entry, at `at` (Unix seconds)."""
        header = entry.header
        told = [self._routing.connection(session, header.node) for session in self._routing.take(header)]
        connection = self._connection(header)
        if header.kind == "open":
            self._open(connection, header, at)
        elif header.kind == "close" and connection in self._lanes:
            self._lanes[connection]["until"] = self._ms(at)
        if shown and header.kind in _KINDS:
            self._mark(entry, at, connection, told if header.kind == "fanout" else [])

    def told(self) -> dict[str, Any]:
        """Return `lanes`, `marks` by column, and the `names` and `texts` that their numbers refer to."""
        lanes = [self._lanes[connection] for connection in self._numbers]
        return {"lanes": lanes, "marks": self._columns, "names": self._names.all(), "texts": self._texts.all()}

    def _connection(self, header: Header) -> str:
        named = header.detail.get("connection")
        return str(named) if named else self._routing.connection(header.session, header.node)

    def _open(self, connection: str, header: Header, at: float) -> None:
        known = self._lanes.get(connection, {})
        self._lanes[connection] = {
            "user": header.user,
            "name": str(header.detail.get("name", "")),
            "session": header.session,
            "node": header.node,
            "since": known.get("since", self._ms(at)),
            "until": None,
        }

    def _mark(self, entry: Entry, at: float, connection: str, told: list[str]) -> None:
        header, frame, _ = entry
        row = {
            "at": self._ms(at),
            "kind": _KINDS[header.kind],
            "lane": self._lane(connection, header, at) if connection else -1,
            "to": [self._lane(each, header, at) for each in told],
            "type": self._names.number(entry_type(entry) or _what(header)),
            "channel": self._names.number(header.channel),
            "user": self._names.number(header.user),
            "text": self._texts.number(_said(header, frame)),
        }
        for name, value in row.items():
            self._columns[name].append(value)

    def _lane(self, connection: str, header: Header, at: float) -> int:
        if connection not in self._lanes:  # it never logged in, or did so before the recording begins
            self._lanes[connection] = {
                "user": header.user,  # empty for a fan-out
                "name": "",
                "session": header.session or connection,
                "node": header.node,
                "since": self._ms(at),
                "until": None,
            }
        return self._numbers.setdefault(connection, len(self._numbers))

    def _ms(self, at: float) -> int:
        return round(1000 * (at - self._start))


def _what(header: Header) -> str:
    """Return the label of a mark without a frame."""
    if header.kind == "http":
        return f"{header.detail.get('method', '')} {header.detail.get('path', '')}"
    if header.kind == "replayed":
        return f"{header.detail.get('count', 0)} recovered"
    if header.kind == "act":
        return str(header.detail.get("verb", ""))
    return header.rule or header.kind


def _said(header: Header, frame: bytes | None) -> str:
    if frame is not None:
        text = frame.decode("utf-8", "replace")
        return text if len(text) <= MAX_FRAME_CHARS else text[:MAX_FRAME_CHARS] + "…"
    return ", ".join(f"{name}: {value}" for name, value in header.detail.items() if name != "permissions")
