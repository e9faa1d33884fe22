"""The Python code of the page for analysts works, on the journal of a real scene."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT
from tests.recording.recorded_scenario import play

PAGE = ROOT / "docs" / "analysts.md"


def test_the_python_of_the_page_for_analysts_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played = play(tmp_path / "var")
    with played.service as service:
        for score in (90, 55):
            headers = {"Authorization": f"Bearer {service.token('program', 'write:relationship:*')}"}
            url = f"{service.http}/v1/relationships/mou-7/score"
            answer = httpx.post(url, json={"score": score}, headers=headers, timeout=HANG_SECONDS)
            assert answer.status_code == 200
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "run.py", "export", "--to", str(tmp_path / "sara.ndjson"), "--user", "sara"]
    subprocess.run([*command, "--data", str(played.service.data)], cwd=ROOT, check=True, capture_output=True)
    code = "\n".join(re.findall(r"^```py\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE))
    assert "transcript" in code
    names: dict[str, object] = {}
    exec(code.replace("/tmp/sara.ndjson", "sara.ndjson"), names)  # noqa: S102, S108  our own page
    assert names["export"]
    assert "dossier_update" in capsys.readouterr().out
