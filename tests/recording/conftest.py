"""One scene for all tests that read a recording."""

from __future__ import annotations

import pytest

from dossier_realtime.archive import open_journal
from dossier_realtime.recording.recording import Recording
from tests.recording.recorded_scenario import RecordedScenario, play


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> RecordedScenario:
    return play(tmp_path_factory.mktemp("recording") / "data")


@pytest.fixture(scope="session")
def recording(played: RecordedScenario) -> Recording:
    return open_journal(played.service.data / "journal", clearance="secret")
