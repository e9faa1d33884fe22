"""The pure rules of briefs: turns of users, steps that never fall, the circuit, the checks of a text, the calendars."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.briefs import job as jobs
from app.core.briefs.calendars import both_calendars
from app.core.briefs.circuit import CircuitBreaker
from app.core.briefs.facts import EntityFact, numbered
from app.core.briefs.fair_queue import FairQueue
from app.core.briefs.output_checks import cited, language_share, review, variety
from dossier_realtime.protocol.fields import Localized, Stage
from tests.web.model_server import good_text

USERS = st.sampled_from(["ali", "sara", "omar"])
STEPS = st.lists(st.tuples(st.sampled_from(jobs.STAGES), st.integers(0, 100)), max_size=30)


def job() -> jobs.BriefJob:
    requester = jobs.Requester("ali", "Ali", "editor", ["read:*"], "internal", 10**10)
    return jobs.BriefJob(
        request_id="r",
        requester=requester,
        type="meeting",
        entity_type="country",
        entity_id="SA",
        language="en",
        generator="template",
        created_at=1000.0,
        estimated_time=1,
    )


@given(st.lists(USERS, max_size=40))
def test_every_item_comes_once_and_no_user_is_served_twice_while_another_waits(owners: list[str]) -> None:
    queue, items = FairQueue(), {f"item-{number}": owner for number, owner in enumerate(owners)}
    for item, owner in items.items():
        queue.put(owner, item)
        queue.put(owner, item)
    assert len(queue) == len(items)
    served: list[str] = []
    left = Counter(owners)
    while (taken := queue.take()) is not None:
        owner = items[taken]
        recent = served[-(len([user for user in left if left[user]]) - 1) :] if served else []
        assert owner not in recent or sum(1 for user in left if left[user]) == 1
        served.append(owner)
        left[owner] -= 1
    assert Counter(served) == Counter(owners)


@given(st.lists(st.tuples(USERS, st.booleans()), max_size=30))
def test_what_is_removed_is_not_served(asked: list[tuple[str, bool]]) -> None:
    queue = FairQueue()
    for number, (owner, _) in enumerate(asked):
        queue.put(owner, f"item-{number}")
    for number, (_, wanted) in enumerate(asked):
        if not wanted:
            queue.remove(f"item-{number}")
            queue.remove(f"item-{number}")
    taken = set()
    while (found := queue.take()) is not None:
        taken.add(found)
    assert taken == {f"item-{number}" for number, (_, wanted) in enumerate(asked) if wanted}
    assert all(queue.waiting(owner) == 0 for owner, _ in asked)


@given(STEPS)
def test_steps_that_are_taken_rise_in_stage_and_progress(steps: list[tuple[Stage, int]]) -> None:
    now, taken = job(), []
    for stage, progress in steps:
        if jobs.is_ahead(now, stage, progress):
            now = jobs.advanced(now, stage, progress, 2000.0)
            taken.append((jobs.STAGES.index(stage), progress))
    assert taken == sorted(set(taken))
    assert [progress for _, progress in taken] == sorted(progress for _, progress in taken)


@pytest.mark.parametrize(
    ("kept", "given_up", "number"),
    [
        (0, 0, 1),  # the first time
        (2, 0, 3),  # its process was killed twice
        (1, 1, 1),  # the store took that it began, and no step
        (0, 1, 1),  # not even that
        (2, 3, 3),
        (3, 1, 4),  # another node began it meanwhile
    ],
)
def test_an_attempt_that_the_store_refused_is_begun_again_and_counts_once(
    kept: int, given_up: int, number: int
) -> None:
    begun = jobs.begun(replace(job(), attempts=kept), 1000.0, given_up)
    assert (begun.attempts, begun.state) == (number, "running")


def test_an_end_says_how_long_it_took_and_a_clock_that_jumps_back_says_none() -> None:
    begun = jobs.begun(job(), 1000.0)
    assert jobs.completed(begun, 0.91239, ["b", "a", "b"], 1028.5).generation_time == 28_500
    assert jobs.completed(begun, 0.91239, ["b", "a", "b"], 1028.5).sources == ["a", "b"]
    assert jobs.failed(begun, Localized("a", "b"), 10.0).generation_time == 0
    assert jobs.estimate([], 30_000) == 30_000
    assert jobs.estimate([1, 900, 5], 30_000) == 5


@pytest.mark.parametrize(
    ("kind", "entity_type", "channel"),
    [
        ("meeting", "country", "dossier:country:SA"),
        ("country", "", "dossier:country:SA"),
        ("meeting", "workspace", "workspace:SA"),
        ("meeting", "relationship", "relationship:SA"),
        ("meeting", "document", "document:SA"),
        ("meeting", "user", "dossier:user:SA"),
    ],
)
def test_an_entity_has_its_channel(kind: str, entity_type: str, channel: str) -> None:
    assert jobs.entity_channel(kind, entity_type, "SA") == channel


def test_the_circuit_opens_after_failures_in_a_row_and_one_call_tries_it() -> None:
    circuit = CircuitBreaker(3, 60.0)
    for _ in range(2):
        circuit.failed(0.0)
    circuit.succeeded()
    for at in (1.0, 2.0, 3.0):
        assert circuit.allows(at)
        circuit.failed(at)
    assert not circuit.allows(62.9)
    assert circuit.allows(63.0)
    assert not circuit.allows(63.1), "one call at a time"
    circuit.failed(64.0)
    assert not circuit.allows(123.9)
    assert circuit.allows(124.0)
    circuit.succeeded()
    assert all(circuit.allows(125.0) for _ in range(5))


def test_facts_above_the_rights_are_left_out_and_the_others_are_named() -> None:
    text = Localized("a", "b")
    found = [
        EntityFact("updates", ("dossier:secret:x",), text, 5.0),
        EntityFact("updates", ("dossier:country:SA",), text, 1.0),
        EntityFact("updates", ("dossier:country:SA", "dossier:secret:x"), text, 9.0),
        EntityFact("updates", ("dossier:country:SA",), text, 2.0),
        EntityFact("health", ("relationship:SA",), text),
    ]
    facts = numbered(found, lambda channels: "dossier:secret:x" not in channels)
    assert [(fact.id, fact.section, fact.at) for fact in facts.facts] == [
        ("F1", "health", None),
        ("F2", "updates", 2.0),
        ("F3", "updates", 1.0),
    ]


GIVEN = {"F1": "Sara changed the capital on 12 March 2026", "F2": "another"}


def test_a_good_text_passes_in_both_languages() -> None:
    for language, words in (("en", "x"), ("ar", "القواعد")):
        text = good_text({"messages": [{"content": words}]})
        found = review(text, language, GIVEN)  # type: ignore[arg-type]  # one of the two
        assert found.passed, found
        assert 0.9 <= found.confidence <= 1


@given(st.text(max_size=400), st.sampled_from(["en", "ar"]))
def test_no_text_breaks_the_checks(text: str, language: str) -> None:
    found = review(text, language, GIVEN)  # type: ignore[arg-type]  # one of the two
    assert 0 <= found.confidence <= 1
    assert found.passed or found.confidence == 0
    assert 0 <= language_share(text, "ar") <= 1
    assert 0 <= variety(text) <= 1


def test_numbers_and_sources_are_those_of_the_facts() -> None:
    good = good_text({"messages": [{"content": "x"}]})
    for said, passed in (
        (" on 12 March 2026 [F1]", True),
        (" on ١٢ March [F1]", True),
        (" on 13 March [F1]", False),
        (" [F1, F2]", True),
        (" [F1, F3]", False),
    ):
        assert review(good.replace(" [F1]", said, 1), "en", GIVEN).passed is passed, said
    assert cited("a [F1]. b [F2, F10] c [F3") == ["F1", "F2", "F10"]


def test_a_day_stands_in_both_calendars_and_languages() -> None:
    day = both_calendars(1_795_867_200)  # 28 November 2026, noon
    assert day.en.startswith("28 November 2026 (18 Jumada")
    assert day.en.endswith("1448 AH)")
    assert day.ar.startswith("28 نوفمبر 2026 (18 جمادى")
    assert both_calendars(0).en.startswith("1 January 1970 (23 Shawwal 1389 AH")
    assert both_calendars(7e9).en == "27 October 2191"


def test_the_time_that_a_brief_took_is_without_its_wait_in_the_queue() -> None:
    begun = jobs.begun(job(), 1500.0)
    assert jobs.completed(begun, 0.5, [], 1502.0).generation_time == 2_000
    again = jobs.begun(begun, 1600.0)
    assert jobs.completed(again, 0.5, [], 1601.5).generation_time == 1_500, "of the attempt that wrote it"
    assert jobs.cancelled(job(), 1500.0).generation_time is None, "it was never begun"
