"""The TypeScript package: its types, its tests, its build, its size, and three empty projects that use it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

import dossier_realtime
from tests.harness.measurements import Report
from tests.harness.service import Service
from tests.typescript.conftest import PACKAGE, run, tool

MAX_CORE_BYTES = 15_000  # gzipped
pytestmark = pytest.mark.long


def test_the_types_hold() -> None:
    tool("tsc", "-p", "tsconfig.test.json")


def test_its_own_tests_pass_against_the_service(tmp_path: Path) -> None:
    with Service(tmp_path / "data", {"limits.general": 10_000}) as service:
        tokens = {
            name: service.token(name, "admin:*", clearance="secret", name=name.capitalize()) for name in ("ali", "sara")
        }
        environment = {"REALTIME_URL": service.url, "REALTIME_TOKENS": json.dumps(tokens)}
        said = tool("vitest", "run", environment=environment)
        assert "skipped" not in said
        service.assert_log_clean()


def test_the_core_is_small(report: Report) -> None:
    sizes = json.loads(run("node", "scripts/sizes.mjs"))
    report("gzipped: " + ", ".join(f"{name} {size / 1000:.1f} kB" for name, size in sizes.items()))
    assert sizes["core"] <= MAX_CORE_BYTES


def test_nothing_is_needed_at_run_time() -> None:
    manifest = json.loads((PACKAGE / "package.json").read_text())
    assert not manifest.get("dependencies")


def test_it_is_of_the_version_and_under_the_licence_of_the_project(tarball: Path) -> None:
    manifest = json.loads((PACKAGE / "package.json").read_text())
    lock = json.loads((PACKAGE / "package-lock.json").read_text())
    assert {manifest["version"], lock["version"], lock["packages"][""]["version"]} == {dossier_realtime.__version__}
    with tarfile.open(tarball) as packed:
        member = packed.extractfile("package/LICENSE")
        assert member is not None
        assert member.read() == (PACKAGE.parents[1] / "LICENSE").read_bytes()


def test_what_is_packed_resolves_everywhere(tarball: Path) -> None:
    tool("publint", "run", str(tarball), "--strict")
    tool(
        "attw", str(tarball), "--profile", "node16",
        "--exclude-entrypoints", "shared-worker.js", "dossier-realtime.global.js",
    )  # fmt: skip
