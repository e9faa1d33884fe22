"""A script of an office that edits: the same entries for any journal, in the order in which a node records them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import EditOperation, EditPayload
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload
from dossier_realtime.protocol.responses import OperationAck, OperationAckPayload

if TYPE_CHECKING:
    from app.journal.lanes import Waiting
    from app.journal.writer import Journal

PLAN, HIDDEN = "document:plan", "document:hidden"
LEVELS = {PLAN: "internal", HIDDEN: "secret"}
USERS = ("ali", "bea", "omar")
_RIGHTS = ["write:document:*"]
_TEXTS = ("a", " ", "سلام", "é", 'a "quote"', "\x7f", "\n")


@dataclass
class _Edit:
    session: str
    entry: Waiting | None
    payload: EditPayload
    ref: str | None


@dataclass
class Office:
    """Sessions that edit two documents; each step of the script records what a node would."""

    journal: Journal
    chance: random.Random
    now: float = 1_795_931_000.0
    connections: dict[str, str] = field(default_factory=dict)
    attached: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    waiting: defaultdict[str, deque[_Edit]] = field(default_factory=lambda: defaultdict(deque))
    lengths: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    versions: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    queued: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    numbers: int = 0

    def play(self, steps: int) -> None:
        """Open all sessions, then do as many random steps, and end."""
        for user in USERS:
            self.open(f"s-{user}", user)
        acts = (self.edit, self.edit, self.edit, self.commit, self.commit, self.cursor, self.other)
        for _ in range(steps):
            self.now += self.chance.choice((0.0, 0.0004, 0.001, 0.25))
            self.chance.choice(acts)()
        for channel in (PLAN, HIDDEN):
            self._commit(channel)

    def open(self, session: str, user: str) -> None:
        self.numbers += 1
        connection = self.connections[session] = f"c-{self.numbers}"
        self.queued[session] = 0
        detail: dict[str, Any] = {"name": user, "role": "editor", "clearance": "secret", "permissions": _RIGHTS}
        detail |= {"expires_at": 2_000_000_000, "address": "::1", "connection": connection, "reconnect_count": 0}
        self._record("open", session, detail=detail)
        for channel in (PLAN, HIDDEN):
            self._subscribe(session, channel)

    def edit(self) -> None:
        channel, session = self.chance.choice((PLAN, PLAN, HIDDEN)), self._anyone()
        if session not in self.attached[channel]:
            return
        self.numbers += 1
        ref = self.chance.choice((None, f"r{self.numbers}"))
        payload = EditPayload(
            "insert",
            self.chance.randint(0, 5),
            max(0, self.versions[channel] - self.chance.randint(0, 2)),
            self.chance.choice(_TEXTS),
            op_id=self.chance.choice((None, f"o{self.numbers}")),
        )
        frame = codec.encode(EditOperation(channel=channel, payload=payload, ref=ref))
        entry = self._record("in", session, channel, type="edit_operation", frame=frame, lane="events")
        self.waiting[channel].append(_Edit(session, entry, payload, ref))

    def commit(self) -> None:
        self.now += 0.002
        self._commit(self.chance.choice((PLAN, HIDDEN)))

    def _commit(self, channel: str) -> None:
        waiting = self.waiting[channel]
        while waiting and self.chance.random() < 0.9:
            self._deliver(channel, waiting.popleft())

    def _deliver(self, channel: str, edit: _Edit) -> None:
        parts = self.chance.choice((1, 1, 1, 1, 2))
        for part in range(parts):
            self.versions[channel] += 1
            self.commits += 1
            last, session = part == parts - 1, edit.session
            if last and session in self.attached[channel]:
                answer = OperationAckPayload(version=self.versions[channel], op_id=edit.payload.op_id)
                ack = OperationAck(channel=channel, payload=answer, ref=edit.ref)
                self._record("out", session, channel, type="operation_ack", frame=codec.encode(ack))
                self.queued[session] += 1
            self._fan_out(channel, edit, session)

    def _fan_out(self, channel: str, edit: _Edit, session: str) -> None:
        user = session.removeprefix("s-")
        made = RemoteOperationPayload(
            user_id=user,
            user_name=self.chance.choice((user, "Ali Al-Rashid")),
            operation_type="insert",
            position=min(edit.payload.position, self.lengths[channel]),
            version=self.versions[channel],
            content=edit.payload.content,
            op_id=edit.payload.op_id,
            timestamp=int(self.now) - self.chance.choice((0, 0, 1)),
        )
        self.lengths[channel] += len((made.content or "").encode("utf-16-le")) // 2
        self.queued.update(self.attached[channel] - {session})
        self.journal.record(
            "fanout",
            at=self.now,
            channel=channel,
            offset=self.versions[channel],
            epoch="e1",
            commit=self.commits,
            exclude_connection=self.connections.get(session, "gone"),
            level=LEVELS[channel],
            receivers=len(self.attached[channel]) - 1,
            type="remote_operation",
            by=user,
            via=f"session:{session}",
            cause=edit.entry or 0,
            frame=codec.encode(RemoteOperation(channel=channel, payload=made)),
        )

    def cursor(self) -> None:
        session = self._anyone()
        if session not in self.attached[PLAN]:
            return
        frame = b'{"type":"cursor_position","channel":"document:plan","payload":{"position":0}}'
        cause = self._record("in", session, PLAN, type="cursor_position", frame=frame)
        self.queued.update(self.attached[PLAN] - {session})
        frame = frame.replace(b'"payload":{', b'"payload":{"user_id":"x",')
        self.journal.record(
            "fanout", at=self.now, channel=PLAN, level=LEVELS[PLAN], exclude_connection=self.connections[session],
            receivers=1, type="cursor_position", cause=cause or 0, frame=frame,
        )  # fmt: skip

    def other(self) -> None:
        """Do what ends, begins or changes a session, or takes a frame back."""
        session = self.chance.choice([f"s-{user}" for user in USERS])
        step = self.chance.randrange(5)
        if session not in self.connections:
            self.open(session, session.removeprefix("s-"))
        elif step == 0:
            detail = {"code": 1006, "reason": "", "unsent": min(self.queued[session], 2)}
            self._record("detach", session)
            self._record("close", session, detail=detail | {"connection": self.connections.pop(session)})
            for sessions in self.attached.values():
                sessions.discard(session)
        elif step == 1 and self.queued[session]:
            self.queued[session] -= 1
            self._record("conflated", session, detail={"places": "0"})
        elif step == 2:
            self._record("refused", session, PLAN, rule="rate.edit", type="edit_operation", frame=b'{"type":"no"}')
        elif step == 3 and session in self.attached[HIDDEN]:
            self.attached[HIDDEN].discard(session)
            self._record("detach", session, HIDDEN)
        else:
            settings: Any = {"presence": True, "history": True, "frozen": False}
            self.journal.record("settings", at=self.now, channel=PLAN, level=LEVELS[PLAN], detail=settings)

    def _anyone(self) -> str:
        return self.chance.choice([*self.connections, "s-ali"])

    def _subscribe(self, session: str, channel: str) -> None:
        self.attached[channel].add(session)
        frame = f'{{"type":"subscribe","channel":"{channel}"}}'
        self._record("in", session, channel, type="subscribe", frame=frame.encode())
        self._record("attach", session, channel)

    def _record(self, kind: Any, session: str, channel: str = "", **fields: Any) -> Waiting | None:
        level, user = LEVELS.get(channel, ""), session.removeprefix("s-")
        return self.journal.record(
            kind, at=self.now, session=session, user=user, channel=channel, level=level, **fields
        )
