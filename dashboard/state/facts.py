"""The facts that the dashboard's state holds: nodes, limits, alerts, briefs, documents, relationships, messages. Pure.

Times are Unix seconds.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from dashboard.state.bounded_dict import BoundedDict
from dossier_realtime.protocol.authorization import Fact
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.documents.document_events import DocumentStatePayload
from dossier_realtime.protocol.documents.field_locks import HeldLock
from dossier_realtime.recording.ops.ops_rows import AlertRow, BriefRow

MAX_SCORES = 60  # kept of one relationship
MAX_THREADS = 200  # open comments and suggestions of one document
RECENT_SECONDS = 60  # for which a writer counts as an editor of a document


@dataclass(slots=True)
class SecondCounts:
    """The counts of all nodes in one second."""

    at: int
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class NodeView:
    """A node's own figures, of its last report."""

    at: int
    values: Mapping[str, float]


@dataclass(slots=True)
class LimitView:
    """One user's limits in one class of messages; in all (`*`) while they are lifted, `until` a time."""

    user_id: str
    name: str
    rate_class: str
    state: str
    at: int
    rate: int | None = None
    warnings: int = 0
    refusals: int = 0
    until: int | None = None


@dataclass(slots=True)
class AlertView:
    """A commitment's alert. `since`: the start of its level."""

    commitment_id: str
    level: int
    since: int
    at: int
    facts: AlertRow
    acknowledged_by: str | None = None
    snoozed_until: int | None = None
    fact: Fact = field(default_factory=Fact)
    """The channels that it was derived from: it is shown to viewers who may read them."""

    @property
    def next_level_at(self) -> int | None:
        """The time at which the alert climbs, where it is known and the alert is not acknowledged."""
        at = self.facts.next_level_at
        return int(at) if isinstance(at, int | float) and self.acknowledged_by is None else None


@dataclass(slots=True)
class BriefView:
    """A brief that is being written. `moved`: the time of its last progress."""

    request_id: str
    started: int
    moved: int
    state: str = "started"
    progress: int = 0
    stage: str = ""
    facts: BriefRow = field(default_factory=BriefRow)
    fact: Fact = field(default_factory=Fact)


@dataclass(frozen=True, slots=True)
class LockView:
    """A soft lock on a field or clause. `until`: the end that was told; its holder may keep it for longer."""

    held: HeldLock
    until: float


@dataclass(slots=True)
class DocumentView:
    """A document, as its messages show it. `operations`: (time, user) of the last ones. `threads`: the open ones."""

    version: int = 0
    operations: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=600))
    threads: BoundedDict[DocumentCommentPayload] = field(default_factory=lambda: BoundedDict(MAX_THREADS))
    state: DocumentStatePayload | None = None
    """The last that was told of whether it takes edits."""
    is_clipped: bool = False
    """True: the service has more open comments than were read."""

    def discussed(self, thread: DocumentCommentPayload) -> None:
        """Take a comment or suggestion as it is now; one that is answered goes."""
        known = self.threads.get(thread.id)
        if known is not None and known.revision > thread.revision:
            return
        if thread.status == "open":
            self.threads.put(thread.id, thread)
        else:
            self.threads.drop(thread.id)

    def undiscussed(self) -> None:
        """Forget all comments and suggestions."""
        self.threads, self.is_clipped = BoundedDict(MAX_THREADS), False

    def editors(self, at: float) -> list[str]:
        """Return the users who wrote in the last RECENT_SECONDS, latest first."""
        return list(dict.fromkeys(user for when, user in reversed(self.operations) if at - when <= RECENT_SECONDS))

    def rate(self, at: float) -> float:
        """Return edits per second over the last ten seconds."""
        return sum(at - when <= 10 for when, _ in self.operations) / 10


@dataclass(slots=True)
class RelationshipView:
    """A relationship's health. `scores`: (time, score) of its last changes."""

    status: str
    score: int
    change: int
    trigger: str
    at: float
    scores: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=MAX_SCORES))


@dataclass(frozen=True, slots=True)
class TailMessage:
    """One message of the live tail. `number` counts from the first message of all."""

    number: int
    at: float
    channel: str
    kind: str
    user: str
    text: str
