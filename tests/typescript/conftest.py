"""The TypeScript package as its own tools see it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.eventually import HANG_SECONDS

PACKAGE = Path(__file__).parents[2] / "sdk" / "typescript"
_TOOL_SECONDS = 20 * HANG_SECONDS  # a compiler on a loaded machine; only a hang takes so long

Run = Callable[..., str]


def run(*command: str, cwd: Path = PACKAGE, environment: dict[str, str] | None = None) -> str:
    """Run a command and return what it prints; a failure fails the test with all that it said."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "CI": "1", "NO_COLOR": "1", "npm_config_update_notifier": "false", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=_TOOL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tool(name: str, *arguments: str, **more: Any) -> str:
    """Run a tool that the package has locked."""
    return run(str(PACKAGE / "node_modules" / ".bin" / name), *arguments, **more)


@pytest.fixture(scope="session")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it would be published: built from a copy, and packed."""
    copy = tmp_path_factory.mktemp("package")
    for part in ("src", "scripts", "package.json", "tsconfig.json", "README.md", "LICENSE"):
        if (PACKAGE / part).exists():
            run("cp", "-r", str(PACKAGE / part), str(copy))
    (copy / "node_modules").symlink_to(PACKAGE / "node_modules")
    run("node", "scripts/build.mjs", cwd=copy)
    packed = json.loads(run("npm", "pack", "--json", "--ignore-scripts", cwd=copy))
    return copy / str(packed[0]["filename"])
