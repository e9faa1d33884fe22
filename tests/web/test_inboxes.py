"""Inboxes and tasks over sockets and HTTP: what waits, what is seen on one device, what a task may do."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness import tokens
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.web.test_actions import alert, call

_numbers = itertools.count(1)


def fresh_user() -> str:
    return f"reader-{next(_numbers)}"


def office() -> str:
    return tokens.token("office", "write:user:*", "write:workspace:*", role="service")


def notice(user: str, name: str, priority: str = "high") -> Message:
    texts = {"title": {"en": "Due", "ar": "موعد"}, "message": {"en": "Soon", "ar": "قريباً"}}
    return {"type": "notification", "channel": f"user:{user}", "priority": priority, "payload": {"id": name, **texts}}


def step(channel: str, task: str, old: str, new: str, **more: Any) -> Message:
    payload = {"task_id": task, "previous_status": old, "new_status": new, **more}
    return {"type": "task_update", "channel": channel, "payload": payload}


def publish(service: Service, *events: Message, **headers: str) -> tuple[int, Message]:
    return call(service, office(), "POST", "/v1/publish", {"events": list(events)}, **headers)


def inbox(service: Service, user: str, query: str = "") -> Message:
    status, page = call(service, tokens.token(user), "GET", f"/v1/inbox{query}")
    assert status == 200, page
    return page


def ids(page: Message) -> list[str]:
    return [entry["id"] for entry in page["entries"]]


def test_whoever_was_away_finds_all_in_order_and_once(tmp_path: Path) -> None:
    """The history of the channel keeps fewer events than came: the inbox keeps them all, over a restart."""
    with Service(tmp_path / "s", {"history.events": 100}) as service:
        for start in range(0, 300, 100):
            assert publish(service, *(notice("away", f"n{start + number}") for number in range(100)))[0] == 200
        assert publish(service, notice("away", "n7"), notice("away", "last"))[0] == 200
        service.restart()
        found: list[str] = []
        after = 0
        while True:
            page = inbox(service, "away", f"?limit=90&after={after}")
            found += ids(page)
            if "next" not in page:
                break
            after = page["next"]
        assert found == [f"n{number}" for number in range(300)] + ["last"]
        assert page["unread"] == 301
        service.stop()
        service.assert_log_clean()


def test_seen_on_one_device_is_seen_on_all(service: Service) -> None:
    user = fresh_user()

    async def scene() -> None:
        async with (
            await Client.connect(service, tokens.token(user)) as phone,
            await Client.connect(service, tokens.token(user)) as tablet,
        ):
            await asyncio.to_thread(publish, service, *(notice(user, f"n{number}") for number in range(4)))
            offsets = [(await tablet.receive("notification"))["offset"] for _ in range(4)]
            answer = await phone.ask({"type": "notification_ack", "payload": {"ids": ["n3", "gone"]}})
            assert (answer["type"], answer["channel"]) == ("ack", f"user:{user}")
            for device in (phone, tablet):
                state = await device.receive("inbox_state")
                assert (state["channel"], state["payload"]) == (f"user:{user}", {"unread": 3})
            await tablet.ask({"type": "notification_ack", "payload": {"up_to": offsets[1]}})
            for device in (phone, tablet):
                assert (await device.receive("inbox_state"))["payload"] == {"unread": 1, "up_to": offsets[1]}
            again = await tablet.ask({"type": "notification_ack", "payload": {"up_to": offsets[1]}})
            assert again["type"] == "ack"
            assert "offset" not in again, "nothing changed, and nobody is told"

    asyncio.run(scene())
    assert ids(inbox(service, user, "?unread=true")) == ["n2"]
    assert [entry["read"] for entry in inbox(service, user)["entries"]] == [True, True, False, True]


def test_a_snoozed_entry_comes_back(service: Service) -> None:
    user = fresh_user()

    def snooze(until: int) -> Message:
        return {"type": "notification_snooze", "payload": {"id": "n1", "until": until}}

    async def scene() -> None:
        async with await Client.connect(service, tokens.token(user)) as client:
            await asyncio.to_thread(publish, service, notice(user, "n1"))
            until = int(time.time()) + 3_600
            await client.ask(snooze(until))
            assert (await client.receive("inbox_state"))["payload"] == {"unread": 0}
            (entry,) = (await asyncio.to_thread(inbox, service, user))["entries"]
            assert (entry["read"], entry["snoozed_until"]) == (False, until)
            while (answer := await client.ask(snooze(int(time.time()) + 2)))["type"] == "error":
                assert answer["error_code"] == "INVALID_MESSAGE_FORMAT", answer  # this machine was slow
            assert (await client.receive("inbox_state"))["payload"] == {"unread": 0}
            assert (await client.receive("inbox_state"))["payload"] == {"unread": 1, "returned": ["n1"]}
            assert ids(await asyncio.to_thread(inbox, service, user, "?unread=1")) == ["n1"]

    asyncio.run(scene())


def test_the_count_is_exact_while_entries_come(service: Service) -> None:
    """Each `inbox_state` counts what stands before it on the channel, and nothing that comes after."""
    user = fresh_user()

    async def scene() -> None:
        async with await Client.connect(service, tokens.token(user)) as client:
            coming = asyncio.create_task(_trickle(service, user))
            for number in range(10):
                await client.receive("notification")
                await client.ask({"type": "notification_ack", "payload": {"ids": [f"n{number}"]}})
            await coming
            rows = (await asyncio.to_thread(inbox, service, user))["entries"]
            placed = {row["offset"]: row["id"] for row in rows}
            for number in range(10):
                state = await client.receive("inbox_state")
                before = [name for offset, name in placed.items() if offset < state["offset"]]
                assert state["payload"]["unread"] == len(before) - (number + 1)

    asyncio.run(scene())


async def _trickle(service: Service, user: str) -> None:
    for number in range(30):
        await asyncio.to_thread(publish, service, notice(user, f"n{number}"))


def test_everything_that_wants_a_person_waits(service: Service) -> None:
    user = fresh_user()
    assigned = {"task_id": "t1", "title": "Brief", "due_date": "2057-01-02", "priority": "high"}
    done = {"brief_id": "b1", "generation_time": 9, "confidence_score": 0.9}
    own = f"user:{user}"
    placed = publish(
        service,
        {"type": "task_assigned", "channel": own, "payload": assigned},
        alert(f"c-{user}", 2, user),
        {"type": "brief_generation_complete", "channel": own, "request_id": f"b-{user}", "payload": done},
    )
    assert placed[0] == 200, placed
    assert ids(inbox(service, user)) == ["task.t1", f"alert.c-{user}.2", f"brief.b-{user}"]


def test_low_priority_comes_as_one_row_an_hour(service: Service) -> None:
    user = fresh_user()
    publish(service, notice(user, "n0"), *(notice(user, f"low{number}", "low") for number in range(3)))
    page = inbox(service, user, "?digest=true")
    listed = [row.get("ids", row["id"]) for row in page["entries"]]
    assert listed[0] == "n0"
    rows = [name for names in listed[1:] for name in names]  # two rows where an hour ended just then
    assert rows == ["low0", "low1", "low2"]
    assert page["unread"] == 4


def test_over_http_entries_are_marked_and_snoozed_as_over_a_socket(service: Service) -> None:
    user = fresh_user()
    token = tokens.token(user)

    async def scene() -> None:
        async with await Client.connect(service, token) as device:
            await asyncio.to_thread(publish, service, *(notice(user, f"n{number}") for number in range(4)))
            offsets = [(await device.receive("notification"))["offset"] for _ in range(4)]
            for path, body, unread in (
                ("ack", {"ids": ["n3", "gone"]}, 3),
                ("snooze", {"id": "n2", "until": int(time.time()) + 3_600}, 2),
                ("ack", {"up_to": offsets[0]}, 1),
            ):
                status, answer = await asyncio.to_thread(call, service, token, "POST", f"/v1/inbox/{path}", body)
                assert (status, answer["unread"]) == (200, unread)
                state = await device.receive("inbox_state")
                assert (state["offset"], state["payload"]["unread"]) == (answer["offset"], unread)
            again = await asyncio.to_thread(call, service, token, "POST", "/v1/inbox/ack", {"up_to": offsets[0]})
            assert again == (200, {"unread": 1}), "nothing changed, and nobody is told"

    asyncio.run(scene())
    assert ids(inbox(service, user, "?unread=true")) == ["n1"]
    stranger = tokens.token("stranger", "admin:*", clearance="secret")
    for path, body, status, where in (
        ("ack", {"ids": ["n1"]}, 404, "$.ids"),
        ("snooze", {"id": "n1", "until": int(time.time()) + 9}, 404, "$.id"),
        ("snooze", {"id": "n1", "until": 5}, 400, "$.until"),
        ("ack", {}, 400, "$"),
        ("ack", {"ids": ["n1"], "up_to": 1}, 400, "$"),
        ("ack", {"ids": []}, 400, "$.ids"),
    ):
        refused = call(service, stranger, "POST", f"/v1/inbox/{path}", body)
        assert (refused[0], refused[1]["path"]) == (status, where)
    assert inbox(service, user)["unread"] == 1


BAD = [
    ({"type": "notification_ack", "payload": {}}, "INVALID_MESSAGE_FORMAT", "Name either ids or up_to"),
    ({"type": "notification_ack", "payload": {"ids": ["a"], "up_to": 1}}, "INVALID_MESSAGE_FORMAT", "Name either"),
    ({"type": "notification_ack", "payload": {"ids": []}}, "INVALID_MESSAGE_FORMAT", "$.payload.ids"),
    ({"type": "notification_ack", "payload": {"ids": ["none"]}}, "INVALID_MESSAGE_FORMAT", "GET /v1/inbox"),
    ({"type": "notification_ack", "payload": {"up_to": "3"}}, "INVALID_MESSAGE_FORMAT", "$.payload.up_to"),
    ({"type": "notification_snooze", "payload": {"id": "n1", "until": 5}}, "INVALID_MESSAGE_FORMAT", "90 days"),
    ({"type": "notification_snooze", "payload": {"id": "none", "until": 0}}, "INVALID_MESSAGE_FORMAT", "90 days"),
]


@pytest.mark.parametrize(("message", "code", "text"), BAD)
def test_a_wrong_message_about_an_inbox_is_refused_with_the_remedy(
    service: Service, message: Message, code: str, text: str
) -> None:
    async def scene() -> None:
        async with await Client.connect(service, tokens.token(fresh_user())) as client:
            answer = await client.ask(message)
            assert (answer["type"], answer["error_code"]) == ("error", code)
            assert text in answer["message"]

    asyncio.run(scene())


def test_an_inbox_is_its_users_alone(service: Service) -> None:
    user = fresh_user()
    publish(service, notice(user, "n1"))

    async def scene() -> None:
        async with await Client.connect(service, tokens.token("stranger", "admin:*")) as client:
            answer = await client.ask({"type": "notification_ack", "payload": {"ids": ["n1"]}})
            assert answer["type"] == "error"

    asyncio.run(scene())
    assert inbox(service, user)["unread"] == 1
    assert inbox(service, "stranger")["entries"] == []


def test_a_link_to_a_host_that_is_not_allowed_is_refused_with_its_path(tmp_path: Path) -> None:
    fine, evil = notice("linked", "n1"), notice("linked", "n2")
    fine["payload"]["actions"] = [
        {"label": "Open", "url": "/tasks"},
        {"label": "On", "url": "https://dossier.example/a"},
    ]
    evil["payload"]["actions"] = [{"label": "Open", "url": "https://evil.example/dossier.example"}]
    with Service(tmp_path / "s", {"server.action_hosts": ["dossier.example"]}) as service:
        assert publish(service, fine)[0] == 200
        status, body = publish(service, fine, evil)
        assert (status, body["error_code"], body["index"]) == (400, "INVALID_MESSAGE_FORMAT", 1)
        assert body["path"] == "$.events[1].payload.actions[0].url"

        async def scene() -> None:
            async with await Client.connect(service, office()) as client:
                answer = await client.ask(evil)
                assert answer["error_code"] == "INVALID_MESSAGE_FORMAT"
                assert answer["message"].endswith("(at $.payload.actions[0].url)")

        asyncio.run(scene())
        assert ids(inbox(service, "linked")) == ["n1"]
        service.stop()
        service.assert_log_clean()


# --- tasks --------------------------------------------------------------------------------------------------------


def test_a_task_moves_along_its_steps_and_other_steps_are_refused(service: Service) -> None:
    channel, task = f"workspace:w{next(_numbers)}", "t1"

    async def scene() -> None:
        async with await Client.connect(service, office()) as client:
            for old, new in (("pending", "in_progress"), ("in_progress", "completed")):
                assert (await client.ask(step(channel, task, old, new)))["type"] == "ack"
            for old, new, said in (
                ("completed", "in_progress", "changes no more (at $.payload.new_status)"),
                ("in_progress", "cancelled", "The task is completed"),
                ("completed", "archived", "pending, in_progress, completed or cancelled (at $.payload.new_status)"),
            ):
                answer = await client.ask(step(channel, task, old, new))
                assert answer["error_code"] == "INVALID_MESSAGE_FORMAT"
                assert said in answer["message"]

    asyncio.run(scene())
    status, body = publish(
        service, step(channel, "t2", "pending", "pending"), step(channel, task, "completed", "pending")
    )
    assert (status, body["index"], body["path"]) == (400, 1, "$.events[1].payload.new_status")
    assert "t2" not in str(call(service, office(), "GET", f"/v1/tasks?channel={channel}")[1])


def test_steps_of_one_batch_follow_each_other_and_a_repeated_batch_has_its_first_answer(service: Service) -> None:
    channel = f"workspace:w{next(_numbers)}"
    batch = [step(channel, "t1", "pending", "in_progress"), step(channel, "t1", "in_progress", "completed")]
    first = publish(service, *batch, Idempotency_Key=f"k-{channel[-3:]}")
    assert first[0] == 200
    assert publish(service, *batch, Idempotency_Key=f"k-{channel[-3:]}") == first
    assert publish(service, *batch)[0] == 400


def test_at_once_each_step_is_made_once(service: Service) -> None:
    channel = f"workspace:w{next(_numbers)}"

    async def scene() -> None:
        async with await Client.connect(service, office()) as one, await Client.connect(service, office()) as two:
            for number in range(10):
                tries = [c.ask(step(channel, f"t{number}", "pending", "in_progress")) for c in (one, two, one)]
                assert (await one.ask(step(channel, f"t{number}", "pending", "pending")))["type"] in ("ack", "error")
                answers = sorted([answer["type"] for answer in await asyncio.gather(*tries)])
                assert answers == ["ack", "error", "error"]

    asyncio.run(scene())


def test_tasks_are_listed_for_whoever_may_read_their_channel(service: Service) -> None:
    user, channel = fresh_user(), f"workspace:w{next(_numbers)}"
    assigned = {"task_id": "t9", "title": {"en": "Brief", "ar": "موجز"}, "due_date": "2057-01-02", "priority": "high"}
    events = [
        step(channel, "t1", "pending", "pending", assigned_to=user),
        step(channel, "t2", "in_progress", "completed", assigned_to=user),
        step(channel, "t3", "pending", "in_progress", assigned_to="other"),
        {"type": "task_assigned", "channel": f"user:{user}", "payload": assigned},
    ]
    assert publish(service, *events)[0] == 200

    def listed(token: str, query: str) -> list[str]:
        status, body = call(service, token, "GET", f"/v1/tasks?{query}")
        assert status == 200, body
        return [task["task_id"] for task in body["tasks"]]

    colleague = tokens.token("colleague", f"read:{channel}")
    assert listed(colleague, f"channel={channel}") == ["t1", "t3", "t2"], "open ones first"
    assert listed(colleague, f"assignee={user}") == ["t1", "t2"]
    assert listed(tokens.token(user), f"assignee={user}") == ["t9"]
    assert listed(tokens.token(user, f"read:{channel}"), f"assignee={user}") == ["t9", "t1", "t2"]
    assert listed(colleague, f"channel={channel}&assignee=other") == ["t3"]
    assert listed(tokens.token("stranger"), f"channel={channel}") == []
    status, page = call(service, colleague, "GET", f"/v1/tasks?channel={channel}&limit=2")
    assert (status, len(page["tasks"])) == (200, 2)
    assert listed(colleague, f"channel={channel}&limit=2&after={page['next']}") == ["t2"]
    assert listed(colleague, f"channel={channel}&limit=9") == ["t1", "t3", "t2"]
    assert [name for name in listed(colleague, "") if name in ("t1", "t3")] == ["t1", "t3"], "all that may be read"
    for query in ("channel=nowhere:1", "assignee=a%20b", f"channel={channel}&limit=0"):
        assert call(service, colleague, "GET", f"/v1/tasks?{query}")[0] in (400, 404)


def test_an_assignment_tells_its_state_to_those_alone_who_may_read_the_workspace_that_says_it(service: Service) -> None:
    """A task is open or not by its workspace: an update elsewhere changes nothing, and none tells who may not read."""
    user, secret, other = fresh_user(), f"workspace:w{next(_numbers)}", f"workspace:w{next(_numbers)}"
    admin = tokens.token("operator", "admin:*", clearance="secret")
    assigned = {"task_id": "t1", "title": {"en": "Brief", "ar": "موجز"}, "due_date": "2057-01-02", "priority": "high"}
    program = tokens.token("office", "write:user:*", "write:workspace:*", role="service", clearance="secret")
    assert call(service, admin, "PUT", f"/v1/channels/{secret}", {"classification": "secret"})[0] == 200

    def send(*events: Message) -> None:
        status, answer = call(service, program, "POST", "/v1/publish", {"events": list(events)})
        assert status == 200, answer

    def seen(clearance: str, *grants: str) -> dict[str, Any]:
        token = tokens.token(user, *grants, clearance=clearance)
        status, answer = call(service, token, "GET", f"/v1/tasks?channel=user:{user}")
        assert status == 200, answer
        (row,) = answer["tasks"]
        found: dict[str, Any] = row
        return found

    send(
        {"type": "task_assigned", "channel": f"user:{user}", "payload": assigned},
        step(secret, "t1", "pending", "in_progress", assigned_to=user),
    )
    cleared, below = ("secret", f"read:{secret}"), ("internal", f"read:{secret}")
    before = seen(*below)
    assert "status" not in before
    assert secret not in str(before)
    assert (seen(*cleared)["status"], seen(*cleared)["workspace"]) == ("in_progress", secret)
    send(step(other, "t1", "pending", "in_progress"), step(other, "t1", "in_progress", "cancelled"))
    assert seen("secret", f"read:{secret}", f"read:{other}")["status"] == "in_progress", "another task of that id"
    send(step(secret, "t1", "in_progress", "completed"))
    assert seen(*cleared)["status"] == "completed"
    assert seen("secret") == seen(*below) == before, "nothing of the row moved, without the right or the clearance"
    assert seen(*cleared)["title"] == {"en": "Brief", "ar": "موجز"}
