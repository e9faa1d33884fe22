"""The state at a time: a fold over the entries, which never looks ahead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dossier_realtime.protocol import channels

from ..entry import Detail, Entry, Header
from ..names import must_be_text
from ..reading import UNFIT, entry_type
from .document_notes import DocumentNotes, note_of


class _Envelope(msgspec.Struct):
    type: str = ""
    request_id: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"{}")


_envelopes = msgspec.json.Decoder(_Envelope)
_payloads = msgspec.json.Decoder(dict[str, Any])
_STATES = {"started": "started", "progress": "running", "complete": "complete", "failed": "failed"}


@dataclass(slots=True)
class RecordedSession:
    """An open session. `channels` are those that it receives, `hidden` those where others do not see it.

    `node`: the one that serves it, where the recording is of several.
    """

    user: str
    name: str
    role: str
    clearance: str
    since: float
    connection: str
    node: str = ""
    channels: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)


@dataclass(slots=True)
class RecordedPresence:
    """A person on a channel."""

    name: str
    status: str = "online"
    activity: str = "viewing"
    field: str | None = None


@dataclass(slots=True)
class RecordedAlert:
    """An alert of a commitment: level 1 to 3. `title` as it was sent, in one language or by language."""

    level: int
    title: str | dict[str, str]
    state: str = "open"
    acknowledged_by: str | None = None


@dataclass(slots=True)
class RecordedBrief:
    """A brief, in progress or ended; `progress` in percent."""

    state: str
    progress: int = 0
    stage: str = ""


@dataclass(slots=True)
class RecordedLimit:
    """A user who reached (`warned`) or passed (`exceeded`) a limit, until a time (Unix seconds)."""

    state: str
    limit: int
    until: float


@dataclass(slots=True)
class RecordedState:
    """The state at one time. `take` is the fold; `at` is the time of the last entry taken (Unix seconds).

    `limits` by user and class; `settings` of channels where they were changed; `briefs` by request, `alerts` by
    commitment, `health` by relationship; `versions`: the last one of each document; `notes`: comments, soft locks and
    state, by channel. `known`: the channels of the whole recording, where they are known.
    """

    at: float = 0.0
    sessions: dict[str, RecordedSession] = field(default_factory=dict)
    alerts: dict[str, RecordedAlert] = field(default_factory=dict)
    briefs: dict[str, RecordedBrief] = field(default_factory=dict)
    health: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Detail] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    notes: dict[str, DocumentNotes] = field(default_factory=dict)
    known: Container[str] | None = None
    unreadable: int = 0
    _limits: dict[tuple[str, str], RecordedLimit] = field(default_factory=dict)
    _doing: dict[tuple[str, str], RecordedPresence] = field(default_factory=dict)

    @property
    def present(self) -> dict[str, dict[str, RecordedPresence]]:
        """The users on each channel, without hidden sessions."""
        found: dict[str, dict[str, RecordedPresence]] = defaultdict(dict)
        for session in self.sessions.values():
            for channel in session.channels - session.hidden:
                doing = self._doing.get((channel, session.user))
                found[channel][session.user] = doing or RecordedPresence(session.name)
        return dict(found)

    def on(self, channel: str) -> dict[str, RecordedPresence]:
        """Return the users on one channel, without hidden sessions. Raises KeyError for one not in the recording."""
        must_be_text(channel, "the name of a channel")
        if self.known is not None and channel not in self.known:
            raise KeyError(f"no channel {channel!r} in this recording; channels() lists what there is")
        there = [session for session in self.sessions.values() if channel in session.channels - session.hidden]
        return {one.user: self._doing.get((channel, one.user)) or RecordedPresence(one.name) for one in there}

    @property
    def limits(self) -> dict[tuple[str, str], RecordedLimit]:
        """The limits in force now."""
        return {key: limited for key, limited in self._limits.items() if limited.until > self.at}

    def take(self, entry: Entry) -> None:
        """Fold the next entry; an entry that can not be read changes nothing and is counted in `unreadable`."""
        self.at = max(self.at, entry.header.at)
        try:
            self._fold(entry)
        except UNFIT:
            self.unreadable += 1

    def _fold(self, entry: Entry) -> None:
        header, frame, _ = entry
        match header.kind:
            case "start":
                self.sessions = {name: one for name, one in self.sessions.items() if one.node != header.node}
                for notes in self.notes.values() if not header.node else ():
                    notes.restarted()
            case "open":
                detail = header.detail
                self.sessions[header.session] = RecordedSession(
                    header.user,
                    str(detail["name"]),
                    str(detail["role"]),
                    str(detail["clearance"]),
                    header.at,
                    str(detail["connection"]),
                    header.node,
                )
            case "renewed" if header.session in self.sessions:
                self.sessions[header.session].clearance = str(header.detail["clearance"])
            case "attach" | "detach" if header.session in self.sessions:
                self._attach(header, self.sessions[header.session])
            case "close" if header.session in self.sessions:
                if self.sessions[header.session].connection == header.detail["connection"]:
                    del self.sessions[header.session]  # else the session was resumed over another connection
            case "settings":
                self.settings[header.channel] = {"classification": header.level, **header.detail}
            case "fanout" | "recovered" if frame is not None:
                self._event(header, frame)
                note = note_of(entry)
                if note is not None:
                    self.notes.setdefault(header.channel, DocumentNotes()).take(note, header.at)
            case "out" if frame is not None and entry_type(entry).startswith("rate_limit_"):
                self._limit(header, frame)
            case _:
                pass

    def _attach(self, header: Header, session: RecordedSession) -> None:
        if header.audience == "presence" or channels.is_in(header.channel, "user") or session.node != header.node:
            return
        if not header.channel:  # of everything: its connection ended
            session.channels.clear()
            session.hidden.clear()
        elif header.kind == "attach":
            session.channels.add(header.channel)
        else:
            session.channels.discard(header.channel)
            session.hidden.discard(header.channel)
        if header.detail.get("hidden"):
            session.hidden.add(header.channel)

    def _event(self, header: Header, frame: bytes) -> None:
        if header.offset and channels.is_in(header.channel, "document"):
            self.versions[header.channel] = header.offset
            return
        event = _envelopes.decode(frame)
        payload = _payloads.decode(event.payload)
        kind, _, rest = event.type.partition("_")
        match kind, rest:
            case "presence", "join" | "update":
                self._present(header.channel, payload)
            case "presence", "leave":
                self._doing.pop((header.channel, payload["user_id"]), None)
            case "commitment", "alert":
                level = payload["alert_level"]
                alert = self.alerts.setdefault(payload["commitment_id"], RecordedAlert(level, payload["title"]))
                if level > alert.level:  # a higher level reopens the alert
                    alert.level, alert.state, alert.acknowledged_by = level, "open", None
            case "alert", "state":
                alert = self.alerts.setdefault(payload["commitment_id"], RecordedAlert(payload["alert_level"], ""))
                alert.level = payload["alert_level"]
                alert.state, alert.acknowledged_by = payload["state"], payload["acknowledged_by"]
            case "brief", _:
                brief = self.briefs.setdefault(event.request_id, RecordedBrief("started"))
                brief.state = _STATES.get(rest.removeprefix("generation_"), brief.state)
                brief.stage = payload.get("stage", brief.stage)
                brief.progress = 100 if brief.state == "complete" else payload.get("progress", brief.progress)
            case "relationship", "health_change":
                self.health[payload["relationship_id"]] = payload["current_score"]
            case _:
                pass

    def _present(self, channel: str, payload: dict[str, Any]) -> None:
        key = (channel, payload["user_id"])
        doing = self._doing.setdefault(key, RecordedPresence(payload.get("name", payload["user_id"])))
        doing.name = payload.get("name", doing.name)
        doing.status = payload.get("status", doing.status)
        doing.activity = payload.get("activity", doing.activity)
        doing.field = payload.get("field")

    def _limit(self, header: Header, frame: bytes) -> None:
        event = _envelopes.decode(frame)
        payload = _payloads.decode(event.payload)
        state = "warned" if event.type == "rate_limit_warning" else "exceeded"
        seconds = payload.get("reset_in", payload.get("retry_after", 0))
        key = (header.user, payload.get("class", "general"))
        self._limits[key] = RecordedLimit(state, payload["limit"], header.at + seconds)
