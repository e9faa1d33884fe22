"""Alerts as a recording tells them at a time."""

from __future__ import annotations

from typing import Any

import msgspec

from dossier_realtime.recording.entry import Entry, Header
from dossier_realtime.recording.replay.timeline import RecordedState


def take(fold: RecordedState, kind: str, **payload: Any) -> tuple[int, str, str | None]:
    """One more event of commitment c1; how its alert stands then."""
    event = {"type": kind, "payload": {"commitment_id": "c1", **payload}}
    header = Header(seq=1, kind="fanout", at=1.0, channel="user:ali", commit=1, offset=1)
    fold.take(Entry(header, msgspec.json.encode(event), redacted=False))
    alert = fold.alerts["c1"]
    return alert.level, alert.state, alert.acknowledged_by


def test_an_acknowledged_alert_is_open_again_once_it_climbs() -> None:
    state, raised, told = RecordedState(), {"title": "Ports"}, {"state": "acknowledged", "acknowledged_by": "ali"}
    assert take(state, "commitment_alert", alert_level=1, **raised) == (1, "open", None)
    assert take(state, "alert_state", alert_level=1, **told) == (1, "acknowledged", "ali")
    assert take(state, "commitment_alert", alert_level=1, **raised) == (1, "acknowledged", "ali")
    assert take(state, "commitment_alert", alert_level=2, **raised) == (2, "open", None)
    assert take(state, "commitment_alert", alert_level=1, **raised) == (2, "open", None)
    assert take(state, "alert_state", alert_level=2, **told) == (2, "acknowledged", "ali")
    assert state.alerts["c1"].title == "Ports"
