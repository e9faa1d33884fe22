"""The score of a relationship as pure rules: bands, parts, silence, and the same past under other rules."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from app.configuration.config import load
from app.configuration.health_policy import health_policy, health_words
from app.engine.ports.records import MAX_RECORD_BYTES
from dossier_realtime.protocol.http.relationships import KeptFact
from dossier_realtime.recording.relationships import course
from dossier_realtime.recording.relationships.bands import ORDER, HealthBands
from dossier_realtime.recording.relationships.history import RecordedInput, course_of
from dossier_realtime.recording.relationships.scoring import (
    DAY_SECONDS,
    MAX_KEPT,
    HealthPolicy,
    components,
    computed,
    next_moment,
)

NOW = 1_798_000_000
POLICY = HealthPolicy()
BEGIN = course.Relationship(relationship_id="r1")


def fact(name: str, kind: str = "engagement", days_ago: float = 0, hours: float | None = None) -> KeptFact:
    return KeptFact(name, kind, int(NOW - days_ago * DAY_SECONDS), hours)  # type: ignore[arg-type]  # a word of the table


facts = st.builds(
    lambda number, kind, days, hours: fact(f"f{number}", kind, days, hours if kind == "response" else None),
    st.integers(0, 10_000),
    st.sampled_from(["engagement", "commitment_fulfilled", "commitment_missed", "response"]),
    st.integers(0, 400),
    st.floats(0, 500),
)
many = st.lists(facts, min_size=1, max_size=30, unique_by=lambda one: one.id)


@pytest.mark.parametrize(
    ("score", "before", "status"),
    [
        *((score, None, status) for score, status in ((100, "healthy"), (80, "healthy"), (79, "monitor"))),
        *((score, None, status) for score, status in ((60, "monitor"), (59, "at_risk"), (40, "at_risk"))),
        *((score, None, "critical") for score in (39, 0)),
        *((score, "healthy", status) for score, status in ((78, "healthy"), (77, "monitor"), (57, "at_risk"))),
        *((score, "monitor", status) for score, status in ((81, "monitor"), (82, "healthy"), (58, "monitor"))),
        *((score, "monitor", status) for score, status in ((57, "at_risk"), (39, "critical"))),
        *((score, "at_risk", status) for score, status in ((61, "at_risk"), (62, "monitor"), (38, "at_risk"))),
        *((score, "at_risk", status) for score, status in ((37, "critical"), (80, "healthy"))),
        *((score, "critical", status) for score, status in ((41, "critical"), (42, "at_risk"), (100, "healthy"))),
    ],
)
def test_the_status_of_a_score_at_each_boundary(score: int, before: str | None, status: str) -> None:
    assert HealthBands().status(score, before) == status  # type: ignore[arg-type]  # a word of the table


@given(st.integers(0, 100), st.sampled_from(ORDER), st.integers(0, 100))
def test_a_status_stays_or_is_the_band_of_the_score_and_no_smaller_step_brings_it_back(
    score: int, before: str, hysteresis: int
) -> None:
    bands = HealthBands(hysteresis=hysteresis)
    status = bands.status(score, before)  # type: ignore[arg-type]  # a word of the table
    assert status in (before, bands.band(score))
    assert bands.status(score, status) == status
    if status != before and hysteresis and 0 < score < 100:
        for near in (score - 1, score + 1):
            assert bands.status(near, status) == status or bands.band(near) != before
    assert (bands.status(0, before), bands.status(100, before)) == ("critical", "healthy")  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 100), max_size=40))
def test_each_change_of_status_follows_from_the_one_before_and_moves_sum_up(scores: list[int]) -> None:
    now, told = BEGIN, []
    for place, score in enumerate(scores):
        said = course.GivenScore(score=score, at=NOW + place * DAY_SECONDS, trigger=f"t{place}")
        now, change = course.after_score(now, said, POLICY)
        if change is not None:
            told.append(change)
            assert (change.score, change.trigger, change.new) == (score, f"t{place}", now.status)
    assert all(one.previous != one.new for one in told)
    assert all(after.previous == before.new for before, after in itertools.pairwise(told))
    if scores:
        assert now.score == scores[-1] == scores[0] + sum(one.points for one in now.moved)


@given(many, st.randoms(use_true_random=False))
def test_facts_have_one_effect_in_any_order_however_often_they_come(
    given_facts: list[KeptFact], chance: object
) -> None:
    whole = course.after_facts(BEGIN, given_facts, NOW, POLICY).after
    shuffled = [*given_facts]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # random.Random
    single = BEGIN
    for one in (*shuffled, *given_facts):
        single = course.after_facts(single, [one], NOW, POLICY).after
    assert (single.score, single.known) == (whole.score, whole.known)
    with pytest.raises(course.KnownFactError):
        course.after_facts(whole, [structs.replace(given_facts[0], at=given_facts[0].at - 1)], NOW, POLICY)


@given(many, st.integers(1, 500))
def test_between_two_moments_that_are_named_no_score_moves(given_facts: list[KeptFact], days: int) -> None:
    now = course.after_facts(BEGIN, given_facts, NOW, POLICY).after
    moment, end = next_moment(now.known, now.spoken_at, NOW, POLICY), float(NOW + days * DAY_SECONDS)
    until = end if moment is None else min(end, moment - 1)
    assert course.after_time(now, until, POLICY).after.score == now.score
    steps = now
    while (moment := next_moment(steps.known, steps.spoken_at, steps.looked, POLICY)) is not None and moment <= end:
        steps = course.after_time(steps, moment, POLICY).after
    at_once = course.after_time(now, end, POLICY)
    if computed(components(now.known, end, POLICY)) is not None:  # else the last score that was known stays
        assert at_once.after.score == steps.score
    assert at_once.after.known == now.known  # time forgets nothing: a clock that is set back finds it again


def test_of_each_part_the_newest_facts_are_kept() -> None:
    now = BEGIN
    for number in range(3 * MAX_KEPT):
        now = course.after_facts(now, [fact(f"f{number}", days_ago=300 - number)], NOW, POLICY).after
    assert [one.id for one in now.known.engagements] == [f"f{number}" for number in range(2 * MAX_KEPT, 3 * MAX_KEPT)]
    assert len(now.moved) <= course.MAX_MOVEMENTS


def test_the_largest_relationship_fits_into_a_record_with_the_largest_recommendations() -> None:
    now, source = BEGIN, f"dossier:{'t' * 64}:{'i' * 64}"
    kinds = ("engagement", "commitment_missed", "response")
    for number in range(MAX_KEPT):
        for kind in kinds:
            name = f"{kind[0]}{number:063d}"
            one = KeptFact(name, kind, NOW - number, 87_599.9 if kind == "response" else None, source, "confidential")  # type: ignore[arg-type]  # a word of the table
            now = course.after_facts(now, [one], NOW, POLICY).after
        given_score = course.GivenScore(score=number % 101, at=NOW + number, trigger="t" * 64, by="u" * 64)
        now = course.after_score(now, given_score, POLICY).after
    assert len(now.known.by_id()) == 3 * MAX_KEPT
    assert len(now.moved) == course.MAX_MOVEMENTS
    largest_body = 65_536  # of a call, and of a frame
    assert len(msgspec.json.encode(now)) + largest_body < MAX_RECORD_BYTES


def test_the_parts_and_their_weights_make_the_score() -> None:
    now = course.after_facts(BEGIN, [fact("e1"), fact("c1", "commitment_missed")], NOW, POLICY).after
    assert now.score == 53  # 100 × 0.40 of 0.75; the response time is unknown
    now = course.after_facts(now, [fact("p1", "response", hours=132)], NOW, POLICY).after
    assert now.score == 53  # 40 + 0 + 12.5, rounded half up
    now = course.after_facts(now, [fact("c2", "commitment_fulfilled")], NOW, POLICY).after
    assert now.score == 70


def test_the_same_past_under_other_rules() -> None:
    scores = [(0, 90), (10, 59), (20, 56), (30, 49), (40, 53), (50, 47)]
    inputs = [
        RecordedInput(at, given=course.GivenScore(score=score, at=at, trigger="score_given"))
        for days, score in scores
        for at in [float(NOW + days * DAY_SECONDS)]
    ]
    past = course_of("r1", inputs, (), NOW + 60 * DAY_SECONDS, POLICY)
    assert [(one.score, one.new) for one in past.changes] == [(59, "at_risk")]
    other = past.under(hysteresis=5, monitor_from=50)  # at risk below 50
    assert [(one.score, one.new) for one in other.changes] == [(59, "monitor")]
    assert [(one.score, one.new) for one in past.under(hysteresis=0, monitor_from=50).changes] == [
        (59, "monitor"),
        (49, "at_risk"),
        (53, "monitor"),
        (47, "at_risk"),
    ]
    assert past.score_at(NOW + 25 * DAY_SECONDS) == 56
    assert past.score_at(NOW - 1) is None
    assert list(past.scores()["score"]) == [score for _, score in scores]
    with pytest.raises(ValueError, match="rise"):
        past.under(monitor_from=90)


def test_the_rules_of_recordings_are_those_of_the_delivered_configuration() -> None:
    settings = load(None, {}, keys=False).relationships
    assert health_policy(settings) == POLICY
    words = health_words(settings)
    named = words.trigger(POLICY.silence_trigger)
    assert named is not None
    assert (named.en, "90" in named.ar) == ("No interaction for 90 days", True)
    assert [one.en for one in words.recommendations(POLICY.silence_trigger, "at_risk")] == [
        "Schedule bilateral meeting",
        "Review pending commitments",
    ]
    assert words.trigger("unheard_of") is None


@pytest.mark.parametrize(
    "wrong",
    [{"healthy_from": 50}, {"engagement_weight": 0.5}, {"full_hours": 300.0}],
)
def test_settings_that_do_not_go_together_are_refused(wrong: dict[str, float]) -> None:
    settings = load(None, {}, keys=False).relationships
    with pytest.raises(ValueError, match=r"^relationships"):
        health_policy(structs.replace(settings, **wrong))
