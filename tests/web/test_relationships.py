"""Relationships over HTTP: scores, facts, silence, reasons, lists, and who may see and change them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.domain.projections import relationships as core
from app.engine.ports.records import RecordChange
from app.services import due_clock
from dossier_realtime.archive import open_journal
from dossier_realtime.protocol.http.relationships import KeptFact
from dossier_realtime.recording.relationships.course import after_facts
from dossier_realtime.recording.relationships.scoring import HealthPolicy
from tests.harness.eventually import eventually_async
from tests.web.relationship_office import DAY, HEALTH, MORNING, HealthOffice, Message, health_office


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service look at the wall clock, which the test sets, without the second in between."""
    monkeypatch.setattr(due_clock, "_LOOK_SECONDS", 0.01)


def in_office(folder: Path, scene: Callable[[HealthOffice], Awaitable[None]], wall: float = MORNING) -> None:
    async def run() -> None:
        async with health_office(folder / "data", wall) as place:
            await scene(place)

    asyncio.run(run())


def fact(name: str, kind: str, days_ago: float = 0, **more: Any) -> Message:
    return {"id": name, "kind": kind, "at": int(MORNING - days_ago * DAY), **more}


def test_a_change_of_status_is_published_once_as_the_contract_prints_it(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        first = await place.score("r1", 73 + 12)
        assert (first["score"], first["status"], await place.told("r1")) == (85, "healthy", [])
        advice = ["Schedule bilateral meeting", "Review pending commitments"]
        said: Message = {"trigger": "no_interaction_90_days", "recommendations": advice}
        for _ in range(2):  # a repeated call has one effect
            row = await place.score("r1", 58, **said)
            assert (row["score"], row["status"], row["recommendations"]) == (58, "at_risk", advice)
        (told,) = await place.told("r1")
        assert told == {
            "type": HEALTH,
            "channel": "relationship:r1",
            "offset": 1,
            "payload": {
                "relationship_id": "r1",
                "previous_status": "healthy",
                "new_status": "at_risk",
                "score_change": -27,
                "current_score": 58,
                "trigger": "no_interaction_90_days",
                "recommendations": advice,
            },
        }

    in_office(tmp_path, scene)


def test_the_same_calls_at_once_have_one_effect(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        await place.score("r1", 90)
        rows = await asyncio.gather(*(place.score("r1", 30, trigger="visit_cancelled") for _ in range(8)))
        assert {row["status"] for row in rows} == {"critical"}
        assert len(await place.told("r1")) == 1
        new = [fact(f"e{number}", "engagement") for number in range(4)]
        await asyncio.gather(*(place.facts("r1", *new) for _ in range(4)), *(place.facts("r1", one) for one in new))
        assert (await place.why("r1"))["components"][0]["facts"] == len(new)
        assert [one["payload"]["new_status"] for one in await place.told("r1")] == ["critical", "healthy"]
        assert [one["points"] for one in (await place.why("r1"))["moved"]] == [70, -60, 0]

    in_office(tmp_path, scene)


def test_a_score_near_a_boundary_does_not_change_the_status_back_and_forth(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        statuses = [
            (await place.score("r1", score))["status"] for score in (80, 79, 78, 79, 77, 80, 81, 82, 39, 41, 42)
        ]
        assert statuses == [*["healthy"] * 4, *["monitor"] * 3, "healthy", "critical", "critical", "at_risk"]
        steps = [(one["payload"]["previous_status"], one["payload"]["new_status"]) for one in await place.told("r1")]
        assert steps == [
            ("healthy", "monitor"),
            ("monitor", "healthy"),
            ("healthy", "critical"),
            ("critical", "at_risk"),
        ]

    in_office(tmp_path, scene)


def test_facts_make_a_score_and_why_says_which_moved_it(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        await place.facts("r1", fact("e1", "engagement"), fact("c1", "commitment_fulfilled", 3))
        row = await place.facts("r1", fact("c2", "commitment_missed"), fact("e1", "engagement"))
        assert (row["score"], row["status"], row["basis"]) == (77, "monitor", "facts")
        why = await place.why("r1")
        moved = [(one["trigger"], one["points"], one["fact"]["id"]) for one in why["moved"]]
        assert moved == [("commitment_missed", -23, "c2"), ("commitment_fulfilled", 0, "c1")]  # c1 is the first score
        assert why["moved"][0]["at"] == MORNING
        assert {*why["moved"][0]["text"]} == {"en", "ar"}
        assert why["unknown"] == ["response_time"]
        assert {part["name"]: part.get("points") for part in why["components"]} == {
            "engagement": 100.0,
            "commitments": 50.0,
            "response_time": None,
        }
        (told,) = await place.told("r1")
        assert told["payload"]["trigger"] == "commitment_missed"
        assert {*told["payload"]["recommendations"][0]} == {"en", "ar"}
        again = await place.call("POST", "relationships/r1/facts", json={"facts": [fact("c2", "commitment_missed")]})
        assert (again.status_code, again.json()["taken"]) == (200, 0)
        other = await place.call("POST", "relationships/r1/facts", json={"facts": [fact("c2", "engagement")]})
        assert (other.status_code, other.json()["path"]) == (409, "$.facts[0].id")

    in_office(tmp_path, scene)


def test_a_silence_is_noticed_by_the_clock_once_also_over_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        async with health_office(tmp_path / "data") as place:
            await place.facts("r1", *(fact(f"e{number}", "engagement") for number in range(3)))
            await place.facts("r2", *(fact(f"e{number}", "engagement") for number in range(3)))
            place.wall = MORNING + 90 * DAY - 1
            await place.settle()
            assert await place.told("r1") == []
            assert "silent" not in await place.why("r1")
            place.wall += 1
            await place.settle()
            (told,) = await place.told("r1")
            assert told["payload"]["trigger"] == "no_interaction_90_days"
            assert told["payload"]["previous_status"] == "healthy"
            assert told["payload"]["recommendations"][0] == {
                "en": "Schedule bilateral meeting",
                "ar": "جدولة اجتماع ثنائي",
            }
            place.wall -= 30 * DAY  # set back, and on again
            await place.settle()
            place.wall += 30 * DAY
            await place.settle()
            assert len(await place.told("r1")) == 1
            assert (await place.why("r1"))["silent"] is True
        async with health_office(tmp_path / "data", MORNING + 400 * DAY) as place:
            await place.settle()
            assert [len(await place.told(name)) for name in ("r1", "r2")] == [1, 1]

    asyncio.run(run())


def test_a_silence_that_begins_while_the_service_is_down_is_noticed_on_its_return(tmp_path: Path) -> None:
    async def run() -> None:
        async with health_office(tmp_path / "data") as place:
            await place.score("r1", 90)
            await place.facts("r1", fact("c1", "commitment_fulfilled"), fact("e1", "engagement"))
        for _ in range(2):
            async with health_office(tmp_path / "data", MORNING + 200 * DAY) as place:
                await place.settle()
                (told,) = await place.told("r1")
                assert told["payload"]["trigger"] == "no_interaction_90_days"

    asyncio.run(run())


def test_changes_that_other_programs_publish_are_listed_and_explained(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        payload = {
            "relationship_id": "r1",
            "previous_status": "healthy",
            "new_status": "at_risk",
            "score_change": -15,
            "current_score": 58,
            "trigger": "no_interaction_90_days",
            "recommendations": ["Schedule bilateral meeting"],
        }
        event = {"type": HEALTH, "channel": "relationship:r1", "payload": payload}
        assert (await place.call("POST", "publish", json={"events": [event]})).status_code == 200
        why = await place.why("r1")
        assert (why["relationship"]["score"], why["relationship"]["status"]) == (58, "at_risk")
        assert why["moved"][0]["text"]["en"] == "No interaction for 90 days"
        listed = (await place.call("GET", "relationships")).json()["relationships"]
        assert [row["recommendations"] for row in listed] == [["Schedule bilateral meeting"]]
        await place.score("r1", 59)  # within the hysteresis of what was told
        assert len(await place.told("r1")) == 1
        await place.score("r1", 90)
        assert [one["payload"]["previous_status"] for one in await place.told("r1")] == ["healthy", "at_risk"]

    in_office(tmp_path, scene)


def test_a_brief_about_the_entity_rests_on_the_score_and_what_moved_it(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        await place.facts("r1", fact("e1", "engagement"))
        await place.facts("r1", fact("c1", "commitment_missed", source="dossier:mou:hidden-mou"))
        reader = place.token("sara", "read:relationship:*")
        asked = {"type": "relationship", "entity_type": "relationship", "entity_id": "r1", "language": "en"}
        answer = await place.call("POST", "briefs", reader, json=asked)
        assert answer.status_code == 202, answer.text
        read: list[Message] = []

        async def complete() -> bool:
            read[:] = [(await place.call("GET", f"briefs/{answer.json()['request_id']}", reader)).json()]
            return bool(read[0].get("text"))

        await eventually_async(complete, lambda: read)
        assert "Score 53: at risk" in read[0]["text"]["en"]
        assert "An engagement was recorded" in read[0]["text"]["en"]
        assert "commitment was missed" not in str(read) + str(await place.told("r1")).replace("commitment_missed", "")

    in_office(tmp_path, scene)


def test_lists_are_paged_worst_first_by_the_rights_of_the_reader(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        scores = {f"r{number}": (number * 37) % 101 for number in range(25)}
        for name, score in scores.items():
            await place.score(name, score)
        worst = [(score, name) for name, score in scores.items()]
        read, after = [], ""
        while True:
            page = (await place.call("GET", f"relationships?limit=4&after={after}")).json()
            read += [(row["score"], row["relationship_id"]) for row in page["relationships"]]
            after = page.get("next", "")
            if not after:
                break
        assert read == sorted(worst)
        some = place.token("sara", "read:relationship:r3", "read:relationship:r7")
        assert [
            row["relationship_id"] for row in (await place.call("GET", "relationships", some)).json()["relationships"]
        ] == [name for _, name in sorted((scores[name], name) for name in ("r3", "r7"))]
        critical = (await place.call("GET", "relationships?status=critical")).json()["relationships"]
        assert {row["score"] for row in critical} == {score for score, _ in worst if score < 40}

    in_office(tmp_path, scene)


def test_a_fact_is_shown_only_to_readers_of_the_channel_that_it_came_from(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        source = "dossier:mou:hidden-mou"
        await place.facts("r1", fact("e1", "engagement"))
        await place.facts("r1", fact("secretfact", "commitment_missed", source=source))
        reader = place.token("sara", "read:relationship:*")
        both = place.token("omar", "read:relationship:*", "read:dossier:*")
        assert [one["fact"]["id"] for one in (await place.why("r1", both))["moved"]] == ["secretfact", "e1"]
        for path in ("relationships/r1/why", "relationships/r1", "relationships"):
            assert "secretfact" not in (answer := await place.call("GET", path, reader)).text
            assert "hidden-mou" not in answer.text
        level = {"classification": "secret"}
        admin = place.token("admin", "admin:*", clearance="secret")
        assert (await place.call("PUT", f"channels/{source}", admin, json=level)).status_code == 200
        assert [one["fact"]["id"] for one in (await place.why("r1", both))["moved"]] == ["e1"]
        # A score is shown to all who may read the relationship: nothing that is classified above it may move it.
        above = {"facts": [fact("x1", "engagement", source=source)]}
        answer = await place.call("POST", "relationships/r1/facts", json=above)
        assert (answer.status_code, answer.json()["path"]) == (403, "$.facts[0].source")
        stranger = place.token("sara", "write:relationship:*")
        answer = await place.call("POST", "relationships/r1/facts", stranger, json=above)
        absent = {"facts": [fact("x1", "engagement", source="dossier:mou:none")]}
        other = await place.call("POST", "relationships/r1/facts", stranger, json=absent)
        assert (answer.status_code, answer.content) == (403, other.content)

    in_office(tmp_path, scene)


def test_without_the_right_or_the_clearance_every_answer_is_the_same(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        await place.score("r1", 50)
        admin = place.token("admin", "admin:*", clearance="secret")
        secret = {"classification": "secret"}
        assert (await place.call("PUT", "channels/relationship:r1", admin, json=secret)).status_code == 200
        answers = set()
        for token in (place.token("sara", "write:relationship:*"), place.token("stranger")):
            for name in ("r1", "nowhere"):
                if name == "nowhere" and token != place.token("stranger"):
                    continue
                for path in ("", "/why"):
                    answer = await place.call("GET", f"relationships/{name}{path}", token)
                    answers.add((answer.status_code, answer.content))
                for path, body in (("score", {"score": 5}), ("facts", {"facts": [fact("e1", "engagement")]})):
                    answer = await place.call("POST", f"relationships/{name}/{path}", token, json=body)
                    answers.add((answer.status_code, answer.content))
            assert (await place.call("GET", "relationships", token)).json() == {"relationships": []}
        assert len(answers) == 1
        assert answers.pop()[0] == 403
        assert (await place.call("GET", "relationships/unknown")).status_code == 404

    in_office(tmp_path, scene)


def test_the_journal_names_a_classified_relationship_to_the_cleared_only(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        admin = place.token("admin", "admin:*", clearance="secret")
        for name in ("openone", "hiddenone"):
            await place.score(name, 90)
        secret = {"classification": "secret"}
        assert (await place.call("PUT", "channels/relationship:hiddenone", admin, json=secret)).status_code == 200
        await place.score("hiddenone", 30)
        await place.why("hiddenone")

    in_office(tmp_path, scene)
    journal = tmp_path / "data" / "journal"
    assert [one.score for one in open_journal(journal, clearance="secret").health("hiddenone").points] == [90, 30]
    shown = " ".join(str(entry) for entry in open_journal(journal).entries())
    assert "openone" in shown
    assert "hiddenone" not in shown
    with pytest.raises(KeyError):
        open_journal(journal).health("hiddenone")


GOOD = {"id": "e1", "kind": "engagement", "at": 5}
BAD: list[tuple[str, object, str]] = [
    ("score", {}, "$"),
    ("score", {"score": "58"}, "$.score"),
    ("score", {"score": 58.0}, "$.score"),
    ("score", {"score": True}, "$.score"),
    ("score", {"score": 101}, "$.score"),
    ("score", {"score": -1}, "$.score"),
    ("score", {"score": 5, "trigger": "not a name"}, "$.trigger"),
    ("score", {"score": 5, "recommendations": [{"en": "only one"}]}, "$.recommendations[0]"),
    ("score", {"score": 5, "recommendations": [5]}, "$.recommendations[0]"),
    ("score", {"score": 5, "recommendations": ["x"] * 51}, "$.recommendations"),
    ("score", {"score": 5, "more": 1}, "$"),
    ("facts", {}, "$"),
    ("facts", {"facts": []}, "$.facts"),
    ("facts", {"facts": [GOOD] * 51}, "$.facts"),
    ("facts", {"facts": [{**GOOD, "id": "a b"}]}, "$.facts[0].id"),
    ("facts", {"facts": [GOOD, {**GOOD, "id": "e2", "kind": "dinner"}]}, "$.facts[1].kind"),
    ("facts", {"facts": [{**GOOD, "at": -1}]}, "$.facts[0].at"),
    ("facts", {"facts": [{**GOOD, "at": MORNING + 301}]}, "$.facts[0].at"),
    ("facts", {"facts": [{**GOOD, "hours": 5}]}, "$.facts[0].hours"),
    ("facts", {"facts": [{**GOOD, "kind": "response"}]}, "$.facts[0].hours"),
    ("facts", {"facts": [{**GOOD, "kind": "response", "hours": -1}]}, "$.facts[0].hours"),
    ("facts", {"facts": [{**GOOD, "source": "nowhere:1"}]}, "$.facts[0].source"),
    ("facts", {"facts": [{**GOOD, "source": "dossier:"}]}, "$.facts[0].source"),
]


def test_bad_input_is_refused_with_its_path_and_has_no_effect(tmp_path: Path) -> None:
    async def scene(place: HealthOffice) -> None:
        for call, body, path in BAD:
            answer = await place.call("POST", f"relationships/r1/{call}", json=body)
            told = answer.json()
            assert (answer.status_code, told["error_code"]) == (400, "INVALID_MESSAGE_FORMAT"), (body, answer.text)
            assert told["path"] == path, (body, told)
        assert (await place.call("GET", "relationships/r1")).status_code == 404
        for query in ("limit=0", "after=x", "status=fine"):
            assert (await place.call("GET", f"relationships?{query}")).status_code == 400

    in_office(tmp_path, scene)


def test_nothing_that_is_due_costs_ten_thousand_relationships_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_clock, "_LOOK_SECONDS", 1.0)

    async def scene(place: HealthOffice) -> None:
        engine = place.service.engine

        policy, changes = HealthPolicy(), []
        for number in range(10_000):
            kept = [KeptFact(f"e{number}-{one}", "engagement", int(MORNING - one * DAY)) for one in range(5)]
            relationship = after_facts(core.begun(f"r{number}"), kept, MORNING, policy).after
            told = core.folded(relationship, MORNING, policy)
            changes.append(RecordChange(core.KIND, f"r{number}", 0, told.body, told.labels, told.order, due=told.due))
        for start in range(0, len(changes), 500):
            await engine.broker.publish([], None, changes[start : start + 500])
        began, steady = time.process_time(), time.monotonic()
        await asyncio.sleep(3)  # looks at the wall clock
        spent, passed = time.process_time() - began, time.monotonic() - steady
        with capsys.disabled():
            print(f"\n10,000 relationships, nothing due: {100 * spent / passed:.2f} % of a core")  # noqa: T201
        assert not await engine.records.due(core.KIND, MORNING, 1)

    in_office(tmp_path, scene)
