"""Since when programs can be heard: from the first look after each break."""

from __future__ import annotations

import pytest

from app.core.instant import Instant
from app.engine.ports.errors import Moved, Unavailable
from app.journal.lanes import ActNotRecorded
from app.services.briefs.silence.listening import Listening

SILENCE = 60.0


class Surroundings:
    """A steady clock and the health of store and journal, set by the test alone."""

    def __init__(self) -> None:
        self.now, self.takes_changes = 100.0, True
        self.listening = Listening(lambda: Instant(self.now, 0.0), lambda: self.takes_changes, SILENCE)

    def since_at(self, *times: float) -> list[float]:
        """Look at some times; return since when programs could be heard at each."""
        found = []
        for self.now in times:
            found.append(self.listening.since())
        return found


def test_it_begins_with_the_first_look_and_lasts() -> None:
    assert Surroundings().since_at(110.0, 115.0, 120.0) == [110.0, 110.0, 110.0]


def test_it_begins_again_once_store_and_journal_are_healthy() -> None:
    around = Surroundings()
    around.since_at(100.0)
    around.takes_changes = False
    assert around.since_at(110.0, 120.0) == [110.0, 120.0]
    assert around.listening.seconds() == 0.0
    around.takes_changes = True
    assert around.since_at(125.0, 130.0) == [125.0, 125.0]
    assert around.listening.seconds() == 5.0


@pytest.mark.parametrize("error", [Unavailable("away"), ActNotRecorded("the journal is full")])
def test_it_begins_again_after_a_refusal_that_no_health_told_of(error: Exception) -> None:
    around = Surroundings()
    around.since_at(100.0)
    with pytest.raises(type(error)), around.listening.noticing():
        raise error
    assert around.since_at(120.0, 130.0) == [120.0, 120.0]


def test_a_change_that_came_too_late_is_no_break() -> None:
    around = Surroundings()
    around.since_at(100.0)
    with pytest.raises(Moved), around.listening.noticing():
        raise Moved("r1")
    assert around.since_at(120.0) == [100.0]


def test_it_begins_again_where_the_process_was_held_up() -> None:
    """Stopped, or suspended with its machine, it took no report; the steady clock went on."""
    around = Surroundings()
    assert around.since_at(100.0, 100.0 + SILENCE / 2, 200.0, 210.0) == [100.0, 100.0, 200.0, 200.0]
