"""The pages of tasks and of the viewer's inbox, from the state: joined and shown by the rights of the viewer."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.actions import ActionRequest, Actions
from dashboard.live.inbox_reader import InboxReader
from dashboard.live.service_api import ServiceApi
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import OWN_ACTIONS, Viewer
from dashboard.state.inboxes import InboxView
from dashboard.state.standing import ReadList
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.http.inbox_forms import InboxRow
from tests.dashboard.answering import answering
from tests.dashboard.samples import NOW, listed, task_assigned, task_update, viewer
from tests.dashboard.test_standing import task
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async

TODAY = "2023-11-14"  # of NOW, in UTC
OWN, WORKSPACE = "user:ali", "workspace:w1"


def assigned(task_id: str = "t1", due: str | None = TODAY, **more: Any) -> dict[str, Any]:
    title, by = {"en": "Report", "ar": "تقرير"}, {"user_id": "bea", "name": "Bea"}
    row = task(OWN, task_id, assigned_to="ali", title=title, due_date=due, priority="high", assigned_by=by)
    return row | more


def state_of(*rows: dict[str, Any], levels: dict[str, str] | None = None) -> DashboardState:
    state = DashboardState()
    state.linked(True, NOW)
    names = {str(row["channel"]) for row in rows} | {WORKSPACE, OWN}
    state.listed([], [listed(name, (levels or {}).get(name, "internal")) for name in sorted(names)], NOW)
    state.stands(ReadList("tasks", rows, whole=True, since=state.revision), NOW)
    return state


def shown(state: DashboardState, eyes: Viewer, page: str = "tasks") -> dict[str, Any]:
    return {block["id"]: block for block in PANES[page](state, eyes, NOW)}


def rows_of(state: DashboardState, eyes: Viewer) -> list[dict[str, Any]]:
    """The rows of the page, each by the keys of its columns, texts as filters read them."""
    block = shown(state, eyes)["tasks"]
    keys = [key for key, _ in block["columns"]]
    plain = [
        [cell.get("badge", cell) if isinstance(cell, dict) else cell for cell in row["cells"]] for row in block["rows"]
    ]
    return [dict(zip(keys, cells, strict=True)) for cells in plain]


def eyes_of(clearance: str, *grants: str, user: str = "ali", language: Any = "en") -> Viewer:
    held = Clearance.strict(clearance)
    return Viewer(language, "observer", Identity(user, "N", "observer", None, Grant.parse_all(grants), held, NOW + 9))


def test_an_assignment_and_its_workspace_are_one_task_for_who_may_read_both() -> None:
    told = task(WORKSPACE, "t1", status="in_progress", assigned_to="ali", updated_by="omar")
    state = state_of(assigned(status="in_progress", workspace=WORKSPACE, updated_by="omar"), told)
    (row,) = rows_of(state, viewer(clearance="secret"))
    assert (row["task"], row["title"], row["status"], row["user"]) == ("t1", "Report", "in progress", "ali")
    assert (row["due"], row["days"], row["channel"]) == (TODAY, "0 days left", WORKSPACE)
    assert (row["assigned_by"], row["person"]) == ("Bea", "omar")
    (mine,) = rows_of(state, eyes_of("internal"))
    assert (mine["status"], mine["person"], mine["channel"]) == ("not told", None, OWN)
    assert WORKSPACE not in str(shown(state, eyes_of("internal")))
    (theirs,) = rows_of(state, eyes_of("internal", f"read:{WORKSPACE}", user="bea"))
    assert (theirs["title"], theirs["status"], theirs["channel"]) == (None, "in progress", WORKSPACE)


LEVELS = st.sampled_from(["public", "internal", "confidential", "secret"])


@given(level=LEVELS, clearance=LEVELS, reads=st.booleans())
def test_the_state_of_a_task_is_told_to_whom_its_workspace_is_told(level: str, clearance: str, reads: bool) -> None:
    """The row came joined from the service, or was joined by what was heard since: both show the same."""
    grants = [f"read:{WORKSPACE}", f"read:{OWN}"] if reads else [f"read:{OWN}"]
    eyes = eyes_of(clearance, *grants, user="operator")
    joined = assigned(status="completed", workspace=WORKSPACE, updated_by="omar")
    told = task(WORKSPACE, "t1", status="completed", assigned_to="ali", updated_by="omar")
    levels = {WORKSPACE: level, OWN: "public"}
    from_list = state_of(joined, told, levels=levels)
    live = state_of(levels=levels)
    live.heard(OWN, task_assigned("t1", user="ali"), NOW)
    live.heard(WORKSPACE, task_update("t1", "completed", "ali", WORKSPACE, by="omar"), NOW)
    may = reads and Clearance.strict(clearance) >= Clearance.strict(level)
    for state in (from_list, live):
        page = str(shown(state, eyes))
        assert ("completed" in [row["status"] for row in rows_of(state, eyes)]) == may
        assert (WORKSPACE in page, "omar" in page) == (may, may)


def test_open_tasks_come_by_their_dates_and_say_what_is_overdue_in_both_languages() -> None:
    rows = [
        assigned("late", "2023-11-11"),
        assigned("soon", "2023-11-16"),
        assigned("far", "2024-11-14"),
        assigned("never", None),
        task(WORKSPACE, "done", status="completed", assigned_to="ali"),
    ]
    state, cleared = state_of(*rows), viewer(clearance="secret")
    found = rows_of(state, cleared)
    assert [row["task"] for row in found] == ["late", "soon", "far", "never", "done"]
    assert [row["days"] for row in found] == ["3 days overdue", "2 days left", "366 days left", None, None]
    tones = [row["cells"][5] and row["cells"][5]["tone"] for row in shown(state, cleared)["tasks"]["rows"]]
    assert tones == ["bad", "warn", "info", None, None]
    arabic = [row["days"] for row in rows_of(state, viewer("ar", clearance="secret"))]
    assert arabic[:2] == ["مدة التأخر: 3 أيام", "المدة المتبقية: يومان"]
    figures = {item["label"]: item["value"] for item in shown(state, cleared)["figures"]["items"]}
    assert (figures["Overdue"], figures["Completed"], figures["State not told"]) == (1, 1, 4)
    hidden = {
        item["label"]: item["value"] for item in shown(state, eyes_of("internal", user="eve"))["figures"]["items"]
    }
    assert set(hidden.values()) == {0}, "what is not shown is not counted"


def test_a_task_that_was_given_to_another_is_no_more_the_first_ones() -> None:
    state = state_of(assigned(), task(WORKSPACE, "t1", status="pending", assigned_to="ali"))
    state.heard(WORKSPACE, task_update("t1", "pending", "bea", WORKSPACE), NOW + 1)
    (row,) = rows_of(state, viewer(clearance="secret"))
    assert (row["user"], row["title"], row["channel"]) == ("bea", None, WORKSPACE)


def test_what_was_heard_since_is_newer_than_the_list_and_what_is_gone_from_it_goes() -> None:
    state = state_of(task(WORKSPACE, "t1", status="pending"), task(WORKSPACE, "t2", status="pending"))
    before = state.revision
    state.heard(WORKSPACE, task_update("t1", "in_progress", channel=WORKSPACE), NOW)
    state.stands(ReadList("tasks", [task(WORKSPACE, "t1", status="pending")], whole=True, since=before), NOW)
    assert [(row["task"], row["status"]) for row in rows_of(state, viewer(clearance="secret"))] == [
        ("t1", "in progress")
    ]


# --- the inbox ----------------------------------------------------------------------------------------------------


def waiting(name: str, offset: int, event: dict[str, Any]) -> InboxRow:
    return InboxRow(id=name, offset=offset, received=NOW, read=False, event=event)


TEXTS = {"en": "Read this", "ar": "اقرأ هذا"}
NOTICE = {"type": "notification", "priority": "low", "payload": {"id": "n1", "title": TEXTS, "message": TEXTS}}
ALERT = {
    "type": "commitment_alert",
    "priority": "urgent",
    "payload": {
        "commitment_id": "c1",
        "mou_id": "m1",
        "title": "Report due",
        "days_until_deadline": -2,
        "responsible_department": "Agreements",
        "alert_level": 3,
    },
}
FAILED = {
    "type": "brief_generation_failed",
    "request_id": "b1",
    "payload": {"error": TEXTS, "fallback_available": True},
}


def test_an_inbox_is_shown_to_its_own_user_alone_newest_first() -> None:
    state = DashboardState()
    entries = (
        waiting("n1", 1, NOTICE),
        waiting("alert.c1.3", 2, ALERT),
        waiting("brief.b1", 3, FAILED),
        waiting("later", 4, {"type": "something_new"}),
    )
    state.inbox_read(eyes_of("internal").identity, InboxView(entries, 4))
    own = shown(state, eyes_of("internal"), "inbox")
    told = [row["cells"][:3] for row in own["inbox"]["rows"]]
    assert told == [
        ["of another version", "later", None],
        ["brief", "b1", "Read this"],
        ["alert", "Report due", "Level 3 · escalated · 2 days overdue"],
        ["notification", "Read this", "Read this"],
    ]
    assert own["actions"]["acts"][0]["of"] == "4"
    arabic = shown(state, eyes_of("internal", language="ar"), "inbox")["inbox"]["rows"]
    assert arabic[2]["cells"][2].endswith("مدة التأخر: يومان")
    lower, later = eyes_of("public"), eyes_of("internal")
    later = dataclasses.replace(later, identity=dataclasses.replace(later.identity, expires_at=int(NOW) + 99))
    for other in (eyes_of("secret", "admin:*", user="operator"), viewer(clearance="secret"), lower, later):
        page = str(shown(state, other, "inbox"))
        assert ("Read this" in page, "Report due" in page, "c1" in page) == (False, False, False)
    state.inbox_read(eyes_of("internal").identity, InboxView(entries, 4, refused=0))
    assert "cannot be reached" in shown(state, eyes_of("internal"), "inbox")["inbox-note"]["text"]


WAITING = {"id": "n1", "offset": 1, "received": NOW, "read": False, "event": NOTICE}
PAGE = {"entries": [WAITING], "unread": 1}


@pytest.mark.parametrize(
    ("status", "body", "told", "is_shown"),
    [
        (401, {}, "does not give you your inbox (401)", False),
        (403, {}, "does not give you your inbox (403)", False),
        (429, {}, "does not give you your inbox now (429)", True),
        (503, {}, "does not give you your inbox now (503)", True),
        (200, {"entries": 7}, "of another version", True),
        (200, "<html>", "of another version", True),
    ],
)
@asynchronous
async def test_after_a_refusal_nothing_is_shown_and_an_inbox_is_forgotten_with_its_last_page(
    status: int, body: Any, told: str, is_shown: bool
) -> None:
    eyes, state = eyes_of("internal"), DashboardState()
    with answering(200, PAGE) as service:
        api = ServiceApi(service.url)
        reader = InboxReader(api, state, eyes.identity, "token")
        reading = asyncio.create_task(reader.run())
        await eventually_async(lambda: "inbox" in shown(state, eyes, "inbox"))
        assert "Read this" in str(shown(state, eyes, "inbox"))
        service.answer = (status, body)
        reader.read_soon()
        await eventually_async(lambda: "inbox-note" in shown(state, eyes, "inbox"))
        page = shown(state, eyes, "inbox")
        assert told in page["inbox-note"]["text"]
        assert ("Read this" in str(page)) == is_shown
        service.answer = (200, PAGE)
        reader.read_soon()
        await eventually_async(lambda: "inbox-note" not in shown(state, eyes, "inbox"))
        reading.cancel()
        await asyncio.wait([reading])
        await api.close()
    assert state.inboxes.get(eyes.identity) is None


def test_marks_of_ones_own_inbox_are_offered_to_every_role_and_ask_for_no_reason() -> None:
    state = DashboardState()
    state.inbox_read(eyes_of("internal").identity, InboxView((waiting("n1", 1, NOTICE),), 1))
    blocks = shown(state, eyes_of("internal"), "inbox")
    acts = [*blocks["actions"]["acts"], *blocks["inbox"]["rows"][0]["cells"][5]["acts"]]
    assert {act["act"] for act in acts} == OWN_ACTIONS
    assert {(act["off"], act["reason"]) for act in acts} == {("", "none")}


@pytest.mark.parametrize(
    ("act", "of", "given"),
    [
        ("read_all", "all", {}),
        ("read_all", "9" * 17, {}),
        ("snooze_entry", "n1", {}),
        ("snooze_entry", "n1", {"hours": "5"}),
    ],
)
@asynchronous
async def test_a_mark_that_no_form_offers_is_not_sent(act: str, of: str, given: dict[str, str]) -> None:
    api = ServiceApi("http://127.0.0.1:9")  # where nothing answers
    actions = Actions(api, DashboardState(), eyes_of("internal"), "token", "ali")
    told = await actions.perform(ActionRequest(act, of, given))
    await api.close()
    assert told == ("Give a user id and a time of the list", "warn")
