"""The fold: exact where it counts, bounded wherever it keeps."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dashboard.state.bounded_dict import BoundedDict
from dashboard.state.facts import MAX_SCORES
from dashboard.state.store import MAX_MESSAGE_CHARS, MAX_SECONDS, MAX_TAIL, DashboardState
from dossier_realtime.client.state.presence import PresenceState
from dossier_realtime.protocol.events import AlertState, AlertStatePayload
from tests.dashboard.samples import NOW, alert, edit, health, listed, ops, session, there, update

numbers = st.integers(0, 5)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers()), max_size=40), st.integers(1, 4))
def test_what_is_kept_is_what_was_touched_last(touched: list[tuple[str, int]], cap: int) -> None:
    kept: BoundedDict[int] = BoundedDict(cap)
    for key, value in touched:
        kept.put(key, value)
    last = dict(touched)
    recent = list(dict.fromkeys(key for key, _ in reversed(touched)))[:cap]
    assert dict(kept.items()) == {key: last[key] for key in recent}


@given(st.lists(st.tuples(st.sampled_from(["events", "edits"]), numbers, st.integers(0, 3)), max_size=60))
def test_every_event_is_counted_once_whatever_the_order_of_nodes(told: list[tuple[str, int, int]]) -> None:
    state = DashboardState()
    at, sums = NOW, Counter[str]()
    for name, count, later in told:
        at += later
        state.heard("ops:nodes", ops("nodes", {name: count}, at=at), at)
        sums[name] += count
    counted = sum((second.counts for second in state.seconds), Counter[str]())
    assert +counted == +sums
    assert [second.at for second in state.seconds] == sorted({second.at for second in state.seconds})


def test_totals_of_errors_and_limits_are_exact() -> None:
    state = DashboardState()
    for second in range(10):
        state.heard("ops:errors", ops("errors", {"format": 2, "clearance": 1}, at=NOW + second), NOW)
        state.heard("ops:limits", ops("limits", {"warnings": 1, "refused": 5}, at=NOW + second), NOW)
    assert state.totals["errors"] == {"format": 20, "clearance": 10}
    assert state.totals["limits"] == {"warnings": 10, "refused": 50}
    assert state.rate("errors") == 3
    state.heard("ops:errors", ops("errors", {"PERMISSION_DENIED": 4}, at=NOW + 20), NOW)
    assert (state.totals["codes"], state.totals["errors"].total()) == ({"PERMISSION_DENIED": 4}, 30)


def test_a_second_that_is_past_is_not_opened_again() -> None:
    state = DashboardState()
    state.heard("ops:nodes", ops("nodes", {"events": 1}, at=NOW), NOW)
    state.heard("ops:nodes", ops("nodes", {"events": 9}, at=NOW - 3600), NOW)
    assert [(second.at, second.counts["events"]) for second in state.seconds] == [(NOW, 1)]


def test_a_week_holds_no_more_than_a_day() -> None:
    state = DashboardState()
    for n in range(3_000):
        at = NOW + n
        state.heard("ops:nodes", ops("nodes", {"events": 1}, at=at), at)
        state.heard("ops:alerts", ops("alerts", {}, alert(f"c-{n}", 1), at=at), at)
        state.heard("ops:briefs", ops("briefs", {}, {"key": f"r-{n}", "state": "started"}, at=at), at)
        state.heard("ops:limits", ops("limits", {}, {"key": f"u-{n} general", "state": "warned"}, at=at), at)
        state.heard("ops:errors", ops("errors", {f"rule-{n}": 1}, at=at), at)
        state.heard(f"document:d-{n}", edit(n, document=f"d-{n}"), at)
        state.heard(f"relationship:r-{n}", health(50, 1, f"r-{n}"), at)
        state.present(f"dossier:country:{n}", there("Nora"), at)
        state.listed([session(f"u-{n}")] * 6_000, [listed(f"dossier:country:{n}")])
    assert len(state.seconds) == MAX_SECONDS
    assert len(state.tail) == MAX_TAIL
    assert state.messages == 6_000
    for kept in (state.alerts, state.briefs, state.limits, state.documents, state.relationships, state.presence):
        assert len(kept) == kept.cap
    assert len(state.came) <= state.came.cap
    assert len(state.sessions) == 5_000
    assert len(state.totals["errors"]) == 101
    assert state.totals["errors"].total() == 3_000


def test_a_long_message_is_kept_in_part() -> None:
    state = DashboardState()
    message = edit(1)
    message.payload.content = "x" * 10_000
    state.heard("document:d-1", message, NOW)
    assert len(state.tail[0].text) == MAX_MESSAGE_CHARS + 1


def test_a_relationship_remembers_its_last_scores() -> None:
    state = DashboardState()
    for n in range(100):
        state.heard("relationship:SA-FR", health(n, 1), NOW + n)
    known = state.relationships.get("SA-FR")
    assert known is not None
    assert len(known.scores) == MAX_SCORES
    assert known.scores[-1] == (NOW + 99, 99)


def test_an_alert_tells_since_when_it_stands_at_its_level() -> None:
    state = DashboardState()
    for at, level in ((NOW, 1), (NOW + 5, 1), (NOW + 9, 2), (NOW + 12, 2)):
        state.heard("ops:alerts", ops("alerts", {}, alert("c-1", level), at=at), at)
    known = state.alerts.get("c-1")
    assert known is not None
    assert (known.level, known.since, known.at) == (2, NOW + 9, NOW + 12)
    said = AlertStatePayload(commitment_id="c-1", state="acknowledged", acknowledged_by="omar", alert_level=2)
    state.heard("user:omar", AlertState(channel="user:omar", payload=said), NOW)
    assert known.acknowledged_by == "omar"


def test_progress_of_a_brief_never_falls() -> None:
    state = DashboardState()
    for at, progress in ((NOW, 10), (NOW + 1, 60), (NOW + 2, 40)):
        row = {"key": "r-1", "state": "progress", "stage": "generating", "progress": progress}
        state.heard("ops:briefs", ops("briefs", {}, row, at=at), at)
    brief = state.briefs.get("r-1")
    assert brief is not None
    assert (brief.progress, brief.started) == (60, NOW)


def test_who_came_when_is_kept_until_they_leave() -> None:
    state = DashboardState()
    state.present("dossier:country:SA", there("Nora"), NOW)
    state.present("dossier:country:SA", there("Nora", "Omar"), NOW + 5)
    assert dict(state.came.items()) == {"dossier:country:SA u-Nora": NOW, "dossier:country:SA u-Omar": NOW + 5}
    state.present("dossier:country:SA", there("Omar"), NOW + 6)
    assert list(state.came) == ["dossier:country:SA u-Omar"]
    state.present("dossier:country:SA", PresenceState(), NOW + 7)
    state.forgotten("dossier:country:SA")
    assert list(state.came) == list(state.presence) == []


def test_the_time_of_the_first_silence_is_kept() -> None:
    state = DashboardState()
    state.linked(True, NOW)
    state.linked(False, NOW + 5)
    state.linked(False, NOW + 9)
    assert (state.live, state.link.since) == (False, NOW + 5)


def test_an_unknown_channel_counts_as_secret() -> None:
    state = DashboardState()
    assert state.level("dossier:country:SA") == "secret"
    state.listed([], [listed("dossier:country:SA", "public")])
    assert state.level("dossier:country:SA") == "public"


def test_people_are_counted_once_however_many_sessions_they_have() -> None:
    state = DashboardState()
    state.listed([session("nora", 1), session("nora", 2), session("omar")], [])
    assert state.people == 2


def test_equal_messages_make_equal_states() -> None:
    def fold() -> DashboardState:
        state = DashboardState()
        for n in range(50):
            state.heard("ops:nodes", ops("nodes", {"events": n}, at=NOW + n), NOW + n)
            state.heard("dossier:country:SA", update(user=f"u-{n}"), NOW + n)
        return state

    one, other = fold(), fold()
    assert list(one.tail) == list(other.tail)
    assert list(one.seconds) == list(other.seconds)
    assert one.revision == other.revision
