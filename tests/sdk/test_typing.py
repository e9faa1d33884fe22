"""Fast typing goes out in few operations and soon, in simulated time, against a window as the service counts it."""

from __future__ import annotations

import random
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.client.state.document_replica import DocumentReplica
from dossier_realtime.client.state.editing.document_status import DocumentStatus
from dossier_realtime.client.state.editing.edit_pace import EDIT_INTERVAL_SECONDS, EditPace
from dossier_realtime.client.state.effects import StatusChanged
from dossier_realtime.ot.operations import Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes, EditOperation
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.responses import RateLimits, RateLimitWarning, RateLimitWarningPayload
from tests.sdk.document_service import PAPER, DocumentService, EditorDriver, refusal

LIMIT, WINDOW = 600, 60


class Typist(EditorDriver):
    """A person with the client's pace, on a line whose answers take `latency` seconds."""

    def __init__(self, limit: int = LIMIT, latency: float = 0.05) -> None:
        super().__init__(DocumentService())
        pace = self.session.pace
        pace.limited(RateLimits(100, limit, 1_200, 60, WINDOW))
        ids = count()
        self.replica = DocumentReplica(PAPER, lambda: f"typist.{next(ids)}", self.session.next_ref, pace)
        self.session.channel_states[PAPER].document = self.replica
        self.join()
        self.latency, self.limit = latency, limit
        self.under_way: list[tuple[float, EditOperation]] = []
        self.edited_at: list[tuple[int, float]] = []  # (the length of the text after an edit, its time)
        self.waits: list[float] = []
        self.sent_at: list[float] = []
        self.refused = 0
        self.window_ends, self.used = 0.0, 0
        self.statuses: list[DocumentStatus] = []

    def step(self, now: float) -> None:
        """Let everything happen that is due."""
        self.tick(now)
        for command in self.said:
            assert isinstance(command, EditOperation)
            self.under_way.append((now + self.latency, command))
            self.sent_at.append(now)
        self.said.clear()
        while self.under_way and self.under_way[0][0] <= now:
            self._answer(self.under_way.pop(0)[1], now)
        self.statuses += [effect.status for effect in self.heard if isinstance(effect, StatusChanged)]
        self.heard.clear()
        while self.edited_at and self.edited_at[0][0] <= self.service.document.length:
            self.waits.append(now - self.edited_at.pop(0)[1])

    def _answer(self, command: EditOperation, now: float) -> None:
        if now >= self.window_ends:
            self.window_ends, self.used = now + WINDOW, 0
        self.used += 1
        if self.used == int(self.limit * 0.95):
            said = RateLimitWarningPayload(
                current_rate=self.used, limit=self.limit, reset_in=int(self.window_ends - now) + 1, rate_class="edit"
            )
            self.receive(RateLimitWarning(payload=said), now=now)
        if self.used > self.limit:
            self.refused += 1
            wait = int(self.window_ends - now) + 1
            self.receive(refusal(ErrorCode.RATE_LIMIT_EXCEEDED, command.ref, retry_after=wait), now=now)
        else:
            self.receive(self.service.edited(command, "typist"), now=now)

    def make(self, operation: Operation, now: float) -> None:
        self.carry_out(self.replica.edit(operation, now, join=True))
        self.carry_out(self.replica.status_changed(now))
        self.edited_at.append((self.replica.document.length, now))


def _type(typist: Typist, per_second: float, seconds: float, *, bold: bool = False) -> None:
    now, due = 0.0, 0.0
    while now < seconds or not typist.is_synced():
        if now < seconds and now >= due:
            length = typist.replica.document.length
            typist.make(Operation.of(Retain(length), Insert(to_units("x"))), now)
            if bold:
                typist.make(Operation.of(Retain(length), Format(1, Attributes(bold=True))), now)
            due += 1 / per_second
        typist.step(now)
        now += 0.01
        assert now < seconds + 120, "what was typed never arrived"


