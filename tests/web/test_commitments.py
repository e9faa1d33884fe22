"""Commitments over HTTP: their clock, the people who act on them, and who may see and change them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from app.core.domain.commitments import commitment as core
from app.engine.ports.records import MAX_RECORD_BYTES
from app.services import due_clock
from dossier_realtime.archive import open_journal
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.http.commitments import CommitmentBody
from dossier_realtime.recording.commitments.recorded import planned_alerts
from tests.web.commitment_office import BODY, DAY, MORNING, Message, Office, office
from tests.web.test_actions import alert


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service look at the wall clock, which the test sets, without the second in between."""
    monkeypatch.setattr(due_clock, "_LOOK_SECONDS", 0.01)


def in_office(folder: Path, scene: Callable[[Office], Awaitable[None]], wall: float = MORNING) -> None:
    async def run() -> None:
        async with office(folder / "data", wall) as place:
            await scene(place)

    asyncio.run(run())


def test_each_level_reaches_a_growing_audience_once_also_over_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        async with office(tmp_path / "data") as place:
            answer = await place.put("c1")
            assert answer.status_code == 200, answer.text
            assert answer.json()["alert_level"] == 0
            await place.settle()
            assert await place.levels("ali", "bea", "cy") == {"ali": [], "bea": [], "cy": []}
            first, second, third = (row["at"] for row in answer.json()["levels"])
            assert answer.json()["next_level_at"] == first
            place.wall = first
            await place.until_levels(ali=[1], bea=[], cy=[])
            (told,) = await place.got("ali")
            assert (told["priority"], told["channel"]) == ("high", "user:ali")
            assert told["payload"] == {
                "commitment_id": "c1",
                "mou_id": "m1",
                "title": BODY["title"],
                "days_until_deadline": 62,  # the sixtieth day before is a Saturday
                "responsible_department": "International Relations",
                "alert_level": 1,
                "next_level_at": second,
            }
            place.wall -= 30 * DAY  # set back: nothing comes again
            await place.settle()
        async with office(tmp_path / "data", third + 1) as place:  # two levels fell due meanwhile
            await place.until_levels(ali=[1, 2, 3], bea=[2, 3], cy=[3])
            (*_, last) = await place.got("ali")
            assert last["priority"] == "urgent"
            assert "next_level_at" not in last["payload"]
            assert (await place.call("GET", "commitments/c1")).json()["alert_level"] == 3

    asyncio.run(run())


