"""People with the SDK who type at one place at once, in simulated time, and how many of their words are torn.

    python -m tests.sdk.typing_together

prints a table of 2 to 5 people, 20 to 300 ms on the way to the service, 4 to 15 letters a second. Everything is
decided by a seed: who begins when, how evenly each types, which line is slower, what is taken back and typed again.
(The first letter is not taken back: with it a word gives up its place, and the caret stands where others write.)
"""

from __future__ import annotations

import heapq
import random
import sys
import time
from collections.abc import Callable
from itertools import count

from dossier_realtime.client.state.changes import Cursor
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import EditOperation, Subscribe
from dossier_realtime.protocol.events import Event
from tests.sdk.document_service import DocumentService, Editor, delete, insert

PEOPLE = (2, 3, 4, 5)
LATENCIES_MS = (20, 50, 100, 200, 300)
LETTERS_A_SECOND = (4, 8, 15)
SEEDS = 3
WORDS = ("abcdefghijklmn", "ابتثجحخدذرزسشص", "😀😁😂😃😄😅😆😇😈😉😊😋😌😍", "ABCDEFGHIJKLMN", "0123456789αβγδ")
"""Of each person, of letters that nobody else types."""

_PLACE = 1  # in the text `[]`


class Typist:
    """One person: the SDK's state, a word to type, a line with its own delay."""

    def __init__(self, word: str, latency: float, pace: float, dice: random.Random) -> None:
        self.word, self.pace, self.dice = word, pace, dice
        self.latency = latency * dice.uniform(0.8, 1.25)
        self.editor = Editor(f"typist{WORDS.index(word)}")
        self.heard_at = 0.0  # nothing overtakes on a line
        self.typed = 0

    @property
    def is_done(self) -> bool:
        return self.typed == len(self.word) and self.editor.replica.synced

    def type(self, now: float) -> None:
        """Type the next letter at the caret; now and then take the last one back first."""
        replica = self.editor.replica
        if replica.cursor is None:
            self.editor.carry_out(replica.move_cursor(Cursor(_PLACE, 0), now))
        if self.typed > 1 and self.dice.random() < 0.1:
            self.typed -= 1
            size = len(self.word[self.typed].encode("utf-16-le")) // 2
            operation = delete(self._caret - size, size, replica.document.length)
            self.editor.carry_out(replica.edit(operation, now, join=True))
        operation = insert(self._caret, self.word[self.typed], replica.document.length)
        self.editor.carry_out(replica.edit(operation, now, join=True))
        self.typed += 1

    @property
    def _caret(self) -> int:
        cursor = self.editor.replica.cursor
        assert cursor is not None
        return cursor.position


class Session:
    """One schedule: what happens next, in simulated seconds."""

    def __init__(self, people: int, latency_ms: float, letters_a_second: float, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311  repeatable, no secret
        self._service = DocumentService("[]")
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = count()
        self._typists = [Typist(word, latency_ms / 1_000, 1 / letters_a_second, dice) for word in WORDS[:people]]
        for typist in self._typists:
            line = typist.editor.connect(0.0)
            asked = codec.decode_command(line.up.popleft())
            assert isinstance(asked, Subscribe)
            for answer in self._service.subscribed(asked):
                self._hear(typist, answer, 0.0)
            self._at(dice.uniform(0, 0.5), lambda now, typist=typist: self._type(typist, now))  # type: ignore[misc]

    def text(self) -> str:
        """Play to the end and return the text, the same for all."""
        while self._due:
            now, _, happen = heapq.heappop(self._due)
            happen(now)
        assert all(typist.is_done for typist in self._typists)
        assert {typist.editor.replica.document.content for typist in self._typists} == {self._service.content}
        assert not any(typist.editor.faults for typist in self._typists)
        return self._service.content

    def _at(self, when: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._due, (when, next(self._numbers), happen))

    def _type(self, typist: Typist, now: float) -> None:
        typist.type(now)
        if typist.typed < len(typist.word):
            self._at(now + typist.pace * typist.dice.uniform(0.4, 1.6), lambda then: self._type(typist, then))
        self._after(typist, now)

    def _after(self, typist: Typist, now: float) -> None:
        """Put what the SDK said on its way, and let it have its time."""
        line = typist.editor.line
        assert line is not None
        while line.up:
            command = codec.decode_command(line.up.popleft())
            if isinstance(command, EditOperation):
                self._at(now + typist.latency, lambda then, command=command: self._edit(typist, command, then))  # type: ignore[misc]
        due = typist.editor.replica.deadline()
        if due is not None:
            self._at(max(now, due), lambda then: self._tick(typist, then))

    def _tick(self, typist: Typist, now: float) -> None:
        due = typist.editor.replica.deadline()
        if due is not None and due <= now:
            typist.editor.carry_out(typist.editor.replica.tick(now))
            self._after(typist, now)

    def _edit(self, author: Typist, command: EditOperation, now: float) -> None:
        before = self._service.log.tip
        answer = self._service.edited(command, author.editor.name)
        assert isinstance(answer, responses.OperationAck), answer
        for version in range(before + 1, self._service.log.tip + 1):
            for other in self._typists:
                if other is not author:
                    self._tell(other, self._service.remote(version), now)
        self._tell(author, answer, now)

    def _tell(self, typist: Typist, event: Event, now: float) -> None:
        typist.heard_at = max(typist.heard_at, now + typist.latency)
        self._at(typist.heard_at, lambda then: self._hear(typist, event, then))

    def _hear(self, typist: Typist, event: Event, now: float) -> None:
        editor = typist.editor
        editor.carry_out(editor.session.received(codec.decode_event(codec.encode(event)), now))
        self._after(typist, now)


def torn_runs(people: int, latency_ms: float, letters_a_second: float, seed: int) -> int:
    """Return how many cuts others' letters make in the words of these people."""
    text = Session(people, latency_ms, letters_a_second, seed).text()
    torn = 0
    for word in WORDS[:people]:
        owned = [letter in word for letter in text]
        assert "".join(letter for letter in text if letter in word) == word, f"{word} is not there in its order: {text}"
        torn += sum(mine and not before for mine, before in zip(owned, [False, *owned], strict=False)) - 1
    return torn


def main() -> None:
    """Print torn runs by people, latency and pace."""
    began = time.perf_counter()
    head = "".join(f"{f'{pace} letters/s':>14}" for pace in LETTERS_A_SECOND)
    sys.stdout.write(f"torn runs, {SEEDS} schedules each\npeople  latency, ms{head}\n")
    for people in PEOPLE:
        for latency in LATENCIES_MS:
            row = (sum(torn_runs(people, latency, pace, seed) for seed in range(SEEDS)) for pace in LETTERS_A_SECOND)
            sys.stdout.write(f"{people:>6}  {latency:>11}{''.join(f'{torn:>14}' for torn in row)}\n")
    sys.stdout.write(f"{time.perf_counter() - began:.1f} s\n")


if __name__ == "__main__":
    main()
