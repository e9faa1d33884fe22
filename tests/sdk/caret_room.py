"""People who write at carets of their own, over lines that are slow, and a node that relays carets by another way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from app.core.domain.documents import VersionedDocument, placed_cursor
from dossier_realtime.client.state.changes import Cursor
from dossier_realtime.client.state.editing.remote_cursors import RemoteCursor
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.operations import Operation
from dossier_realtime.ot.units import splits_pair
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import CursorPayload, EditOperation, MoveCursor, Subscribe
from dossier_realtime.protocol.events import CursorPosition, CursorPositionPayload, Event
from dossier_realtime.protocol.responses import RestingCursor
from tests.sdk.document_service import PAPER, DocumentService, Editor, delete, insert

TEXT = "(😀 one · two\nثلاثة · four)"
PEOPLE = (("ali", "1"), ("ali", "2"), ("sara", ""), ("omar", ""))
"""Users and their tabs: the first has two."""


class Writer(Editor):
    """One tab, its cursor's id, and the cursors that are on their way to it from the other node."""

    def __init__(self, name: str, tab: str) -> None:
        super().__init__(name, tab)
        self.cursor_id = f"{name}-{tab}"
        self.relayed: deque[Event] = deque()
        self.told = 0  # cursors that it sent

    @property
    def caret(self) -> int:
        cursor = self.replica.cursor
        return 0 if cursor is None else cursor.position


class CaretRoom:
    """The service, its writers, and a clock. `is_apart`: carets come by another way than edits, sooner or later."""

    def __init__(self, *, is_apart: bool) -> None:
        self.service, self.is_apart = DocumentService(TEXT), is_apart
        self.versioned = VersionedDocument(Document.of(TEXT))
        self.writers = [Writer(*who) for who in PEOPLE]
        self.places: dict[str, tuple[str, CursorPayload]] = {}  # by cursor id: the user, and the place
        self.now = 0.0
        for writer in self.writers:
            self.join(writer)

    def join(self, writer: Writer) -> None:
        """Connect a writer, and have the answer delivered."""
        line = writer.connect(self.now)
        asked = codec.decode_command(line.up.popleft())
        assert isinstance(asked, Subscribe)
        answer, *missed = self.service.subscribed(asked)
        assert isinstance(answer, responses.Subscribed)
        if answer.document is not None:
            answer.document.cursors = [
                RestingCursor(user_id=user, cursor_id=key, name=user, color="#000000", position=at, selection_length=n)
                for key, (user, place) in self.places.items()
                if user != writer.name
                for at, n in [placed_cursor(self.versioned, place, user)]
            ]
        line.subscribed = True
        line.down.extend([answer, *missed])
        while line.down:
            self.receive(writer)

    # --- what people do

    def type(self, writer: Writer, text: str) -> None:
        """Type at the caret."""
        self._edit(writer, insert(writer.caret, text, writer.replica.document.length))

    def erase(self, writer: Writer, count: int) -> None:
        """Delete some characters before the caret."""
        text, end = writer.replica.document.text, writer.caret
        start = self._edge(text, max(0, end - count))
        if start < end:
            self._edit(writer, delete(start, end - start, len(text)))

    def paste(self, writer: Writer, place: int, text: str) -> None:
        """Insert text elsewhere than at the caret."""
        whole = writer.replica.document.text
        self._edit(writer, insert(self._edge(whole, place % (len(whole) + 1)), text, len(whole)))

    def cut(self, writer: Writer, place: int, count: int) -> None:
        """Delete elsewhere than at the caret."""
        text = writer.replica.document.text
        start = self._edge(text, place % (len(text) + 1))
        end = self._edge(text, min(len(text), start + count))
        if start < end:
            self._edit(writer, delete(start, end - start, len(text)))

    def move(self, writer: Writer, place: int, length: int) -> None:
        """Move the caret, or select."""
        text = writer.replica.document.text
        start = self._edge(text, place % (len(text) + 1))
        end = self._edge(text, min(len(text), start + length))
        writer.carry_out(writer.replica.move_cursor(Cursor(start, end - start), self.now))

    def undo(self, writer: Writer) -> None:
        """Undo the writer's last edit."""
        writer.carry_out(writer.replica.undo(self.now))

    def _edit(self, writer: Writer, operation: Operation) -> None:
        writer.carry_out(writer.replica.edit(operation, self.now, join=False))

    def _edge(self, text: str, place: int) -> int:
        return place - splits_pair(text, place)

    # --- what is under way

    def reach(self, writer: Writer) -> bool:
        """Have the service take the writer's next message; False where there is none."""
        line = writer.line
        assert line is not None
        if not line.up:
            return False
        command = codec.decode_command(line.up.popleft())
        if isinstance(command, EditOperation):
            before = self.service.log.tip
            answer = self.service.edited(command, writer.name)
            assert isinstance(answer, responses.OperationAck), answer
            for version in range(before + 1, self.service.log.tip + 1):
                self.versioned.advance(self.service.committed[version - 1][1], writer.name)
                self._tell(writer, lambda other, version=version: other.down.append(self.service.remote(version)))
            line.down.append(answer)
        else:
            assert isinstance(command, MoveCursor)
            self._show(writer, command)
        return True

    def receive(self, writer: Writer, *, relayed: bool = False) -> bool:
        """Deliver the next message to a writer; False where there is none."""
        assert writer.line is not None
        queue = writer.relayed if relayed else writer.line.down
        if not queue:
            return False
        event = codec.decode_event(codec.encode(queue.popleft()))
        writer.carry_out(writer.session.received(event, self.now))
        return True

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        for writer in self.writers:
            writer.tick(self.now)

    def settle(self) -> None:
        """Deliver everything, until nothing is said any more."""
        for _ in range(10_000):
            moves = [self.reach(writer) for writer in self.writers]
            moves += [self.receive(writer, relayed=late) for writer in self.writers for late in (False, True)]
            if not any(moves):
                if all(writer.session.deadline(self.now) is None for writer in self.writers):
                    return
                self.wait(0.5)
        raise AssertionError("messages go round without end")

    def shown(self, owner: Writer) -> dict[str, RemoteCursor | None]:
        """Return the cursor of a writer as each other user's tab shows it."""
        others = [writer for writer in self.writers if writer.name != owner.name]
        return {other.cursor_id: other.replica.cursors.get(owner.cursor_id) for other in others}

    def _show(self, writer: Writer, command: MoveCursor) -> None:
        writer.told += 1
        place = CursorPayload(*placed_cursor(self.versioned, command.payload, writer.name), self.versioned.version)
        self.places[writer.cursor_id] = writer.name, place
        payload = CursorPositionPayload(
            user_id=writer.name,
            cursor_id=writer.cursor_id,
            position=place.position,
            selection_length=place.selection_length or 0,
            version=place.version,
        )
        event = CursorPosition(channel=PAPER, payload=payload)
        for other in self.writers:
            if other.name != writer.name and other.line is not None:
                (other.relayed if self.is_apart else other.line.down).append(event)

    def _tell(self, author: Writer, put: Callable[..., None]) -> None:
        for other in self.writers:
            if other is not author:
                put(other.line)
