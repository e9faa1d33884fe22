"""The state that operators see, folded message by message. Pure: times are arguments, live and replay use one fold.

Every collection is bounded by number: a view that stays open for a week holds no more than after a day. Times are Unix
seconds.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from msgspec import UNSET

from dashboard.state.audit_events import AuditEvent, ChainStatus
from dashboard.state.bounded_dict import BoundedDict
from dashboard.state.facts import (
    MAX_SCORES,
    AlertView,
    BriefView,
    DocumentView,
    LimitView,
    LockView,
    NodeView,
    RelationshipView,
    SecondCounts,
    TailMessage,
)
from dashboard.state.inboxes import InboxBook, InboxView
from dashboard.state.service_link import ServiceLink
from dashboard.state.standing import ReadList, fold
from dashboard.state.tasks import TaskBook
from dossier_realtime.client.state.presence import PresenceState
from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.authorization import Fact, Identity
from dossier_realtime.protocol.classification import HIGHEST
from dossier_realtime.protocol.documents.comments import DocumentComment, DocumentCommentPayload
from dossier_realtime.protocol.documents.document_events import DocumentStateEvent
from dossier_realtime.protocol.events import (
    AlertState,
    Event,
    OpsStats,
    OpsStatsPayload,
    RelationshipHealthChange,
    RemoteOperation,
    TaskAssigned,
    TaskUpdate,
)
from dossier_realtime.recording.ops.ops_rows import (
    AlertRow,
    BriefRow,
    LimitRow,
    decode_rows,
    fact_of,
    merged,
    unmarked,
)

MAX_SECONDS = 900  # of the time series
MAX_LISTED = 5_000  # rows of each list of the service
MAX_TAIL = 500  # messages of the live tail
MAX_MESSAGE_CHARS = 2_000  # of a message in the tail

PRESENCE_NAMESPACES = ("dossier", "document", "workspace", "relationship")
"""The namespaces that keep presence (docs/protocol.md#present-users)."""


class DashboardState:
    """The fold.

    It changes by `heard`, `stands`, `discussed`, `unread`, `inbox_read`, `doubt_lists`, `present`, `forgotten`,
    `listed`, `unlisted`, `audited`, `linked` only.
    """

    def __init__(self) -> None:
        self.link = ServiceLink()
        self.seconds: deque[SecondCounts] = deque(maxlen=MAX_SECONDS)
        self.totals: dict[str, Counter[str]] = {topic: Counter() for topic in ("errors", "codes", "limits", "sessions")}
        self.nodes: BoundedDict[NodeView] = BoundedDict(64)
        self.limits: BoundedDict[LimitView] = BoundedDict(500)
        self.alerts: BoundedDict[AlertView] = BoundedDict(1_000)
        self.briefs: BoundedDict[BriefView] = BoundedDict(500)
        self.documents: BoundedDict[DocumentView] = BoundedDict(300)
        self.relationships: BoundedDict[RelationshipView] = BoundedDict(500)
        self.tasks = TaskBook()
        self.inboxes = InboxBook()
        self.presence: BoundedDict[PresenceState] = BoundedDict(100)
        self.locks: BoundedDict[dict[str, LockView]] = BoundedDict(100)
        self.came: BoundedDict[float] = BoundedDict(20_000)
        self.sessions: list[dict[str, Any]] = []
        self.people = 0  # users with an open session
        self.lists_unread = False  # True: the lists had more pages than were read
        self.lists_longer = False  # True: the service's lists have more rows than are kept
        self.lists_doubted = False  # True: something was done since, of which only the lists tell all
        self.read_at: dict[str, float] = {}  # when the lists of what stands were last read, by their names
        self.followed: frozenset[str] | None = None  # channels whose messages are received; None: all
        self.channels: dict[str, dict[str, Any]] = {}
        self.tail: deque[TailMessage] = deque(maxlen=MAX_TAIL)
        self.chain = ChainStatus()
        self.audit_events: BoundedDict[AuditEvent] = BoundedDict(500)
        self.denials: BoundedDict[AuditEvent] = BoundedDict(200)
        self.messages = 0
        self.revision = 0
        self._heard: BoundedDict[int] = BoundedDict(5_000)  # the revisions at which single facts were heard

    # --- input ------------------------------------------------------------------------------------------------

    def linked(self, live: bool, at: float) -> None:
        """Record that the connection to the service stands or does not."""
        if self.link.linked(live, at):
            self.revision += 1

    def heard(self, channel: str, event: Event, at: float) -> None:
        """Fold a message of a channel."""
        self.revision += 1
        self.link.heard_at = at
        match event:
            case OpsStats(payload=told):
                topic = channels.identifier(channel)
                self._counted(topic, told.timestamp, told.values)
                self._told_rows(topic, told)
                return  # one per second and topic: kept out of the tail, which is for events
            case RemoteOperation(payload=edit):
                document = self._document(channel)
                document.version = max(document.version, edit.version)
                document.operations.append((at, edit.user_name))
            case DocumentComment(payload=thread):
                self._document(channel).discussed(thread)
            case DocumentStateEvent(payload=told):
                document = self._document(channel)
                document.state = told
                if told.deleted:
                    document.undiscussed()
            case RelationshipHealthChange(payload=change):
                self._told("relationship", change.relationship_id)
                self._relationship(change, at)
            case TaskUpdate() | TaskAssigned():
                self._told("task", self.tasks.heard(channel, event, at))
            case AlertState(payload=state):
                alert = self.alerts.get(state.commitment_id)
                if alert is not None:
                    self._told("alert", state.commitment_id)
                    alert.acknowledged_by = state.acknowledged_by if state.state == "acknowledged" else None
                    self.doubt_lists()  # it may be completed
            case _:
                pass
        self._tell(channel, event, at)

    def stands(self, read: ReadList, at: float) -> None:
        """Fold a list of what stands, as the service answered at a time. What was heard meanwhile is newer."""
        fold(self, read, at)
        self.read_at[read.name] = at
        self.revision += 1

    def inbox_read(self, login: Identity, inbox: InboxView) -> None:
        """Set the inbox of a login, as the service told it to that login."""
        if self.inboxes.put(login, inbox):
            self.revision += 1

    def doubt_lists(self) -> None:
        """Let the lists of what stands be read again soon: not every step is told by a message."""
        self.lists_doubted = True

    def discussions(self, channel: str) -> set[str]:
        """Return the ids of the open comments and suggestions of a document that are known."""
        document = self.documents.get(channels.identifier(channel))
        return set() if document is None else set(document.threads)

    def discussed(
        self, channel: str, threads: Iterable[DocumentCommentPayload], before: set[str], *, whole: bool = True
    ) -> None:
        """Take the open comments and suggestions of a document, as the service listed them.

        `before`: those that were known when it was asked; of them, those that it does not list are open no more.
        `whole`: False where the list goes on, and what it does not list may be open still.
        """
        listed = list(threads)
        gone = before - {thread.id for thread in listed} if whole else set()
        if not listed and not gone:
            return
        document = self._document(channel)
        document.is_clipped = not whole
        for each in gone:
            document.threads.drop(each)
        for thread in listed:
            document.discussed(thread)
        self.revision += 1

    def unread(self, name: str) -> None:
        """Record that a list of what stands cannot be read: earlier facts may be missing again."""
        if self.read_at.pop(name, None) is not None:
            self.revision += 1

    def heard_since(self, kind: str, key: str, revision: int) -> bool:
        """Return whether a single fact was heard after a revision of the state."""
        heard = self._heard.get(f"{kind} {key}")
        return heard is not None and heard > revision

    def present(self, channel: str, presence: PresenceState, at: float) -> None:
        """Set the users who are on a channel now."""
        self.revision += 1
        before = self.presence.get(channel)
        gone = before.users.keys() - presence.users.keys() if before else ()
        for user_id in gone:
            self.came.drop(f"{channel} {user_id}")
        for user_id in presence.users:
            if self.came.get(f"{channel} {user_id}") is None:
                self.came.put(f"{channel} {user_id}", at)
        self.presence.put(channel, presence)
        known = self.locks.get(channel) or {}
        held = {
            name: known[name] if name in known and known[name].held == lock else LockView(lock, at + lock.expires_in)
            for name, lock in presence.locks.items()
        }
        if held:
            self.locks.put(channel, held)
        else:
            self.locks.drop(channel)

    def forgotten(self, channel: str) -> None:
        """Drop the users of a channel that is no longer followed."""
        before = self.presence.get(channel)
        for user_id in before.users if before else ():
            self.came.drop(f"{channel} {user_id}")
        self.presence.drop(channel)
        self.locks.drop(channel)
        document = self.documents.get(channels.identifier(channel)) if channels.is_in(channel, "document") else None
        if document is not None:
            document.undiscussed()  # what becomes of them is not heard any more
            document.state = None
        self.revision += 1

    def listed(
        self,
        sessions: list[dict[str, Any]],
        channels: list[dict[str, Any]],
        at: float = 0.0,
        *,
        followed: frozenset[str] | None = None,
        more: bool = False,
    ) -> None:
        """Set the lists of sessions and channels, as the service returned them at a time.

        `followed`: the channels whose messages are received, if not all are; `more`: the lists were longer than was
        read.
        """
        self.link.listed_at, self.link.refused = at, 0
        self.sessions = sessions[:MAX_LISTED]
        self.channels = {row["channel"]: row for row in channels[:MAX_LISTED]}
        self.people = len({row["user_id"] for row in sessions})
        self.lists_unread = more
        self.lists_longer = more or max(len(sessions), len(channels)) > MAX_LISTED
        self.followed = followed
        self.revision += 1

    def unlisted(self, status: int) -> None:
        """Record that the lists were refused with an HTTP status: those that are known grow old."""
        self.link.refused = status
        self.revision += 1

    def audited(self, chain: ChainStatus, audit_events: Iterable[AuditEvent]) -> None:
        """Set the state of the journal's chain, and add the audit events of the entries that were read."""
        for event in audit_events:
            # Apart, so that endless refused attempts push out no action that was carried out.
            kept = self.denials if event.rule else self.audit_events
            known = kept.get(event.key)
            kept.put(event.key, replace(event, times=known.times + 1) if known is not None and event.rule else event)
        self.chain = chain
        self.revision += 1

    # --- for the panes ---------------------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Return whether the connection to the service stands."""
        return self.link.live

    def follows(self, channel: str) -> bool:
        """Return whether the messages of a channel are received."""
        return self.followed is None or channel in self.followed

    def rate(self, name: str, over: int = 5) -> float:
        """Return occurrences per second, over the last whole seconds."""
        last = list(self.seconds)[-over:]
        return sum(second.counts[name] for second in last) / len(last) if last else 0.0

    def level(self, channel: str) -> str:
        """Return a channel's classification; the highest for a channel that is not known yet."""
        row = self.channels.get(channel)
        return str(row["settings"]["classification"]) if row else HIGHEST

    def sum_of_nodes(self, name: str, at: float) -> float:
        """Return the sum of a figure over the nodes that reported in the last ten seconds."""
        return sum(node.values.get(name, 0) for node in self.nodes.values() if at - node.at <= 10)

    # --- the fold ---------------------------------------------------------------------------------------------

    def _document(self, channel: str) -> DocumentView:
        name = channels.identifier(channel)
        document = self.documents.get(name) or DocumentView()
        self.documents.put(name, document)
        return document

    def _counted(self, topic: str, at: int, values: Mapping[str, float]) -> None:
        second = next((known for known in reversed(self.seconds) if known.at <= at), None)
        if second is None or second.at < at:
            if self.seconds and at < self.seconds[-1].at:
                return  # a report of a past second, from a node whose clock went back
            second = SecondCounts(at)
            self.seconds.append(second)
        for name, value in values.items():
            if name in ("events", "edits"):
                second.counts[name] += int(value)
            elif topic == "errors" and name.isupper():  # an error code, as clients receive it; rules are in lower case
                self._total("codes", name, value)
            elif topic in self.totals and (name in ("warnings", "refused", "opened", "closed") or topic == "errors"):
                second.counts[topic if topic == "errors" else name] += int(value)
                self._total(topic, name, value)

    def _total(self, topic: str, name: str, value: float) -> None:
        totals = self.totals[topic]
        totals[name if name in totals or len(totals) < 100 else "other"] += int(value)

    def _told_rows(self, topic: str, told: OpsStatsPayload) -> None:
        at = told.timestamp
        if topic == "nodes":
            self.nodes.put(told.node, NodeView(at, told.values))
        for row in decode_rows(topic, told.rows):
            match row:
                case LimitRow():
                    self._told("limit", row.key)
                    self._limited(row, at)
                case AlertRow():
                    self._told("alert", row.key)
                    self._alert(row, at)
                case BriefRow():
                    self._told("brief", row.key)
                    self._brief(row, at)
                case _:
                    pass

    def _told(self, kind: str, key: str) -> None:
        self._heard.put(f"{kind} {key}", self.revision)

    def _limited(self, row: LimitRow, at: int) -> None:
        state = row.state or ""
        if state == "restored":
            self.limits.drop(row.key)
            return
        known = self.limits.get(row.key)
        limited = known or LimitView(row.user_id or "", row.name or "", row.rate_class or "", state, at)
        limited.state, limited.at = state, at
        if row.rate is not UNSET:
            limited.rate = int(row.rate)
        if row.until is not UNSET:
            limited.until = int(row.until)
        limited.warnings += row.rate is not UNSET
        limited.refusals += state == "exceeded"
        self.limits.put(row.key, limited)

    def _alert(self, row: AlertRow, at: int) -> None:
        level = int(row.alert_level or 1)
        known = self.alerts.get(row.key)
        alert = known if known and known.level == level else AlertView(row.key, level, at, at, row)
        alert.at, alert.facts = at, merged(unmarked(row), known.facts if known else None)
        alert.fact = (known.fact if known else Fact()).joined(fact_of(row))
        if row.state is not UNSET:
            alert.acknowledged_by = str(row.acknowledged_by) if row.state == "acknowledged" else None
            self.doubt_lists()  # it may be completed
        self.alerts.put(row.key, alert)

    def _brief(self, row: BriefRow, at: int) -> None:
        brief = self.briefs.get(row.key) or BriefView(row.key, at, at)
        progress = int(row.progress or brief.progress)
        if progress != brief.progress or row.state != brief.state:
            brief.moved = at
        brief.state = brief.state if row.state is UNSET else row.state
        brief.progress = max(brief.progress, progress)
        brief.stage = row.stage or brief.stage
        brief.facts = merged(unmarked(row), brief.facts)
        brief.fact = brief.fact.joined(fact_of(row))
        self.briefs.put(row.key, brief)

    def _relationship(self, change: Any, at: float) -> None:
        known = self.relationships.get(change.relationship_id)
        scores = known.scores if known else deque([(at, change.current_score - change.score_change)], maxlen=MAX_SCORES)
        scores.append((at, change.current_score))
        self.relationships.put(
            change.relationship_id,
            RelationshipView(change.new_status, change.current_score, change.score_change, change.trigger, at, scores),
        )

    def _tell(self, channel: str, event: Event, at: float) -> None:
        self.messages += 1
        kind = codec.message_type(event)
        text = codec.encode(event).decode()
        if len(text) > MAX_MESSAGE_CHARS:
            text = text[:MAX_MESSAGE_CHARS] + "…"
        self.tail.append(TailMessage(self.messages, at, channel, kind, _author(event), text))


def _author(event: Event) -> str:
    payload: Any = getattr(event, "payload", None)
    by = getattr(payload, "updated_by", None) or getattr(payload, "user_id", None) or ""
    return str(getattr(by, "user_id", by))
