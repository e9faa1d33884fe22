"""What operators are shown of a second: folded, bounded, in both languages where it was said in both."""

from __future__ import annotations

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.authorization import Fact
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import (
    BriefProgress,
    BriefProgressPayload,
    CommitmentAlert,
    CommitmentAlertPayload,
    OpsStatsPayload,
)
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.protocol.responses import ErrorMessage
from dossier_realtime.recording.ops.ops_aggregator import TOPICS, OpsAggregator
from dossier_realtime.recording.ops.ops_rows import LimitRow

FACT = Fact(("user:ali",), Clearance.INTERNAL)


def told(aggregator: OpsAggregator) -> dict[str, OpsStatsPayload]:
    return {message.channel.partition(":")[2]: message.payload for message in aggregator.messages(1_000)}


def alert(level: int, number: int = 1) -> CommitmentAlert:
    payload = CommitmentAlertPayload(
        commitment_id=f"c{number}",
        mou_id="m1",
        title=Localized("Delivery due", "موعد تسليم يقترب"),
        days_until_deadline=7,
        responsible_department="Protocol",
        alert_level=level,
    )
    return CommitmentAlert(priority="high", payload=payload)


def test_a_second_is_one_message_a_topic_and_the_next_begins_anew() -> None:
    aggregator = OpsAggregator("n1")
    for _ in range(10_000):
        aggregator.count("errors", "format")
    first, second = told(aggregator), told(aggregator)
    assert set(first) == set(TOPICS)
    assert (first["errors"].values, second["errors"].values) == ({"format": 10_000.0}, {})


def test_an_alert_is_one_row_at_its_last_level_in_both_languages() -> None:
    aggregator = OpsAggregator("n1")
    for level in (1, 2, 3):
        aggregator.published(alert(level), FACT)
    payload = told(aggregator)["alerts"]
    (row,) = payload.rows
    assert (row["key"], row["alert_level"], row["title"]) == ("c1", 3, "Delivery due")
    assert row["title_ar"] == "موعد تسليم يقترب"
    assert payload.values == {"level_1": 1, "level_2": 1, "level_3": 1}


def test_a_brief_is_one_row_that_keeps_what_was_said_before() -> None:
    aggregator = OpsAggregator("n1")
    for progress in (10, 45):
        step = BriefProgressPayload("analyzing", progress, "…")
        aggregator.published(BriefProgress(request_id="r1", payload=step), FACT)
    (row,) = told(aggregator)["briefs"].rows
    assert (row["key"], row["progress"], row["stage"]) == ("r1", 45, "analyzing")


def test_rows_are_cut_and_say_so() -> None:
    aggregator = OpsAggregator("n1")
    for number in range(1_000):
        aggregator.published(alert(1, number), FACT)
    payload = told(aggregator)["alerts"]
    assert len(payload.rows) == 200
    assert payload.values["rows_cut"] == 800


def test_numbers_that_always_hold_are_read_each_second() -> None:
    aggregator, open_now = OpsAggregator("n1"), [3.0]
    aggregator.gauge("sessions", lambda: {"open": open_now[0]})
    assert told(aggregator)["sessions"].values == {"open": 3.0}
    open_now[0] = 4.0
    assert told(aggregator)["sessions"].values == {"open": 4.0}


def test_when_an_alert_climbs_is_told_and_forgotten_with_the_level() -> None:
    aggregator = OpsAggregator("n1")
    climbs = alert(1)
    climbs.payload.next_level_at = 2_000
    aggregator.published(climbs, FACT)
    assert told(aggregator)["alerts"].rows[0]["next_level_at"] == 2_000
    aggregator.published(alert(2), FACT)
    assert told(aggregator)["alerts"].rows[0]["next_level_at"] is None


def test_rows_that_always_hold_are_read_each_second_and_cut_with_the_others() -> None:
    aggregator = OpsAggregator("n1")
    aggregator.gauge_rows("limits", lambda: [LimitRow(key=f"u{number} *") for number in range(300)])
    aggregator.row(LimitRow(key="u general", state="warned"))
    for first in ("u general", "u0 *"):
        rows = told(aggregator)["limits"].rows
        assert (len(rows), rows[0]["key"]) == (200, first)


def test_an_error_that_a_client_is_told_counts_by_its_code() -> None:
    aggregator = OpsAggregator("n1")
    error = ErrorMessage(error_code=ErrorCode.PERMISSION_DENIED, message="Insufficient permissions", timestamp=1)
    for frame in (codec.encode(error), codec.encode(error), b'{"type":"pong","timestamp":1}'):
        aggregator.sent(frame)
    assert told(aggregator)["errors"].values == {"PERMISSION_DENIED": 2}
