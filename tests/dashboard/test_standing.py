"""The lists of what stands, in the state: read at the start and after a gap, with what is heard on top."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.service_api import ServiceApi
from dashboard.live.standing_lists import DOUBTED_SECONDS, StandingLists
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import Viewer
from dashboard.state.standing import LISTS, ReadList
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.authorization import Grant, Identity, reader
from dossier_realtime.protocol.classification import Clearance
from tests.dashboard.samples import NOW, alert, health, listed, ops

SECRET = Viewer("en", "operator", reader(Clearance.SECRET))


def commitment(name: str, level: int = 3, state: str = "open", **more: Any) -> dict[str, Any]:
    row = {
        "commitment_id": name,
        "mou_id": "m1",
        "title": {"en": f"Report {name}", "ar": f"تقرير {name}"},
        "due_date": "2023-11-24",
        "responsible_department": "Agreements",
        "escalation": [["ali"], [], []],
        "classification": "internal",
        "state": state,
        "alert_level": level,
        "levels": [{"level": each, "at": NOW - 100 + each, "raised_to": ["ali"]} for each in (1, 2, 3)],
        "delegations": [],
    }
    return row | more


def brief(name: str, state: str = "running", **more: Any) -> dict[str, Any]:
    row = {
        "request_id": name,
        "requested_by": "ali",
        "type": "meeting",
        "entity_type": "country",
        "entity_id": "SA",
        "language": "en",
        "generator": "template",
        "state": state,
        "progress": 40,
        "created_at": NOW - 9,
        "estimated_time": 9000,
        "stage": "generating",
        "classification": "internal",
    }
    return row | more


def relationship(name: str, score: int) -> dict[str, Any]:
    channel = f"relationship:{name}"
    return {"relationship_id": name, "channel": channel, "score": score, "status": "at_risk", "since": NOW - 500}


def task(channel: str, task_id: str, **more: Any) -> dict[str, Any]:
    return {"task_id": task_id, "channel": channel, "changed": NOW - 60, **more}


ROWS: dict[str, list[dict[str, Any]]] = {
    "commitments": [commitment("c1"), commitment("c2", 1), commitment("c0", 0), commitment("c9", state="completed")],
    "briefs": [brief("b1"), brief("b2", "queued"), brief("b3", "complete", progress=100)],
    "relationships": [relationship("SA-FR", 41)],
    "tasks": [task("workspace:w1", "t1", status="in_progress", assigned_to="ali")],
    "limits": [
        {"user_id": "nora", "class": "general", "state": "exceeded", "until": NOW + 9, "rate": 100, "refused": 3},
        {"user_id": "omar", "class": "*", "state": "lifted", "until": NOW + 900},
    ],
    "nodes": [{"node": "n1", "at": NOW, "ready": True, "values": {"ready": 1.0}}],
}


def read(state: DashboardState, at: float = NOW, since: int | None = None, **changed: list[dict[str, Any]]) -> None:
    for name in LISTS:
        rows = changed.get(name, ROWS[name])
        state.stands(ReadList(name, rows, whole=True, since=state.revision if since is None else since), at)


def started() -> DashboardState:
    state = DashboardState()
    state.linked(True, NOW)
    names = ("dossier:mou:m1", "user:ali", "dossier:country:SA", "relationship:SA-FR")
    state.listed([], [listed(name) for name in names], NOW)
    return state


def shown(state: DashboardState, pane: str, viewer: Viewer = SECRET) -> dict[str, Any]:
    return {block["id"]: block for block in PANES[pane](state, viewer, NOW)}


def test_a_dashboard_that_starts_anew_knows_what_stands() -> None:
    state = started()
    read(state)
    assert shown(state, "overview")["banner"]["text"] == "Commitments escalated to level 3: 1"
    assert [row["cells"][0] for row in shown(state, "overview")["nodes"]["rows"]] == ["n1"]
    board = shown(state, "alerts")["board"]["columns"]
    cards = {column["id"]: [card["key"] for card in column["cards"]] for column in board}
    assert cards == {"level-3": ["c1"], "level-2": [], "level-1": ["c2"]}, "no alert: level 0, and what is completed"
    (card,) = board[0]["cards"]
    assert (card["title"], card["at"], card["badge"]) == ("Report c1", NOW - 97, "urgent")
    assert card["lines"][0] == "10 days to the deadline"
    assert shown(state, "alerts", Viewer("ar", "operator", SECRET.identity))["board"]["columns"][0]["cards"][0][
        "title"
    ].startswith("تقرير")
    rows = {row["key"]: row["cells"] for row in shown(state, "briefs")["briefs"]["rows"]}
    assert [rows[key][3]["badge"] for key in ("b1", "b2", "b3")] == ["writing", "started", "complete"]
    (row,) = shown(state, "relationships")["relationships"]["rows"]
    assert (row["cells"][0], row["cells"][2]) == ("SA-FR", 41)
    limits = {row["key"]: row["cells"] for row in shown(state, "limits")["limits"]["rows"]}
    assert limits["omar *"][8] == {"until": NOW + 900}
    assert limits["nora general"][3]["badge"] == "exceeded"


@pytest.mark.parametrize(("pane", "name"), [("alerts", "commitments"), ("briefs", "briefs"), ("limits", "limits")])
def test_a_page_says_as_of_when_it_was_read_and_what_may_be_missing_where_it_was_not(pane: str, name: str) -> None:
    state = started()
    assert "Facts may be missing from before" in shown(state, pane)["heard"]["text"]
    read(state, NOW + 5)
    assert shown(state, pane)["heard"]["at"] == NOW + 5
    assert "last read at" in shown(state, pane)["heard"]["text"]
    state.unread(name)
    assert shown(state, pane)["heard"]["at"] == NOW


def test_what_is_heard_while_a_list_is_read_is_newer_than_its_rows() -> None:
    state = started()
    before = state.revision
    taken = alert("c1", 3) | {"state": "acknowledged", "acknowledged_by": "omar"}
    state.heard("ops:alerts", ops("alerts", {}, taken, alert("c5", 2)), NOW)
    state.heard("ops:briefs", ops("briefs", {}, {"key": "b1", "state": "complete", "progress": 100}), NOW)
    state.heard("relationship:SA-FR", health(64, -20), NOW)
    state.heard("ops:limits", ops("limits", {}, {"key": "omar *", "user_id": "omar", "state": "restored"}), NOW)
    read(state, since=before)
    assert state.alerts.get("c1").acknowledged_by == "omar"  # type: ignore[union-attr]
    assert state.alerts.get("c5") is not None, "raised after the list was made"
    assert state.briefs.get("b1").state == "complete"  # type: ignore[union-attr]
    assert state.relationships.get("SA-FR").score == 64  # type: ignore[union-attr]
    assert state.limits.get("omar *") is None
    read(state)  # the next reading is newer than all of it
    assert state.alerts.get("c1").acknowledged_by is None  # type: ignore[union-attr]
    assert state.alerts.get("c5") is None


def test_what_ended_during_a_gap_is_gone_afterwards() -> None:
    state = started()
    read(state)
    read(state, commitments=[commitment("c2", 1, "acknowledged", by="omar")], limits=[])
    assert [*state.alerts] == ["c2"]
    assert state.alerts.get("c2").acknowledged_by == "omar"  # type: ignore[union-attr]
    assert state.limits.get("omar *") is None
    state.stands(ReadList("commitments", [], whole=False, since=state.revision), NOW)
    assert [*state.alerts] == ["c2"], "a list that is not read to its end says nothing of what is not in it"


def test_a_step_that_no_message_tells_whole_lets_the_lists_be_read_again_soon() -> None:
    state, now = started(), [float(NOW)]
    lists = StandingLists(ServiceApi("http://127.0.0.1:9"), state, lambda: now[0])
    lists._read_at = now[0]
    read(state)
    told = alert("c1", 3) | {"state": "acknowledged", "acknowledged_by": "omar"}
    now[0] += DOUBTED_SECONDS + 1
    assert not lists.is_due()
    state.heard("ops:alerts", ops("alerts", {}, told), now[0])  # completed, or only acknowledged: the list says it
    assert lists.is_due()
    now[0] = NOW + DOUBTED_SECONDS - 1
    assert not lists.is_due(), "however much is done, the service is asked with pauses"


def test_a_card_says_that_it_is_snoozed_while_that_changes_something() -> None:
    state = started()
    later: dict[str, Any] = {"next_level_at": NOW + 900, "snoozed_until": NOW + 900}
    read(state, commitments=[commitment("c1", 2, **later), commitment("c2", 3, snoozed_until=NOW + 900)])
    board = shown(state, "alerts")["board"]["columns"]
    lines = {card["key"]: card["lines"] for column in board for card in column["cards"]}
    assert ("snoozed" in lines["c1"], "snoozed" in lines["c2"]) == (True, False)
    assert "مؤجَّل" in str(shown(state, "alerts", Viewer("ar", "operator", SECRET.identity))["board"]["columns"])


def test_rows_of_another_version_are_left_out() -> None:
    state = started()
    read(state, commitments=[{"commitment_id": 5}, commitment("c1", more="later")], nodes=[{}])
    assert [*state.alerts] == ["c1"]


LEVELS = st.sampled_from(["public", "internal", "confidential", "secret"])


@given(level=LEVELS, clearance=LEVELS, grants=st.sampled_from([[], ["read:dossier:mou:*"], ["admin:*"]]))
def test_a_viewer_sees_of_what_stands_what_the_service_would_show(
    level: str, clearance: str, grants: list[str]
) -> None:
    state = DashboardState()
    state.linked(True, NOW)
    raised = commitment("c2", classification=level, registered=False)
    read(
        state, commitments=[commitment("c1", classification=level), raised], briefs=[brief("b1", classification=level)]
    )
    held = Clearance.strict(clearance)
    identity = Identity("viewer", "V", "operator", None, Grant.parse_all(grants), held, NOW + 9)
    viewer = Viewer("en", "operator", identity)
    cleared = held >= Clearance.strict(level)
    cards = {card["key"] for column in shown(state, "alerts", viewer)["board"]["columns"] for card in column["cards"]}
    assert ("c1" in cards) == (cleared and bool(grants))
    assert ("c2" in cards) == (cleared and grants == ["admin:*"]), "it came on a user's channel"
    assert bool(shown(state, "briefs", viewer)["briefs"]["rows"]) == (cleared and grants == ["admin:*"])
