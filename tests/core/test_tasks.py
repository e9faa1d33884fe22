"""The steps of tasks, and the records that follow from events about them."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.domain.errors import ImpossibleFactError
from app.core.domain.projections import tasks
from app.core.domain.projections.tasks import STATUSES, STEPS, TaskPlaces, Tasks
from dossier_realtime.protocol.domain.task_rows import is_assignment, joined
from dossier_realtime.protocol.events import (
    Notification,
    NotificationPayload,
    TaskAssigned,
    TaskAssignedPayload,
    TaskUpdate,
    TaskUpdatePayload,
)
from dossier_realtime.protocol.fields import Actor, Localized, TaskStatus
from dossier_realtime.protocol.http.inbox_forms import TaskRow

WORKSPACE, OWN = "workspace:w1", "user:ali"
AT = 1_800_000_000.0


def update(old: str, new: str, assignee: str | None = None) -> TaskUpdate:
    payload = TaskUpdatePayload(
        task_id="t1", previous_status=old, new_status=new, assigned_to=assignee, updated_by="bea", timestamp=1
    )
    return TaskUpdate(channel=WORKSPACE, payload=payload)


def assignment() -> TaskAssigned:
    title, bea = Localized("Report", "تقرير"), Actor("bea", "Bea")
    payload = TaskAssignedPayload(task_id="t1", title=title, assigned_by=bea, due_date="2027-01-02", priority="high")
    return TaskAssigned(channel=OWN, payload=payload)


def folded(known: bytes | None, event: TaskUpdate) -> bytes:
    found = Tasks().fold(known, WORKSPACE, event, AT)
    assert found is not None
    return found.body


def folded_own(event: TaskAssigned) -> bytes:
    found = Tasks().fold(None, OWN, event, AT)
    assert found is not None
    return found.body


def known(status: TaskStatus, assignee: str | None = "ali") -> bytes:
    return folded(None, update(status, status, assignee))


@pytest.mark.parametrize(("old", "new"), list(itertools.product(STATUSES, STATUSES)))
def test_only_the_steps_of_the_table_are_possible(old: TaskStatus, new: TaskStatus) -> None:
    if new in STEPS[old]:
        assert tasks.decode(folded(known(old), update(old, new))).status == new
        return
    with pytest.raises(ImpossibleFactError) as refused:
        folded(known(old), update(old, new))
    assert refused.value.path == "$.payload.new_status"
    for step in STEPS[old]:
        assert step in str(refused.value), "the refusal names what is allowed"


def test_the_step_begins_where_the_task_is() -> None:
    with pytest.raises(ImpossibleFactError, match=r"The task is in_progress: .* completed or cancelled") as refused:
        folded(known("in_progress"), update("pending", "in_progress"))
    assert refused.value.path == "$.payload.previous_status"


@pytest.mark.parametrize("status", STATUSES)
def test_a_task_that_was_never_seen_may_begin_anywhere(status: TaskStatus) -> None:
    assert tasks.decode(known(status)).status == status


@pytest.mark.parametrize(("old", "new", "name"), [("open", "completed", "previous"), ("pending", "done", "new")])
def test_a_status_that_tasks_do_not_have_is_refused_with_those_that_they_have(old: str, new: str, name: str) -> None:
    with pytest.raises(ImpossibleFactError, match="pending, in_progress, completed or cancelled") as refused:
        folded(None, update(old, new))
    assert refused.value.path == f"$.payload.{name}_status"


def test_an_open_task_goes_to_another_assignee_in_its_state() -> None:
    task = tasks.decode(folded(known("in_progress"), update("in_progress", "in_progress", "bea")))
    assert (task.status, task.assigned_to) == ("in_progress", "bea")
    with pytest.raises(ImpossibleFactError):
        folded(known("in_progress"), update("in_progress", "in_progress", "ali"))


def test_an_update_without_an_assignee_keeps_the_one_before() -> None:
    assert tasks.decode(folded(known("pending"), update("pending", "in_progress"))).assigned_to == "ali"


def test_each_channel_that_speaks_of_a_task_has_a_record_of_its_own() -> None:
    projection = Tasks()
    keys = {projection.key(WORKSPACE, update("pending", "in_progress")), projection.key(OWN, assignment())}
    assert keys == {"workspace:w1/t1", "user:ali/t1"}
    found = projection.fold(None, OWN, assignment(), AT)
    assert found is not None
    task = tasks.decode(found.body)
    assert (task.status, task.assigned_to, task.due_date) == (None, "ali", "2027-01-02")
    assert set(found.labels) == {"all", "channel:user:ali", "assignee:ali"}
    text = Localized("a", "ب")
    notice = Notification(priority="low", payload=NotificationPayload(id="n", title=text, message=text))
    assert projection.key(OWN, notice) is None


def test_an_assignment_has_the_state_that_one_workspace_tells_and_no_guess_where_two_do() -> None:
    assigned = tasks.decode(folded_own(assignment()))
    told = tasks.decode(known("in_progress"))
    other = msgspec.structs.replace(told, channel="workspace:w2", status="completed")
    found = joined(assigned, [told])
    assert (found.status, found.workspace, found.updated_by) == ("in_progress", WORKSPACE, "bea")
    assert (found.title, found.due_date, found.channel) == (assigned.title, assigned.due_date, OWN)
    assert joined(assigned, []) == assigned
    assert joined(assigned, [told, other]) == assigned
    assert joined(assigned, [msgspec.structs.replace(told, task_id="t2")]) == assigned
    moved = joined(assigned, [msgspec.structs.replace(told, assigned_to="bea")])
    assert moved.assigned_to == "bea", "the workspace gave it to another user"
    assert is_assignment(assigned)
    assert not is_assignment(told)


@given(names=st.lists(st.sampled_from([f"workspace:w{number}" for number in range(12)]), min_size=1, max_size=30))
def test_the_workspaces_of_an_assignment_are_the_latest_ones(names: list[str]) -> None:
    body: bytes | None = None
    for name in names:
        assert TaskPlaces().key(name, update("pending", "pending", "ali")) == "ali/t1"
        body = TaskPlaces().fold(body, name, update("pending", "pending", "ali"), AT).body
    assert body is not None
    latest = list(dict.fromkeys(reversed(names)))[:8]
    assert list(tasks.places(body)) == latest[::-1]
    assert TaskPlaces().key(names[0], update("pending", "pending")) is None
    assert TaskPlaces().key(OWN, assignment()) is None


def test_open_tasks_come_first_and_settled_ones_are_forgotten_one_day() -> None:
    kept = {status: Tasks().fold(None, WORKSPACE, update(status, status), AT) for status in STATUSES}
    order = sorted(STATUSES, key=lambda status: kept[status].order)  # type: ignore[union-attr]  # each is folded
    assert set(order[:2]) == {"pending", "in_progress"}
    assert {status for status in STATUSES if kept[status].expires is None} == {"pending", "in_progress"}  # type: ignore[union-attr]  # likewise


@given(steps=st.lists(st.tuples(st.sampled_from(STATUSES), st.sampled_from(STATUSES)), max_size=12))
def test_whatever_is_sent_a_task_only_moves_along_its_steps(steps: list[tuple[TaskStatus, TaskStatus]]) -> None:
    body: bytes | None = None
    seen: list[TaskStatus] = []
    for old, new in steps:
        try:
            body = folded(body, update(old, new))
        except ImpossibleFactError:
            continue
        task: TaskRow = tasks.decode(body)
        assert task.status == new
        seen.append(new)
    assert all(after in STEPS[before] for before, after in itertools.pairwise(seen))
