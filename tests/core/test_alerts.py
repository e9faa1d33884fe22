"""Alerts climb, are taken in hand once, and are open again when they climb on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.domain.alerts import Alert, AlertRecipient, AlertStatus, acknowledged, alert_recipient, raise_level
from dossier_realtime.protocol.events import (
    CommitmentAlert,
    CommitmentAlertPayload,
    Notification,
    NotificationPayload,
)
from dossier_realtime.protocol.fields import Localized

levels = st.integers(1, 3)
steps = st.lists(levels | st.sampled_from(["ali", "sara"]), max_size=20)


@given(steps)
def test_the_level_never_falls_and_an_acknowledgement_holds_until_it_rises(taken: list[int | str]) -> None:
    alert = Alert("c1", AlertStatus(1), ("ali",))
    for step in taken:
        before = alert.status
        if isinstance(step, int):
            alert = Alert("c1", raise_level(before, step), alert.recipients)
            assert alert.status.level == max(before.level, step)
            assert alert.status.acknowledged_by == (None if step > before.level else before.acknowledged_by)
        else:
            alert = acknowledged(alert, step)
            assert alert.status == AlertStatus(before.level, before.acknowledged_by or step)


@given(levels)
def test_what_nobody_knew_is_open_at_the_level_that_was_told(level: int) -> None:
    assert raise_level(None, level) == AlertStatus(level)


def test_everybody_who_was_alerted_is_told_the_same_on_a_channel_of_their_own() -> None:
    alert = acknowledged(Alert("c1", AlertStatus(2), ("ali", "sara")), "sara")
    told = [(channel, event.channel, event.payload) for channel, event in alert.events()]  # type: ignore[union-attr]  # all are AlertState
    assert told == [(channel, channel, alert.state) for channel in ("user:ali", "user:sara")]
    assert (alert.state.state, alert.state.acknowledged_by, alert.state.alert_level) == ("acknowledged", "sara", 2)


def test_only_a_commitments_alert_alerts() -> None:
    payload = CommitmentAlertPayload(
        commitment_id="c1",
        mou_id="m1",
        title="Due",
        days_until_deadline=7,
        responsible_department="Protocol",
        alert_level=3,
    )
    assert alert_recipient("user:ali", CommitmentAlert(priority="high", payload=payload)) == AlertRecipient(
        "c1", "ali", 3
    )
    text = Localized("a", "b")
    assert (
        alert_recipient(
            "user:ali", Notification(priority="low", payload=NotificationPayload(id="n", title=text, message=text))
        )
        is None
    )