@pytest.mark.parametrize(
    ("per_second", "bold"), [(12, False), (6, True), (30, False)], ids=["12 a second", "6 a second, bold", "a held key"]
)
def test_minutes_of_fast_typing_stay_within_the_limit_and_are_saved_at_once(per_second: int, *, bold: bool) -> None:
    typist = Typist()
    _type(typist, per_second, 150, bold=bold)
    assert typist.refused == 0
    assert len(typist.sent_at) <= LIMIT * 2.5
    assert set(typist.statuses) == {DocumentStatus.LIVE, DocumentStatus.SAVING}
    assert typist.service.content == typist.text == "x" * (150 * per_second)
    assert typist.service.document == typist.replica.document
    assert max(typist.waits) <= 3 * EDIT_INTERVAL_SECONDS + typist.latency


def test_a_small_limit_is_spread_over_its_window_and_the_status_says_so() -> None:
    typist = Typist(limit=30)
    _type(typist, 12, 100)
    assert typist.refused == 0
    assert DocumentStatus.THROTTLED in typist.statuses
    assert typist.statuses[-1] is DocumentStatus.LIVE
    gaps = [later - sooner for sooner, later in zip(typist.sent_at, typist.sent_at[1:], strict=False)]
    assert max(gaps) < WINDOW / 6, "the limit was used up at the beginning of a window"


def test_after_a_warning_what_another_connection_uses_is_left_to_it() -> None:
    pace = EditPace()
    for number in range(285):
        pace.sent(number * 0.12)
    assert pace.interval(34) == EDIT_INTERVAL_SECONDS
    pace.warned(RateLimitWarningPayload(current_rate=570, limit=600, reset_in=26, rate_class="edit"), 34)
    assert pace.interval(34) > EDIT_INTERVAL_SECONDS
    assert pace.interval(61) == pytest.approx(60 / (0.9 * 300))
    assert pace.interval(122) == EDIT_INTERVAL_SECONDS
    pace.warned(RateLimitWarningPayload(current_rate=95, limit=100, reset_in=9, rate_class="general"), 122)
    assert pace.interval(122) == EDIT_INTERVAL_SECONDS


def test_a_larger_limit_shortens_the_interval() -> None:
    pace = EditPace()
    pace.limited(RateLimits(100, 60_000, 1_200, 60, 60))
    assert pace.interval(0) == pytest.approx(0.0012)
    pace.limited(None)
    assert pace.interval(0) == pytest.approx(0.0012)


@given(st.integers(0, 2**32), st.floats(0, 0.5))
def test_any_edits_are_joined_into_the_same_text_and_undone_to_the_text_before(seed: int, latency: float) -> None:
    chance = random.Random(seed)  # noqa: S311  a seeded schedule, no secret
    typist = Typist(latency=latency)
    now = 0.0
    for _ in range(chance.randrange(1, 25)):
        now += chance.choice((0.001, 0.01, 0.2))
        typist.step(now)
        typist.make(_any_edit(chance, typist.replica.document.length), now)
    while not typist.is_synced():
        now += 0.05
        typist.step(now)
    assert typist.service.document == typist.replica.document
    typist.carry_out(typist.replica.undo(now))
    while not typist.is_synced():
        now += 0.05
        typist.step(now)
    assert typist.service.content == typist.text == ""
    assert typist.mirror.document == typist.service.document


def _any_edit(chance: random.Random, length: int) -> Operation:
    at = chance.randint(0, length)
    reach = chance.randint(0, length - at)
    kind = chance.randrange(4) if reach else 2
    if kind == 0:
        return Operation.of(Retain(at), Delete(reach), Retain(length - at - reach))
    if kind == 1:
        change = Attributes(bold=chance.choice((True, None)))
        return Operation.of(Retain(at), Format(reach, change), Retain(length - at - reach))
    return Operation.of(Retain(at), Insert(to_units(chance.choice(("a", "bc", "م")))), Retain(length - at))
