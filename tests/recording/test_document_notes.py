"""The comments of a document, the holders of its clauses and its state, at any time of a recording."""

from __future__ import annotations

import pytest

from dossier_realtime.archive import open_journal
from dossier_realtime.ot.units import from_units
from dossier_realtime.recording.recording import Recording
from tests.recording.discussed_scenario import COUNSEL, DOCUMENT, WORDS, Discussed, play


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Discussed:
    return play(tmp_path_factory.mktemp("discussed") / "data")


@pytest.fixture(scope="module")
def recording(played: Discussed) -> Recording:
    return open_journal(played.service.data / "journal", clearance="secret")


def test_comments_stand_at_their_words_at_every_time(played: Discussed, recording: Recording) -> None:
    history, at = recording.document(DOCUMENT), played.moments
    (first,) = history.comments(at["commented"])
    assert (first.user_name, first.text, first.quote, first.status) == ("Ali", COUNSEL, WORDS, "open")
    for place, closed in ((at["held"], False), (history.last, True)):
        words, month = history.comments(place, closed=closed)
        text = history.document_at(place).text
        assert [from_units(text[one.start : one.end]) for one in (words, month)] == [WORDS, "May"]  # type: ignore[arg-type]
        assert (month.user_name, month.replacement) == ("سارة", "June")
    assert history.comments(at["answered"]) == []
    assert {one.status for one in history.comments(at["answered"], closed=True)} == {"resolved", "rejected"}
    with pytest.raises(KeyError):
        history.comments(99)


def test_locks_and_the_state_are_those_of_the_time(played: Discussed, recording: Recording) -> None:
    history, at = recording.document(DOCUMENT), played.moments
    assert history.locks(at["commented"]) == history.locks(at["answered"]) == []
    (lock,) = history.locks(at["held"])
    assert (lock.field, lock.user, lock.name) == ("clause.1", "ali", "Ali")
    assert at["commented"] < lock.since < at["held"] < lock.until
    assert [history.state(at[name]).frozen for name in ("answered", "frozen")] == [False, True]
    notes = recording.state_at(at["held"]).notes[f"document:{DOCUMENT}"]
    assert (len(notes.threads), list(notes.locks)) == (2, ["clause.1"])


def test_who_may_not_read_the_document_learns_nothing_of_what_was_said(played: Discussed) -> None:
    lower = open_journal(played.service.data / "journal", clearance="public")
    with pytest.raises(KeyError):
        lower.document(DOCUMENT)
    notes = lower.state_at(played.moments["held"]).notes
    assert all(not note.threads and not note.locks for note in notes.values())
