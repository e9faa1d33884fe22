"""The first test that the guide for testers shows is a test: saved where the guide says, it passes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT

pytestmark = pytest.mark.long


def test_the_first_test_of_the_guide_passes(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```py\n(.*?)^```", (ROOT / "docs" / "testing.md").read_text(), re.DOTALL | re.MULTILINE)
    conftest = "from tests.conftest import usual_umask\nfrom tests.web.conftest import one_process, service\n"
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_first.py").write_text(example)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_the_folders_of_the_fast_check_are_there() -> None:
    named = re.search(r"^PURE := \$\(addprefix tests/,([^)]*)\)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named is not None
    folders = named[1].split()
    assert folders
    assert [name for name in folders if not (ROOT / "tests" / name).is_dir()] == []
