"""The replay of a recording into a DashboardState, by the same fold as live messages and lists. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET

from dashboard.state.store import PRESENCE_NAMESPACES, DashboardState
from dossier_realtime.client.state.presence import PresenceState
from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.authorization import Fact
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.documents.field_locks import HeldLock
from dossier_realtime.protocol.events import AlertState, AlertStatePayload, BriefFailed, CommitmentAlert
from dossier_realtime.protocol.responses import PresentUser, Roster
from dossier_realtime.recording.entry import Entry, Header
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator
from dossier_realtime.recording.ops.ops_rows import BriefRow, LimitRow, NumberField
from dossier_realtime.recording.reading import UNFIT, cancelled_request, entry_type
from dossier_realtime.recording.replay.document_notes import RecordedLock
from dossier_realtime.recording.replay.timeline import RecordedState
from dossier_realtime.recording.replay.transcript import span

_CANCEL = re.compile(r"/v1/briefs/([^/]+)/cancel")


class _Warning(msgspec.Struct):
    payload: _WarningPayload


class _WarningPayload(msgspec.Struct):
    current_rate: int
    rate_class: str = msgspec.field(name="class", default="general")


_warnings = msgspec.json.Decoder(_Warning)


class Replay:
    """The replay. `take` receives every entry in order; `tell` brings `state` up to the last one."""

    def __init__(self) -> None:
        self.state = DashboardState()
        self.past = RecordedState()
        self._aggregator = OpsAggregator("node")  # until a start entry names it
        self._aggregator.gauge("nodes", self._figures)
        self._sessions: dict[str, dict[str, Any]] = {}
        self._levels: dict[str, str] = {}
        self._offsets: dict[str, int] = {}
        self._moved: set[str] = set()
        self._cancelling: set[str] = set()  # briefs whose owners cancelled them
        self._ready = self._news = False
        self._events = self._deliveries = 0
        self.unreadable = 0

    def take(self, entry: Entry) -> None:
        """Take the next entry."""
        header = entry.header
        self._news = True
        if header.level:
            self._levels[header.channel] = header.level
        if header.kind in ("start", "close") or (header.kind == "detach" and not header.channel):
            self._moved.update(self._channels(header))
        if header.kind == "start":
            self._moved.update(channel for channel, notes in self.past.notes.items() if notes.locks)
        self.past.take(entry)
        try:
            self._take(entry)
        except UNFIT:
            self.unreadable += 1

    def _take(self, entry: Entry) -> None:
        header, frame, _ = entry
        match header.kind:
            case "start" | "stop" | "open" | "close":
                self._connected(header)
            case "attach" | "detach" if header.channel:
                self._moved.add(header.channel)
            case "in" | "refused" | "http" | "lifted":
                self._asked(header, entry)
            case "replayed":
                self._deliveries += len(span(header))
            case "out" if frame is not None:
                self._deliveries += 1
                self._aggregator.sent(frame)
                if entry_type(entry) == "rate_limit_warning":
                    warned = _warnings.decode(frame).payload
                    self._aggregator.count("limits", "warnings")
                    self._limit(header, warned.rate_class, "warned", warned.current_rate)
            case "fanout" | "recovered":
                self._told(header, frame)
            case _:
                pass

    def tell(self, at: float) -> None:
        """Bring the state up to `at` (Unix seconds), if entries came since the last call."""
        if not self._news:
            return
        state, self._news = self.state, False
        state.linked(True, at)
        for message in self._aggregator.messages(int(at)):
            state.heard(message.channel, message, at)
        for channel in sorted(self._moved):
            if channels.namespace(channel) in PRESENCE_NAMESPACES:
                state.present(channel, self._present(channel, at), at)
        self._moved.clear()
        known = [name for name in self._sessions if name in self.past.sessions]  # those whose open entry was readable
        state.listed([self._session(name) for name in known], self._channel_rows())

    def begin(self, at: float) -> None:
        """Start counting at `at`: earlier entries only set the initial state."""
        self.tell(at)
        self._events = self._deliveries = 0
        if list(self.state.nodes.values()):  # nodes report the counts of the last call: report them again, as 0
            self._news = True
            self.tell(at)
        self.state.seconds.clear()
        for counted in self.state.totals.values():
            counted.clear()

    # --- deliveries -------------------------------------------------------------------------------------------

    def _told(self, header: Header, frame: bytes | None) -> None:
        channel = header.channel
        self._deliveries += header.receivers
        if header.audience == "presence":
            self._moved.add(channel)
            return
        again = bool(header.node) and header.offset <= self._offsets.get(channel, 0)  # as another node delivers it
        if header.commit and not again:
            edit = channels.is_in(channel, "document")
            self._aggregator.count("nodes", "edits" if edit else "events")
            self._events += not edit
            self._offsets[channel] = header.offset
        if frame is None or channels.is_in(channel, "ops"):
            return  # redacted; or a report to another dashboard, which the replay computes itself
        event = codec.decode_event(frame)
        fact = _fact(header)
        self._aggregator.published(event, fact)
        match event:
            case CommitmentAlert(payload=told) | AlertState(payload=told):
                self._stands(told.commitment_id, fact)
            case BriefFailed(request_id=request) if request in self._cancelling:
                self._cancelled(request)
            case _:
                pass
        self.state.heard(channel, event, header.at)

    def _stands(self, commitment: str, fact: Fact) -> None:
        """Report an alert's current row: an acknowledged alert stays acknowledged until it climbs."""
        alert = self.past.alerts[commitment]
        known = {"alert_level": alert.level, "state": alert.state, "acknowledged_by": alert.acknowledged_by}
        self._aggregator.alert(msgspec.convert({"commitment_id": commitment, **known}, AlertStatePayload), fact)

    def _cancelled(self, request: str) -> None:
        self._cancelling.discard(request)
        brief = self.past.briefs.get(request)
        if brief is not None and brief.state == "failed":
            self._aggregator.row(BriefRow(key=request, state="cancelled"))

    # --- requests ---------------------------------------------------------------------------------------------

    def _asked(self, header: Header, entry: Entry) -> None:
        match header.kind:
            case "refused" if header.rule.startswith("rate."):
                self._aggregator.count("limits", "refused")
                self._limit(header, header.rule.removeprefix("rate."), "exceeded")
            case "refused":
                self._aggregator.count("errors", header.rule)
            case "lifted":
                self._lifted(header)
            case "http" if header.detail.get("status") == 200:
                cancel = _CANCEL.fullmatch(str(header.detail["path"]))
                if cancel is not None:
                    self._cancelled(cancel[1])
            case "in" if entry_type(entry) == "brief_cancel":
                self._cancelling.add(cancelled_request(entry.frame))
            case _:
                pass

    def _lifted(self, header: Header) -> None:
        seconds = int(str(header.detail["seconds"]))
        names = (session["name"] for session in self._sessions.values() if session["user_id"] == header.user)
        row = LimitRow(key=f"{header.user} *", user_id=header.user, name=next(names, header.user), rate_class="*")
        row.state = "restored"
        if seconds:
            row.state, row.until = "lifted", round(header.at + seconds)
        self._aggregator.row(row)

    def _limit(self, header: Header, rate_class: str, state: str, rate: NumberField = UNSET) -> None:
        who = self.past.sessions.get(header.session)
        row = LimitRow(key=f"{header.user} {rate_class}", user_id=header.user, name=who.name if who else header.user)
        row.rate_class, row.state, row.rate = rate_class, state, rate
        self._aggregator.row(row)

    # --- connections and lists ------------------------------------------------------------------------------

    def _connected(self, header: Header) -> None:
        match header.kind:
            case "start":
                node = header.node
                self._sessions = {name: one for name, one in self._sessions.items() if node and one["node"] != node}
                self._ready = True
                self._aggregator.node = str(header.detail.get("node", self._aggregator.node))
            case "stop":
                self._ready = False
            case "open":
                self._open(header)
            case _ if header.session not in self.past.sessions:
                self._aggregator.count("sessions", "closed")
                self._sessions.pop(header.session, None)
            case _:
                pass  # the session was resumed over another connection

    def _open(self, header: Header) -> None:
        self._aggregator.count("sessions", "opened")
        known, detail = self._sessions.get(header.session, {}), header.detail
        self._sessions[header.session] = {
            "session_id": header.session,
            "user_id": header.user,
            "node": header.node or self._aggregator.node,
            "started_at": known.get("started_at", header.at),
            **{name: detail.get(name, "") for name in ("name", "role", "address")},
            "reconnect_count": detail.get("reconnect_count", 0),
        }

    def _session(self, session: str) -> dict[str, Any]:
        return {**self._sessions[session], "channels": sorted(self.past.sessions[session].channels)}

    def _channel_rows(self) -> list[dict[str, Any]]:
        followed: dict[str, int] = {}
        for session in self.past.sessions.values():
            for channel in session.channels:
                followed[channel] = followed.get(channel, 0) + 1
        rows = []
        for channel, level in self._levels.items():
            there = self.state.presence.get(channel)
            rows.append(
                {
                    "channel": channel,
                    "settings": {"classification": level},
                    "users": there.count if there else 0,
                    "subscribers": followed.get(channel, 0),
                    "position": {"offset": self._offsets.get(channel, 0)},
                }
            )
        return rows

    def _channels(self, header: Header) -> set[str]:
        """Return the channels whose presence may shrink by this entry."""
        ending = [
            one
            for name, one in self.past.sessions.items()
            if one.node == header.node and (header.kind == "start" or name == header.session)
        ]
        return {channel for session in ending for channel in session.channels}

    def _present(self, channel: str, at: float) -> PresenceState:
        users = []
        for user_id, doing in self.past.on(channel).items():
            here = {"status": doing.status, "activity": doing.activity, "field": doing.field}
            users.append(msgspec.convert({"user_id": user_id, "name": doing.name, "role": "", **here}, PresentUser))
        notes = self.past.notes.get(channel)
        locks = [] if notes is None else [_held(lock, at) for lock in notes.locks.values()]
        return PresenceState.of(Roster(count=len(users), users=users, locks=locks))

    def _figures(self) -> dict[str, float]:
        sessions = self.past.sessions
        return {
            "ready": self._ready,
            "connections": len(sessions),
            "sessions": len(sessions),
            "subscriptions": sum(len(session.channels) for session in sessions.values()),
            "events_total": self._events,
            "deliveries_total": self._deliveries,
        }


def _held(lock: RecordedLock, at: float) -> HeldLock:
    return HeldLock(field=lock.field, user_id=lock.user, name=lock.name, expires_in=round(lock.until - at))


def _fact(header: Header) -> Fact:
    """Return an event's channel, with its classification at the time."""
    return Fact((header.channel,), Clearance.strict(header.level))
