"""People who edit one paper over networks that lose what is under way.

A seed is a schedule: chance decides whose message moves next, and a seed that fails fails again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from dossier_realtime.client.state.changes import Cursor
from dossier_realtime.ot.operations import Component, Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.units import splits_pair, to_units
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import (
    Attributes,
    EditOperation,
    EditPayload,
    MoveCursor,
    Subscribe,
    Unsubscribe,
)
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import CursorPosition, CursorPositionPayload, Event
from tests.sdk.document_service import PAPER, DocumentService, Editor, Line, refusal

_WORDS = ("a", "é", "ب", "😀", "مرحبا ", "brief ", "\n", "ن😀n")


class Office:
    """Editors of one paper, for one schedule."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)  # noqa: S311  a schedule, no secret
        self.service = DocumentService("aé😀\nم b", keep=self.chance.choice((3, 12, 1_000_000)))
        self.inserts_only = self.chance.random() < 0.3
        self.has_backups, self.kept = self.chance.random() < 0.3, self.service.backup()
        self.has_stranger = self.chance.random() < 0.3
        self.confirmed_and_gone: set[str] = set()
        self.now = 0.0
        self.frozen = False
        self.lines: list[tuple[Line, Editor]] = []
        self.editors = [Editor(f"e{number}") for number in range(self.chance.randint(2, 5))]
        self.met: Counter[str] = Counter()
        self.typed: list[str] = []
        self.acked: dict[str, int] = {}

    def play(self, steps: int) -> None:
        for _ in range(steps):
            self._step()
        self._settle()

    def _step(self) -> None:
        editor, what = self.chance.choice(self.editors), self.chance.random()
        self.now += self.chance.random() * 0.2
        if what < 0.35:
            self._act(editor)
        elif what < 0.85:
            self._deliver()
        elif what < 0.89 and editor.line is not None:
            editor.lose_connection(self.chance.randint(0, len(editor.line.up)))
        elif what < 0.95 and editor.line is None:
            self.lines.append((editor.connect(self.now), editor))
        elif what < 0.96:
            self.frozen = not self.frozen
        elif what > 0.995 and self.has_backups:
            self._restore()
        elif what > 0.99 and self.has_backups:
            self.kept = self.service.backup()
        elif what > 0.98:
            self.service.compact()
        elif what > 0.97 and self.has_stranger:
            self._imitate(editor)
        for each in self.editors:
            each.tick(self.now)

    def _restore(self) -> None:
        """Set the service back to the backup; all lines end with it."""
        before = self.service.content
        self.service.restore(self.kept)
        self.confirmed_and_gone |= set(before) - set(self.service.content)
        self.acked.clear()  # of versions that may be gone
        for line, editor in self.lines:
            line.up.clear()
            if editor.line is line:
                editor.lose_connection(0)
        self.lines.clear()
        self.met["restored"] += 1

    def _imitate(self, editor: Editor) -> None:
        """Have a stranger send an edit of their own under the id of an editor's last one."""
        if editor.made:
            payload = EditPayload("insert", 0, self.service.log.tip, "~", op_id=list(editor.made)[-1])
            self._tell(None, EditOperation(channel=PAPER, payload=payload, ref="stranger"), "mal")
            self.met["imitated"] += 1

    def _act(self, editor: Editor) -> None:
        replica = editor.replica
        if not replica.loaded:
            return
        text = replica.document.text
        start, end = sorted(self._edge(text) for _ in range(2))
        what = "insert" if self.inserts_only else self.chance.choice(("insert", "insert", "delete", "format", "undo"))
        if what == "undo":
            undo = self.chance.choice((replica.undo, replica.redo))
            editor.carry_out(undo(self.now))
        elif what == "insert":
            word = self._word()
            operation = Operation.of(Retain(start), Insert(to_units(word)), Retain(len(text) - start))
            editor.carry_out(replica.edit(operation, self.now, join=self.chance.random() < 0.3))
        else:
            heading = (
                Attributes(bold=True) if self.chance.random() < 0.7 else Attributes(bold=None, heading=2, list=None)
            )
            changing: Component = Delete(end - start) if what == "delete" else Format(end - start, heading)
            operation = Operation.of(Retain(start), changing, Retain(len(text) - end))
            editor.carry_out(replica.edit(operation, self.now, join=False))
        if self.chance.random() < 0.3:
            place = self._edge(replica.document.text)
            editor.carry_out(replica.move_cursor(Cursor(place, 0), self.now))

    def _word(self) -> str:
        if not self.inserts_only:
            return self.chance.choice(_WORDS)
        word = chr(0x4E00 + len(self.typed)) + chr(0x20000 + len(self.typed))
        self.typed.append(word)
        return word

    def _edge(self, text: str) -> int:
        place = self.chance.randint(0, len(text))
        return place - splits_pair(text, place)

    def _deliver(self) -> bool:
        """Move a few messages of one queue; False where nothing is under way."""
        queues: list[Callable[[], bool]] = []
        for line, editor in self.lines:
            if line.up:
                queues.append(lambda line=line, editor=editor: self._up(line, editor))  # type: ignore[misc]
            if line.down and editor.line is line:
                queues.append(lambda line=line, editor=editor: self._down(line, editor))  # type: ignore[misc]
        if not queues:
            return False
        move = self.chance.choice(queues)
        for _ in range(self.chance.randint(1, 4)):
            if not move():
                break
        return True

    def _up(self, line: Line, editor: Editor) -> bool:
        command = codec.decode_command(line.up.popleft())
        match command:
            case Subscribe():
                line.subscribed = True
                answer = self.service.subscribed(command)
                assert isinstance(answer[0], responses.Subscribed)
                self.met["caught up" if answer[0].recovered else "loaded"] += 1
                line.down.extend(answer)
            case Unsubscribe():
                line.subscribed = False
                self.met["loaded anew"] += 1
            case EditOperation():
                self._edit(command, line, editor)
            case MoveCursor():
                self._cursor(command, editor)
            case _:
                raise AssertionError(command)
        return bool(line.up)

    def _edit(self, command: EditOperation, line: Line, editor: Editor) -> None:
        dice = self.chance.random()
        if not line.subscribed or self.frozen:
            line.down.append(refusal(ErrorCode.PERMISSION_DENIED, command.ref))
            self.met["denied"] += 1
            return
        if dice < 0.05:
            code = self.chance.choice((ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.SERVICE_UNAVAILABLE))
            line.down.append(refusal(code, command.ref, retry_after=1))
            self.met["asked to wait"] += 1
            return
        before = self.service.log.tip
        answer = self._tell(line, command, editor.name)
        if self.service.log.tip > before:
            made = editor.made[command.payload.op_id or ""]
            assert made == str(self.service.epoch), "an edit of a history that has ended was merged"
        if isinstance(answer, responses.OperationAck):
            self.acked[command.payload.op_id or ""] = answer.payload.version
            self.met["sent again"] += self.service.log.tip == before
        line.down.append(answer)

    def _tell(self, line: Line | None, command: EditOperation, user_id: str) -> Event:
        """Commit an edit and send it to all lines but its author's; return the author's answer."""
        before = self.service.log.tip
        answer = self.service.edited(command, user_id)
        for version in range(before + 1, self.service.log.tip + 1):
            for other, _ in self.lines:
                if other is not line and other.subscribed and other.open:
                    other.down.append(self.service.remote(version))
        return answer

    def _cursor(self, command: MoveCursor, editor: Editor) -> None:
        placed = CursorPositionPayload(
            user_id=editor.name, position=command.payload.position, selection_length=command.payload.selection_length
        )
        for other, receiver in self.lines:
            if receiver is not editor and other.subscribed and other.open:
                other.down.append(CursorPosition(channel=PAPER, payload=placed))

    def _down(self, line: Line, editor: Editor) -> bool:
        event = codec.decode_event(codec.encode(line.down.popleft()))
        editor.carry_out(editor.session.received(event, self.now))
        return bool(line.down) and editor.line is line

    def _settle(self) -> None:
        self.frozen = False
        for editor in self.editors:
            if editor.line is None:
                self.lines.append((editor.connect(self.now), editor))
        for _ in range(20_000):
            if not self._deliver():
                self.now += 0.5
                for editor in self.editors:
                    editor.tick(self.now)
                if not any(line.up or (line.open and line.down) for line, _ in self.lines) and all(
                    editor.session.deadline(self.now) is None for editor in self.editors
                ):
                    return
        raise AssertionError("messages go round without end")
