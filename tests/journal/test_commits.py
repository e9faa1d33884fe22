"""The commits that a journal holds, in whatever order they were recorded."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from app.journal.commits import LOOKBACK_SECONDS, RecordedCommits, recorded_commits
from app.journal.writer import Journal

NODE = "n1"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@given(st.data())
def test_each_commit_that_is_missing_is_behind_the_last_that_is_sure_and_not_among_the_known(
    data: st.DataObject,
) -> None:
    """Commits are recorded up to half of the lookback later than their turn, or not at all: then the end is near."""
    times = data.draw(st.lists(st.floats(0, LOOKBACK_SECONDS / 4), min_size=1, max_size=20))
    late = data.draw(st.lists(st.sampled_from([0.0, 0.0, 0.5]), min_size=len(times), max_size=len(times)))
    at, turns = 1_000.0, []
    for number, (pause, share) in enumerate(zip(times, late, strict=True), 1):
        at += pause
        turns.append((at + share * LOOKBACK_SECONDS, number))
    end = data.draw(st.sampled_from([moment for moment, _ in turns]))
    recorded = [(moment, number) for moment, number in sorted(turns) if moment <= end]
    with TemporaryDirectory() as made:
        folder, clock = Path(made) / "journal", Clock()
        journal = Journal(folder, NODE, clock=clock, segment_bytes=data.draw(st.sampled_from([200, 2_000, 100_000])))
        for moment, number in recorded:
            clock.now = moment
            journal.record("fanout", channel="alert:global", offset=number, commit=number, frame="{}")
            journal.record("out", frame="{}", detail={"commit": 10_000})
        journal.close()
        found = recorded_commits(folder, NODE)
    numbers = {number for _, number in recorded}
    missing = {number for moment, number in turns if number not in numbers and number < max(numbers)}
    assert missing == {number for number in range(found.until + 1, max(numbers)) if number not in found.known}
    assert found.known <= numbers


def test_an_empty_journal_holds_none(tmp_path: Path) -> None:
    Journal(tmp_path, NODE).close()
    assert recorded_commits(tmp_path, NODE) == RecordedCommits(0, frozenset())


def test_what_segments_before_held_is_known_by_the_first_line_of_the_next(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, NODE, clock=clock, segment_bytes=1)
    for number in (5, 3, 9):
        journal.record("fanout", commit=number, frame="{}")
    clock.now += 2 * LOOKBACK_SECONDS
    journal.record("fanout", commit=7, frame="{}")
    journal.close()
    assert recorded_commits(tmp_path, NODE) == RecordedCommits(9, frozenset({7}))
