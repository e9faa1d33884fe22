"""The package that programs install: what its wheel holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT


def test_the_wheel_holds_the_sdk_and_its_types_and_nothing_of_the_service(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "dossier_realtime", source / "dossier_realtime")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--wheel-dir", str(tmp_path), str(source)],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "dossier_realtime/py.typed" in names
    assert "dossier_realtime/client/client.py" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"dossier_realtime"}
