"""What two people type at one place, letter by letter and at once, stays whole words: nothing is woven.

Each person types a word of letters that only they use, from the same caret, over a line with its own latency. A word is
torn where another's letter stands inside it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.ot import collab
from dossier_realtime.ot.cursor import transform_position
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.flat import write_remote
from dossier_realtime.ot.operations import Insert, Operation, Retain
from dossier_realtime.ot.transform import transform
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.events import RemoteOperationPayload
from dossier_realtime.protocol.responses import OperationAckPayload

WORDS = ("aAbBcCdDeE", "0123456789", "ابتثجحخدذر", "😀😁😂😃😄😅😆😇😈😉")
PLACE = 1
"""In the text `[]`."""


@dataclass
class Typist:
    """One person: a letter each `pace` ticks, every message `latency` ticks under way."""

    word: str
    pace: int
    latency: int
    pending: collab.Pending = field(default_factory=lambda: collab.Pending(Document.of("[]"), 0))
    caret: int = PLACE
    typed: int = 0
    up: deque[tuple[int, EditPayload]] = field(default_factory=deque)
    down: deque[tuple[int, RemoteOperationPayload | OperationAckPayload]] = field(default_factory=deque)

    @property
    def is_done(self) -> bool:
        return self.typed == len(self.word) and self.pending.synced and not self.down

    def step(self, tick: int) -> None:
        while self.down and self.down[0][0] <= tick:
            self._take(self.down.popleft()[1])
        if self.typed < len(self.word) and tick % self.pace == 0:
            letter = to_units(self.word[self.typed])
            rest = self.pending.local.length - self.caret
            self.pending.edit(Operation.of(Retain(self.caret), Insert(letter), Retain(rest)))
            self.caret += len(letter)
            self.typed += 1
        payload = self.pending.send(f"{self.word}-{tick}")
        if payload is not None:
            self.up.append((tick + self.latency, payload))

    def _take(self, message: RemoteOperationPayload | OperationAckPayload) -> None:
        if isinstance(message, OperationAckPayload):
            self.pending.acknowledged(message.op_id, message.version)
        else:
            self.caret = transform_position(self.caret, self.pending.remote(message))


def typed_at_once(people: list[Typist]) -> str:
    """Return the text in the end, the same for all."""
    document, log = Document.of("[]"), collab.Log()
    tick = 0
    while not all(one.is_done for one in people):
        tick += 1
        for one in people:
            one.step(tick)
        for author in people:
            while author.up and author.up[0][0] <= tick:
                payload = author.up.popleft()[1]
                made, document = collab.receive(payload, document, log)
                for part in made:
                    log.append(part)
                    for other in people:
                        if other is not author:
                            remote = write_remote(part, log.tip, "u", "U", payload.op_id)
                            other.down.append((tick + other.latency, remote))
                author.down.append((tick + author.latency, OperationAckPayload(version=log.tip, op_id=payload.op_id)))
    texts = {one.pending.local.content for one in people} | {document.content}
    assert len(texts) == 1
    return texts.pop()


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 40)), min_size=2, max_size=len(WORDS)))
def test_what_people_type_at_one_place_at_once_stays_whole(manners: list[tuple[int, int]]) -> None:
    people = [Typist(word, pace, latency) for word, (pace, latency) in zip(WORDS, manners, strict=False)]
    text = typed_at_once(people)
    assert len(text) == 2 + sum(len(one.word) for one in people)
    torn = [one.word for one in people if one.word not in text]
    assert not torn, text


def test_the_other_rule_would_weave_the_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_keeps_left(first: Operation, second: Operation) -> tuple[Operation, Operation]:
        after_second, after_first = transform(second, first)
        return after_first, after_second

    monkeypatch.setattr(collab, "transform", first_keeps_left)
    text = typed_at_once([Typist(WORDS[0], 1, 5), Typist(WORDS[1], 1, 5)])
    assert not any(word in text for word in WORDS[:2]), "the check finds nothing"