def test_an_acknowledgement_stops_the_climb_and_is_told_to_all_who_were_alerted(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        answer = await place.put("c1")
        place.wall = answer.json()["levels"][1]["at"]
        await place.until_levels(ali=[1, 2], bea=[2], cy=[])
        taken = await place.call("POST", "commitments/c1/ack", place.token("bea"))
        assert taken.json() == {
            "commitment_id": "c1",
            "state": "acknowledged",
            "acknowledged_by": "bea",
            "alert_level": 2,
        }
        for user in ("ali", "bea"):
            (state,) = await place.got(user, "alert_state")
            assert state["payload"]["acknowledged_by"] == "bea"
        place.wall += 100 * DAY
        await place.settle()
        assert await place.levels("ali", "bea", "cy") == {"ali": [1, 2], "bea": [2], "cy": []}
        row = (await place.call("GET", "commitments/c1")).json()
        assert (row["state"], row["by"], row.get("next_level_at")) == ("acknowledged", "bea", None)

    in_office(tmp_path, scene)


def test_snooze_delegation_completion_and_removal(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        rows = [(await place.put(name)).json() for name in ("snoozed", "delegated", "done", "gone")]
        first, second, _ = (row["at"] for row in rows[0]["levels"])
        until = int(first + 3 * DAY)  # from a Thursday to a Sunday, as working hours begin
        ali = place.token("ali")
        assert (await place.call("POST", "commitments/snoozed/snooze", ali, json={"until": until})).status_code == 200
        place.wall = first
        await place.settle()
        assert sorted(message["payload"]["commitment_id"] for message in await place.got("ali")) == [
            "delegated",
            "done",
            "gone",
        ]
        end = {"to": "dan", "until": int(second + DAY)}
        answer = await place.call("POST", "commitments/delegated/delegate", place.token("ali"), json=end)
        assert answer.status_code == 200, answer.text
        assert await place.levels("dan") == {"dan": [1]}  # what stands raised is raised to the delegate too
        assert (await place.call("POST", "commitments/done/complete", place.token("ali"))).json()[
            "state"
        ] == "completed"
        assert (await place.call("DELETE", "commitments/gone", place.token("ali"))).status_code == 403
        assert (await place.call("DELETE", "commitments/gone")).status_code == 200
        assert (await place.call("GET", "commitments/gone")).status_code == 404
        assert len(await place.got("ali", "alert_state")) == 2
        place.wall = until
        await place.settle()
        assert "snoozed" in [message["payload"]["commitment_id"] for message in await place.got("ali")]
        place.wall = second
        await place.settle()
        at_two = {
            user: [m["payload"]["commitment_id"] for m in await place.got(user) if m["payload"]["alert_level"] == 2]
            for user in ("ali", "bea", "dan")
        }
        assert at_two == {"ali": ["snoozed"], "bea": ["delegated", "snoozed"], "dan": ["delegated"]} or at_two == {
            "ali": ["snoozed"],
            "bea": ["snoozed", "delegated"],
            "dan": ["delegated"],
        }
        place.wall += 60 * DAY
        await place.settle()  # the delegation has ended
        assert [m["payload"]["commitment_id"] for m in await place.got("ali") if m["payload"]["alert_level"] == 3]
        assert await place.levels("dan") == {"dan": [1, 2]}

    in_office(tmp_path, scene)


def test_the_steps_of_people_stand_in_the_commitment_with_their_reasons_for_who_may_read_it(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        answer = await place.put("c1", classification="confidential")
        for user in ("ali", "omar"):
            place.cleared(user, Clearance.CONFIDENTIAL)
        place.wall = answer.json()["levels"][0]["at"]
        await place.until_levels(ali=[1])
        ali, until = place.token("ali", clearance="confidential"), int(place.wall + DAY)
        why = {"headers": {"X-Reason": quote("زيارة الوزير\nغدًا", safe="")}}
        steps: list[tuple[str, Message]] = [("snooze", {"until": until}), ("ack", {})]
        for act, body in (*steps, *steps):
            assert (await place.call("POST", f"commitments/c1/{act}", ali, json=body, **why)).status_code == 200
        end = {"to": "dan", "until": until}
        assert (await place.call("POST", "commitments/c1/delegate", ali, json=end)).status_code == 200
        last = await place.call("POST", "commitments/c1/complete", ali)
        reason = "زيارة الوزير غدًا"
        at = int(place.wall)
        hands = [
            {"at": at, "user": "ali", "act": "snooze", "reason": reason, "until": until},
            {"at": at, "user": "ali", "act": "acknowledge", "reason": reason},
            {"at": at, "user": "ali", "act": "delegate", "to": "dan", "until": until},
            {"at": at, "user": "ali", "act": "complete"},
        ]
        assert last.json()["hands"] == hands, "what changes nothing is no step"
        writer = place.token("omar", "write:dossier:mou:*", clearance="confidential")
        assert (await place.call("GET", "commitments/c1", writer)).json()["hands"] == hands
        listed = await place.call("GET", "commitments", writer)
        assert ["hands" in row for row in listed.json()["commitments"]] == [False]
        assert (await place.call("GET", "commitments/c1", place.token("bea"))).status_code == 404
        for user in ("ali", "omar"):
            assert reason not in str(await place.events(f"user:{user}"))
        assert (await place.put("c1", writer, classification="confidential", due_date="2027-04-30")).status_code == 200
        assert (await place.call("GET", "commitments/c1", writer)).json()["hands"] == hands

    in_office(tmp_path, scene)


def test_the_largest_commitment_fits_into_its_record_with_the_longest_reasons() -> None:
    groups = [[f"{level}{number:063}" for number in range(100)] for level in range(3)]
    said = msgspec.convert(BODY | {"escalation": groups}, CommitmentBody)
    one = core.registered(None, "c" * 64, said, "o" * 64, 0)
    everybody = tuple(user for group in groups for user in group)
    for number in range(100):
        hand = core.Hand(2**33, "u" * 64, "delegate", "\U0001f54c" * 500, "t" * 64, 2**33 + number)
        one = core.handled(one, hand)
    one = msgspec.structs.replace(one, raised=(everybody,) * 3, passed_over=(everybody,) * 3)
    assert (len(one.hands), one.hands[-1].until) == (core.MAX_HANDS, 2**33 + 99)
    assert len(one.encode()) < MAX_RECORD_BYTES


def test_who_is_not_cleared_is_not_alerted_and_the_owner_is_told(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        place.cleared("bea", Clearance.SECRET)
        row = (await place.put("c1", classification="confidential", escalation=[["ali", "bea"], [], []])).json()
        place.wall = row["levels"][0]["at"]
        await place.until_levels(ali=[], bea=[1])
        (told,) = await place.got("omar", "notification")
        assert told["payload"]["entity_id"] == "c1"
        assert "ali" in told["payload"]["message"]["en"]
        assert "Data" not in str(told)  # nothing above anybody's clearance is in it
        assert {*told["payload"]["title"]} == {"en", "ar"}

    in_office(tmp_path, scene)


def test_an_id_belongs_to_the_mou_that_it_was_registered_for(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        assert (await place.put("c1")).status_code == 200
        program = place.token("program", "write:user:*")
        assert (
            await place.call("POST", "publish", program, json={"events": [alert("c1", 1, "ali")]})
        ).status_code == 403
        assert (await place.put("c1", mou_id="m2")).status_code == 403
        writer = place.token("other", "write:dossier:mou:m2")
        assert (await place.put("c1", writer)).status_code == 403
        assert (await place.put("c2", writer)).status_code == 403
        assert (await place.call("DELETE", "commitments/c1")).status_code == 200
        assert (await place.put("c1", writer, mou_id="m2")).status_code == 403  # also once it is removed
        # The other way round: what events raised for another MoU cannot be registered.
        answer = await place.publish(place.token("m9", "write:*"), alert("c9", 1, "ali", mou_id="m9"))
        assert answer.status_code == 200
        assert (await place.put("c9")).status_code == 403

    in_office(tmp_path, scene)


def test_what_events_raised_and_what_the_service_raises_is_one_alert(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        program = place.token("program", "write:*", clearance="secret")
        assert (
            await place.call("POST", "publish", program, json={"events": [alert("c1", 1, "ali")]})
        ).status_code == 200
        row = (await place.put("c1", escalation=[["ali", "bea"], [], []])).json()
        place.wall = row["levels"][0]["at"]
        await place.until_levels(ali=[1], bea=[1])  # ali has had it
        assert (await place.call("POST", "commitments/c1/ack", place.token("ali"))).status_code == 200
        place.wall += 100 * DAY
        await place.settle()
        assert await place.levels("ali", "bea") == {"ali": [1], "bea": [1]}

    in_office(tmp_path, scene)


def test_lists_dry_runs_and_single_ones_show_nothing_above_the_readers_clearance(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        await place.put("open-1")
        await place.put("late-1", due_date="2027-09-01")
        await place.put("hidden", classification="secret", title="MARK-1")
        await place.put("foreign", mou_id="m7", title="MARK-2", owner="zed", escalation=[["zed"], [], []])
        await place.call("POST", "commitments/open-1/complete")
        reader = place.token("ali", "read:dossier:mou:m1")
        for path in ("commitments", "commitments?limit=1", "commitments/dry-run?from=2027-01-01&to=2028-01-01"):
            answer = await place.call("GET", path, reader)
            assert answer.status_code == 200, answer.text
            assert "MARK" not in answer.text
            assert "hidden" not in answer.text
            assert "foreign" not in answer.text
        assert (await place.call("GET", "commitments/hidden", reader)).status_code == 404
        absent = await place.call("GET", "commitments/none", reader)
        assert (await place.call("GET", "commitments/hidden", reader)).text == absent.text
        page = (await place.call("GET", "commitments?limit=1", reader)).json()
        assert [row["commitment_id"] for row in page["commitments"]] == ["late-1"]  # open ones first
        page = (await place.call("GET", f"commitments?limit=1&after={page['next']}", reader)).json()
        assert ([row["commitment_id"] for row in page["commitments"]], page.get("next")) == (["open-1"], None)
        rows = (await place.call("GET", "commitments?mou=m7")).json()["commitments"]
        assert [row["commitment_id"] for row in rows] == ["foreign"]

    in_office(tmp_path, scene)


def test_a_dry_run_says_what_is_then_raised(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        row = (await place.put("c1")).json()
        path = "commitments/dry-run?from=2027-01-01&to=2027-12-31"
        planned = (await place.call("GET", path)).json()["alerts"]
        assert [alert["alert_level"] for alert in planned] == [1, 2, 3]
        assert [alert["at"] for alert in planned] == [level["at"] for level in row["levels"]]
        assert planned[2]["recipients"] == ["ali", "bea", "cy"]
        other = (await place.call("GET", f"{path}&policy=data-exchange:16/10/5&limit=2")).json()
        assert [alert["days_until_deadline"] for alert in other["alerts"]] == [16, 10]
        (last,) = (await place.call("GET", f"{path}&policy=data-exchange:16/10/5&after={other['next']}")).json()[
            "alerts"
        ]
        assert last["days_until_deadline"] == 5
        place.wall = planned[2]["at"]
        await place.until_levels(ali=[1, 2, 3], bea=[2, 3], cy=[3])

    in_office(tmp_path, scene)


def test_a_recording_plans_what_the_service_plans_and_shows_no_more_than_its_level(tmp_path: Path) -> None:
    async def run() -> None:
        async with office(tmp_path / "data") as place:
            await place.put("c1")
            await place.put("c2")
            await place.put("hidden", classification="secret")
            await place.call("POST", "commitments/c2/complete")
            policy = place.service.node.services.alerts.policy
            path = "commitments/dry-run?from=2027-01-01&to=2027-12-31"
            served = (await place.call("GET", path, place.token("ali"))).json()["alerts"]
        recording = open_journal(tmp_path / "data" / "journal")
        table = planned_alerts(recording, policy, "2027-01-01", "2027-12-31")
        assert list(table["commitment"]) == ["c1", "c1", "c1"]
        assert [at.timestamp() for at in table.index] == [alert["at"] for alert in served]
        assert list(table["recipients"])[-1] == ("ali", "bea", "cy")

    asyncio.run(run())


LONG = "x" * 501
BAD_BODIES: dict[str, Any] = {
    "no fields": {},
    "a field too many": BODY | {"level": 1},
    "another type": BODY | {"mou_type": "friendship"},
    "a day that is none": BODY | {"due_date": "2027-02-30"},
    "a day of long ago": BODY | {"due_date": "0001-01-01"},
    "a time": BODY | {"due_date": "2027-02-20T00:00"},
    "two groups": BODY | {"escalation": [["a"], ["b"]]},
    "four groups": BODY | {"escalation": [["a"], ["b"], ["c"], ["d"]]},
    "nobody first": BODY | {"escalation": [[], ["b"], ["c"]]},
    "a user with a blank": BODY | {"escalation": [["a b"], [], []]},
    "too many users": BODY | {"escalation": [[f"u{n}" for n in range(101)], [], []]},
    "a title in one language": BODY | {"title": {"en": "only"}},
    "a long title": BODY | {"title": LONG},
    "an unknown level": BODY | {"classification": "cosmic"},
    "an id of dots": BODY | {"mou_id": ".."},
    "no owner": {name: value for name, value in BODY.items() if name != "owner"},
}
BAD_ENDS: dict[str, tuple[str, Message]] = {
    "snoozed to the past": ("snooze", {"until": 5}),
    "snoozed for ever": ("snooze", {"until": 9_000_000_000}),
    "snoozed until text": ("snooze", {"until": "tomorrow"}),
    "snoozed without an end": ("snooze", {}),
    "delegated without an end": ("delegate", {"to": "dan"}),
    "delegated to nobody": ("delegate", {"until": 1_900_000_000}),
    "delegated to a name with a blank": ("delegate", {"to": "a b", "until": 1_800_000_000}),
    "completed with a body": ("complete", {"why": "x"}),
}
BAD_QUERIES = (
    "commitments?limit=0",
    "commitments?after=x",
    "commitments?mou=a%20b",
    "commitments/dry-run",
    "commitments/dry-run?from=soon&to=later",
    "commitments/dry-run?from=2027-02-01&to=2027-01-01",
    "commitments/dry-run?from=2027-01-01&to=2027-02-01&policy=x",
    "commitments/dry-run?from=2027-01-01&to=2027-02-01&policy=data-exchange:7/30/60",
    "commitments/dry-run?from=2027-01-01&to=2027-02-01&policy=%7B%22data-exchange%22%3A1%7D",
    "commitments/dry-run?from=2027-01-01&to=2027-02-01&policy=%7B%5B",
    "commitments/dry-run?from=2027-01-01&to=2027-02-01&after=-1",
    "commitments/a%20b",
)


@asynccontextmanager
async def registered(folder: Path) -> AsyncIterator[Office]:
    async with office(folder / "data") as place:
        assert (await place.put("c1")).status_code == 200
        yield place


def test_bad_input_is_refused_with_its_place_and_changes_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with registered(tmp_path) as place:
            before = (await place.call("GET", "commitments")).text
            for name, body in BAD_BODIES.items():
                answer = await place.call("PUT", "commitments/c1", json=body)
                assert (answer.status_code, bool(answer.json().get("path"))) == (400, True), (name, answer.text)
            for name, (act, body) in BAD_ENDS.items():
                answer = await place.call("POST", f"commitments/c1/{act}", json=body)
                assert answer.status_code == 400, (name, answer.text)
            for path in BAD_QUERIES:
                answer = await place.call("GET", path)
                assert answer.status_code == 400, (path, answer.text)
            assert (await place.call("GET", "commitments")).text == before

    asyncio.run(run())


def test_what_a_sender_without_authority_said_of_an_id_stops_no_commitment(tmp_path: Path) -> None:
    """A sender with the right to one user's channel only cannot alert and acknowledge an id before it is registered."""

    async def scene(place: Office) -> None:
        own = place.token("mallory", "write:user:mallory")
        assert (await place.publish(own, alert("c1", 3, "mallory"))).status_code == 200
        assert (await place.call("POST", "commitments/c1/ack", own)).status_code == 200
        answer = await place.put("c1")
        assert answer.status_code == 200, answer.text
        place.wall = answer.json()["levels"][0]["at"]
        await place.until_levels(ali=[1], bea=[], cy=[])
        ali = place.token("ali")
        assert (await place.call("POST", "commitments/c1/ack", ali)).json()["acknowledged_by"] == "ali"

    in_office(tmp_path, scene)


def test_another_deadline_raises_alerts_of_its_own_that_wait_in_the_inbox(tmp_path: Path) -> None:
    """An owner who read and acknowledged the alert of the old deadline finds that of the new one unread and open."""

    async def scene(place: Office) -> None:
        row = (await place.put("c1")).json()
        place.wall = row["levels"][1]["at"]
        await place.until_levels(ali=[1, 2], bea=[2])
        assert (await place.call("POST", "commitments/c1/ack", place.token("bea"))).status_code == 200
        moved = (await place.put("c1", due_date="2027-12-31")).json()
        assert (await place.service.engine.alerts.find("c1")) is None, "nothing of the old clock is kept"
        place.wall = moved["levels"][0]["at"]
        await place.until_levels(ali=[1, 2, 1], bea=[2])
        page = (await place.call("GET", "inbox", place.token("ali"))).json()
        assert [entry["id"] for entry in page["entries"]] == ["alert.c1.1", "alert.c1.2", "alert.c1.1-1"]
        (*_, newest) = await place.got("ali")
        assert newest["payload"]["restarts"] == 1
        answer = (await place.call("POST", "commitments/c1/ack", place.token("ali"))).json()
        assert (answer["acknowledged_by"], answer["alert_level"]) == ("ali", 1)
        assert len(await place.got("bea", "alert_state")) == 1, "only that of the old clock"

    in_office(tmp_path, scene)


def test_registered_commitments_follow_the_calendar_of_the_next_start(tmp_path: Path) -> None:
    async def scene() -> None:
        async with office(tmp_path / "data", settings={"commitments.opens": "11:00"}) as place:
            late = (await place.put("c1")).json()["levels"][0]["at"]
        earlier = late - 3 * 3_600
        async with office(tmp_path / "data", earlier, settings={"commitments.opens": "08:00"}) as place:
            await place.until_levels(ali=[1])
            replanning = place.service.replanning
            assert await replanning.replan() == 0, "it is done once"

    asyncio.run(scene())
