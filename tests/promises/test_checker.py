"""The checker finds every kind of breach, and finds none where there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.promises.checker import BreachKind, Ledger, Place, Reader

CHANNEL = "dossier:country:SA"
EPOCH = "e1"


def _run(events: int = 4, readers: int = 2) -> Ledger:
    """A run in which all is well: events a1, a2 … at offsets 1, 2 …, each sent and acked at its own second."""
    ledger = Ledger()
    for number in range(readers):
        ledger.reader(f"r{number}", CHANNEL).subscribed(Place(EPOCH, 0))
    for offset in range(1, events + 1):
        event = f"a{offset}"
        ledger.sent(event, CHANNEL, offset)
        ledger.acked(event, Place(EPOCH, offset), offset + 0.1)
        for reader in ledger.readers:
            reader.received(event, offset, offset + 0.2)
    return ledger


def _faults(ledger: Ledger) -> set[BreachKind]:
    return {breach.fault for breach in ledger.breaches()}


def _drop_the_last(ledger: Ledger) -> None:
    ledger.readers[0].spans[-1].deliveries.pop()


def _drop_one_between(ledger: Ledger) -> None:
    del ledger.readers[0].spans[-1].deliveries[1]


def _repeat_one(ledger: Ledger) -> None:
    ledger.readers[0].received("a4", 4, 9)


def _apply_one_twice(ledger: Ledger) -> None:
    for reader in ledger.readers:
        reader.received("a4", 5, 9)


def _ack_one_again_elsewhere(ledger: Ledger) -> None:
    ledger.acked("a4", Place(EPOCH, 5), 9)


def _swap_two(ledger: Ledger) -> None:
    deliveries = ledger.readers[0].spans[-1].deliveries
    first, second = deliveries[1], deliveries[2]
    deliveries[1], deliveries[2] = first._replace(event=second.event), second._replace(event=first.event)


def _arrive_out_of_order(ledger: Ledger) -> None:
    deliveries = ledger.readers[0].spans[-1].deliveries
    deliveries[1], deliveries[2] = deliveries[2], deliveries[1]


def _refuse_one(ledger: Ledger) -> None:
    ledger.refused("a3")


def _forbid_before_the_last(ledger: Ledger) -> None:
    ledger.readers[0].forbid(3.5)


def _deliver_what_nobody_sent(ledger: Ledger) -> None:
    for reader in ledger.readers:
        reader.received("ghost", 5, 9)


def _deliver_another_channels(ledger: Ledger) -> None:
    ledger.sent("b1", "dossier:country:EG", 5)
    for reader in ledger.readers:
        reader.received("b1", 5, 9)


@pytest.mark.parametrize(
    ("wrong", "faults"),
    [
        (_drop_the_last, {BreachKind.LOST}),
        (_drop_one_between, {BreachKind.GAP, BreachKind.LOST}),
        (_repeat_one, {BreachKind.TWICE}),
        (_apply_one_twice, {BreachKind.TWICE}),
        (_ack_one_again_elsewhere, {BreachKind.TWICE}),
        (_swap_two, {BreachKind.ORDER, BreachKind.TWICE}),
        (_arrive_out_of_order, {BreachKind.GAP, BreachKind.TWICE}),
        (_refuse_one, {BreachKind.REFUSED}),
        (_forbid_before_the_last, {BreachKind.FORBIDDEN}),
        (_deliver_what_nobody_sent, {BreachKind.UNKNOWN}),
        (_deliver_another_channels, {BreachKind.UNKNOWN}),
    ],
)
def test_each_kind_of_breach_is_found_and_named(wrong: Callable[[Ledger], None], faults: set[BreachKind]) -> None:
    ledger = _run()
    wrong(ledger)
    assert _faults(ledger) == faults
    with pytest.raises(AssertionError, match="breaches of what is promised"):
        ledger.check()


def test_every_fault_is_shown_by_some_test() -> None:
    cases = test_each_kind_of_breach_is_found_and_named.pytestmark[0].args[1]  # type: ignore[attr-defined]  # pytest's
    assert set().union(*(faults for _, faults in cases)) == set(BreachKind)


def test_a_run_in_which_all_is_well_has_no_breach() -> None:
    ledger = _run()
    ledger.check()
    assert (ledger.acks, ledger.deliveries) == (4, 8)


def _back(ledger: Ledger, *, recovered: bool, position: int) -> Reader:
    reader = ledger.readers[0]
    del reader.spans[-1].deliveries[2:]
    reader.left()
    reader.subscribed(Place(EPOCH, position), recovered=recovered)
    return reader


def test_a_return_that_recovered_owes_what_was_missed() -> None:
    ledger = _run()
    reader = _back(ledger, recovered=True, position=4)
    assert reader.since == Place(EPOCH, 2)
    assert _faults(ledger) == {BreachKind.LOST}
    reader.received("a3", 3, 9)
    reader.received("a4", 4, 9)
    ledger.check()


def test_a_return_that_could_not_recover_owes_only_what_comes_after() -> None:
    ledger = _run()
    reader = _back(ledger, recovered=False, position=4)
    ledger.check()
    ledger.sent("a5", CHANNEL, 10)
    ledger.acked("a5", Place(EPOCH, 5), 10)
    for one in ledger.readers:
        one.received("a5", 5, 10)
    ledger.check()
    reader.spans[-1].deliveries.clear()
    assert _faults(ledger) == {BreachKind.LOST}


def test_a_return_to_another_epoch_is_a_new_span() -> None:
    ledger = _run()
    reader = ledger.readers[0]
    reader.subscribed(Place("e2", 0), recovered=False)
    ledger.sent("c1", CHANNEL, 10)
    ledger.acked("c1", Place("e2", 1), 10)
    assert _faults(ledger) == {BreachKind.LOST}
    reader.received("c1", 1, 10)
    ledger.check()


def test_nothing_is_owed_to_who_left_and_nothing_that_was_not_acked() -> None:
    ledger = _run()
    ledger.readers[0].left()
    ledger.sent("a5", CHANNEL, 10)
    ledger.check()
    ledger.acked("a5", Place(EPOCH, 5), 10)
    assert [breach.text.split()[0] for breach in ledger.breaches()] == ["r1"]


def test_an_event_that_was_not_acked_may_have_been_delivered_or_not() -> None:
    ledger = _run()
    ledger.sent("a5", CHANNEL, 10)
    for reader in ledger.readers:
        reader.received("a5", 5, 10)
    ledger.check()


@given(st.integers(1, 30), st.data())
def test_any_single_loss_or_repetition_anywhere_is_found(events: int, data: st.DataObject) -> None:
    ledger = _run(events)
    deliveries = ledger.readers[0].spans[-1].deliveries
    index = data.draw(st.integers(0, events - 1))
    if data.draw(st.booleans()):
        del deliveries[index]
        assert BreachKind.LOST in _faults(ledger)
    else:
        deliveries.insert(data.draw(st.integers(index, events)), deliveries[index])
        assert BreachKind.TWICE in _faults(ledger)
