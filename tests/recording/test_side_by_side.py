"""Two recorded texts in two columns, as of one time."""

from __future__ import annotations

import pytest

from dossier_realtime.recording.recording import Recording


def test_two_recorded_texts_are_shown_as_of_one_time(recording: Recording) -> None:
    name = next(name for name in recording.index.fanouts if name.startswith("document:") and _edits(recording, name))
    history = recording.document(name)
    now = recording.side_by_side(name, name)
    assert now.first.content == now.second.content == history.at(history.last)
    assert now.titles == (name, name)
    assert "<table" in now._repr_html_()
    first = history.edits[0]
    then = recording.side_by_side(name, name, first.at)
    assert then.first.content == history.at(first.version)
    with pytest.raises(KeyError):
        recording.side_by_side(name, "document:never")


def _edits(recording: Recording, name: str) -> bool:
    try:
        return bool(recording.document(name).edits)
    except KeyError:
        return False
