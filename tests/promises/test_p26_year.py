"""A simulated year of 500 commitments: each level once, and none but the urgent one outside of working hours."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from datetime import date, timedelta

from app.configuration.config import load
from app.configuration.office_calendar import alert_policy
from app.core.domain.commitments import commitment as core
from dossier_realtime.protocol.http.commitments import CommitmentBody
from dossier_realtime.recording.commitments.dry_run import dry_run
from dossier_realtime.recording.commitments.work_calendar import hijri_date
from tests.promises.conftest import Report

COMMITMENTS, SHOWN, YEAR = 500, 10, 2027


def test_p26_a_year_of_500_commitments_in_simulated_time(report: Report) -> None:
    policy = alert_policy(load(None, {}, keys=False).commitments)
    types = sorted(policy.days_before)
    calendar = policy.calendar
    states: dict[str, core.Commitment] = {}
    waiting: list[tuple[float, str]] = []
    begin, end = calendar.midnight(date(YEAR, 1, 1)), calendar.midnight(date(YEAR + 1, 1, 1))
    for number in range(COMMITMENTS):
        due = date(YEAR, 4, 10) + timedelta(days=number * 264 // COMMITMENTS)
        body = CommitmentBody(
            mou_id=f"m{number % 9}",
            title=f"Commitment {number}",
            due_date=str(due),
            mou_type=types[number % len(types)],
            responsible_department="Agreements",
            owner="owner",
            escalation=[["first"], ["second"], ["third"]],
        )
        name = f"c{number:03d}"
        states[name] = core.registered(None, name, body, "owner", begin)
    planned = dry_run((one.deadline for one in states.values()), policy, begin, end)
    began = time.perf_counter()
    for name, state in states.items():
        moment = core.next_moment(state, policy)
        assert moment is not None
        heapq.heappush(waiting, (moment, name))
    fired: list[tuple[float, str, int]] = []
    told: Counter[tuple[str, int, str]] = Counter()
    everybody = frozenset({"first", "second", "third"})
    while waiting and waiting[0][0] < end:
        moment, name = heapq.heappop(waiting)
        step = core.climb(states[name], moment, everybody)
        states[name] = step.after
        fired.append((moment, name, step.level))
        told.update((name, step.level, user) for user in step.recipients)
        following = core.next_moment(step.after, policy)
        if following is not None:
            heapq.heappush(waiting, (following, name))
    seconds = time.perf_counter() - began
    assert [(alert.at, alert.commitment_id, alert.level) for alert in planned] == fired
    assert len(fired) == 3 * COMMITMENTS
    assert set(told.values()) == {1}
    assert len(told) == COMMITMENTS * (1 + 2 + 3)
    for moment, _, level in fired:
        assert level == 3 or not calendar.is_quiet(moment)
    report(f"{COMMITMENTS} commitments, {len(fired)} levels, {len(told)} alerts in {seconds:.2f} s of computing")
    for name in sorted(states)[:: COMMITMENTS // SHOWN]:
        said = states[name].said
        days = [calendar.local(moment).date() for moment, one, _ in fired if one == name]
        shown = "  ".join(f"{day:%a} {day} ({hijri.text})" for day in days if (hijri := hijri_date(day)))
        report(f"{name} {said.mou_type:<21} due {said.due_date}: {shown}")
