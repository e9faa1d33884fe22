"""Soft locks: first come, for a lease, tied to a connection; the events tell the same as the list."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.core.field_locks import MAX_LOCKS, FieldLocks, Holder, TooManyLocksError
from dossier_realtime.protocol.documents.field_locks import LockState

DOC = "document:d1"
ALI, ALI_2, BEA = Holder("c1", "ali", "Ali"), Holder("c2", "ali", "Ali"), Holder("c3", "bea", "Bea")
GRACE = 5.0


def _said(states: list[LockState]) -> list[tuple[str, str | None]]:
    return [(state.payload.field, state.payload.user_id) for state in states]


def test_the_first_has_the_field_and_others_are_told_who() -> None:
    locks = FieldLocks(GRACE)
    state, told = locks.take(DOC, "title", ALI, 30, 0)
    assert (state.payload.user_id, state.payload.name, state.payload.expires_in) == ("ali", "Ali", 30)
    assert _said(told) == [("title", "ali")]
    state, told = locks.take(DOC, "title", BEA, 30, 10)
    assert (state.payload.user_id, state.payload.expires_in, told) == ("ali", 20, [])
    assert _said(locks.take(DOC, "body", BEA, 30, 10)[1]) == [("body", "bea")]
    assert [lock.field for lock in locks.on(DOC, 10)] == ["title", "body"]


@pytest.mark.parametrize("by", [ALI, ALI_2])
def test_any_connection_of_the_user_holds_it_longer_in_silence(by: Holder) -> None:
    locks = FieldLocks(GRACE)
    locks.take(DOC, "title", ALI, 30, 0)
    state, told = locks.take(DOC, "title", by, 30, 20)
    assert (state.payload.expires_in, told) == (30, [])
    assert locks.tick(49.9) == []
    assert _said(locks.tick(50)) == [("title", None)]
    assert locks.deadline is None


def test_another_user_can_not_release_it() -> None:
    locks = FieldLocks(GRACE)
    locks.take(DOC, "title", ALI, 30, 0)
    state, told = locks.release(DOC, "title", "bea", 1)
    assert (state.payload.user_id, told) == ("ali", [])
    state, told = locks.release(DOC, "title", "ali", 1)
    assert (state.payload.user_id, _said(told)) == (None, [("title", None)])
    assert locks.release(DOC, "title", "ali", 1)[1] == []


def test_it_ends_with_the_connection_that_took_it_last() -> None:
    locks = FieldLocks(GRACE)
    for field, holder in (("title", ALI), ("body", ALI), ("body", ALI_2)):
        locks.take(DOC, field, holder, 300, 0)
    locks.take("document:other", "title", ALI, 300, 0)
    assert _said(locks.left(DOC, "c1")) == [("title", None)]
    assert _said(locks.left(DOC, "c1")) == []
    locks.lost("c2", 10)
    assert locks.tick(10 + GRACE - 0.1) == []
    assert _said(locks.tick(10 + GRACE)) == [("body", None)]
    assert [lock.field for lock in locks.on("document:other", 20)] == ["title"]


def test_a_return_within_the_grace_keeps_it() -> None:
    locks = FieldLocks(GRACE)
    locks.take(DOC, "title", ALI, 300, 0)
    locks.lost("c1", 10)
    assert locks.take(DOC, "title", ALI_2, 300, 12)[1] == []
    assert locks.tick(10 + GRACE) == []
    assert locks.left(DOC, "c1") == []
    assert [lock.user_id for lock in locks.on(DOC, 20)] == ["ali"]


def test_the_grace_does_not_prolong_a_lease() -> None:
    locks = FieldLocks(GRACE)
    locks.take(DOC, "title", ALI, 5, 0)
    locks.lost("c1", 3)
    assert _said(locks.tick(5)) == [("title", None)]


def test_an_expired_lock_is_told_before_the_next_holder() -> None:
    locks = FieldLocks(GRACE)
    locks.take(DOC, "title", ALI, 5, 0)
    assert locks.on(DOC, 6) == []
    assert _said(locks.take(DOC, "title", BEA, 5, 6)[1]) == [("title", None), ("title", "bea")]


def test_a_user_holds_so_many_fields_of_a_channel() -> None:
    locks = FieldLocks(GRACE)
    for number in range(MAX_LOCKS):
        locks.take(DOC, f"clause.{number}", ALI if number % 2 else ALI_2, 30, 0)
    with pytest.raises(TooManyLocksError):
        locks.take(DOC, "one.more", ALI, 30, 0)
    locks.take(DOC, "clause.0", ALI, 30, 0)
    locks.take(DOC, "one.more", BEA, 30, 0)
    locks.take("document:other", "one.more", ALI, 30, 0)


class Agreement(RuleBasedStateMachine):
    """A client that follows the events knows what the list says, whatever happened."""

    def __init__(self) -> None:
        super().__init__()
        self.locks, self.now = FieldLocks(GRACE), 0.0
        self.known: dict[str, str] = {}

    def _follow(self, told: list[LockState]) -> None:
        for state in told:
            field, user = state.payload.field, state.payload.user_id
            if user is None:
                del self.known[field]
            else:
                assert field not in self.known, "a field that is held becomes free before another has it"
                self.known[field] = user

    @rule(field=st.sampled_from("abc"), holder=st.sampled_from([ALI, ALI_2, BEA]), seconds=st.integers(5, 20))
    def take(self, field: str, holder: Holder, seconds: int) -> None:
        state, told = self.locks.take(DOC, field, holder, seconds, self.now)
        self._follow(told)
        assert self.known[field] == state.payload.user_id

    @rule(field=st.sampled_from("abc"), user=st.sampled_from(["ali", "bea"]))
    def release(self, field: str, user: str) -> None:
        self._follow(self.locks.release(DOC, field, user, self.now)[1])
        assert self.known.get(field) != user

    @rule(connection=st.sampled_from(["c1", "c2", "c3"]))
    def leave(self, connection: str) -> None:
        self._follow(self.locks.left(DOC, connection))

    @rule(connection=st.sampled_from(["c1", "c2", "c3"]))
    def lose(self, connection: str) -> None:
        self.locks.lost(connection, self.now)

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._follow(self.locks.tick(self.now))
        assert self.locks.deadline is None or self.locks.deadline > self.now

    @invariant()
    def the_list_says_the_same(self) -> None:
        listed = {lock.field: lock.user_id for lock in self.locks.on(DOC, self.now)}
        assert listed == self.known
        assert (self.locks.deadline is None) == (not listed)


TestAgreement = Agreement.TestCase
TestAgreement.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
