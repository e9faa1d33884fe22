"""Alerts that stand, folded from events in any order of levels and recipients."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.domain.ownership import OF_THE_SERVICE, Authority, Claim
from app.core.domain.projections.raised_alerts import RaisedAlerts, decode
from dossier_realtime.protocol.events import (
    AlertState,
    AlertStatePayload,
    CommitmentAlert,
    CommitmentAlertPayload,
    Event,
)

ROW = RaisedAlerts()
DAY = 86_400.0
_RAISED = st.tuples(st.just("raise"), st.sampled_from("abc"), st.integers(1, 3))
_TAKEN = st.tuples(st.just("take"), st.sampled_from("abc"), st.just(0))


def raised(level: int, days: int = 30) -> CommitmentAlert:
    payload = CommitmentAlertPayload(
        commitment_id="c1",
        mou_id="m1",
        title="Report",
        days_until_deadline=days,
        responsible_department="Agreements",
        alert_level=level,
    )
    return CommitmentAlert(priority="high", payload=payload)


def taken(by: str, level: int) -> AlertState:
    payload = AlertStatePayload(commitment_id="c1", state="acknowledged", acknowledged_by=by, alert_level=level)
    return AlertState(payload=payload)


@given(st.lists(st.one_of(_RAISED, _TAKEN), max_size=20))
def test_the_highest_level_stands_and_a_higher_one_opens_it_again(steps: list[tuple[str, str, int]]) -> None:
    known: bytes | None = None
    level, by, users = 0, "", set[str]()
    for number, (what, user, said) in enumerate(steps):
        event: Event
        if what == "take":
            if not level:
                continue  # there is no alert to acknowledge
            by = by or user
            event = taken(by, level)
        else:
            by = by if said <= level else ""
            level, event = max(level, said), raised(said)
            users.add(user)
        assert ROW.key(f"user:{user}", event) == "c1"
        folded = ROW.fold(known, f"user:{user}", event, number * DAY)
        if folded is not None:
            known = folded.body
            assert folded.order.startswith("1" if by else "0"), "open ones come first"
        assert known is not None
        alert = decode(known)
        assert (alert.alert_level, alert.by, set(alert.raised_to)) == (level, by, users)


def test_the_deadline_follows_from_the_days_that_were_named() -> None:
    folded = ROW.fold(None, "user:a", raised(1, days=-3), 1_700_000_000.0)
    assert folded is not None
    assert decode(folded.body).due_date == "2023-11-11"
    assert ROW.fold(folded.body, "user:a", raised(1, days=-3), 1_700_000_001.0) is None, "nothing is new"


def test_of_what_a_sender_without_authority_said_nothing_is_kept_once_another_takes_over() -> None:
    weak, service = Claim(Authority.CHANNEL, "mallory"), Claim(Authority.SERVICE, "office")
    first = ROW.fold(None, "user:mallory", raised(3, days=900), DAY, weak)
    assert first is not None
    own = ROW.fold(first.body, "user:mallory", taken("mallory", 3), DAY, OF_THE_SERVICE)
    assert own is not None
    folded = ROW.fold(own.body, "user:ali", raised(1), 2 * DAY, service)
    assert folded is not None
    alert = decode(folded.body)
    assert (alert.alert_level, alert.by, alert.raised_to, alert.due_date) == (1, "", ("ali",), "1970-02-02")
    again = ROW.fold(folded.body, "user:bea", raised(2), 3 * DAY, service)
    assert again is not None
    assert decode(again.body).raised_to == ("ali", "bea"), "the same sender adds to it"


def test_the_alert_of_another_clock_begins_anew() -> None:
    first = ROW.fold(None, "user:ali", raised(3, days=1), DAY)
    assert first is not None
    event = raised(1, days=90)
    event.payload.restarts = 1
    folded = ROW.fold(first.body, "user:bea", event, 2 * DAY)
    assert folded is not None
    assert (decode(folded.body).alert_level, decode(folded.body).raised_to) == (1, ("bea",))
