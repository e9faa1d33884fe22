"""A wheel of this checkout, and empty environments that it is installed into without a registry.

What the wheel says it requires is taken from the environment that runs the tests, package by package, and nothing
else: an import that no requirement covers fails as it would for a user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT

NAME = "dossier-realtime"
_BUILT_FROM = ("dossier_realtime", "dossier_realtime_server", "app", "dashboard", "demo", "config")
_BESIDE = ("pyproject.toml", "setup.py", "README.md", "LICENSE")


REMOVED = "removed_module.py"
"""A module that an earlier build left in `build/lib`, and that the checkout no longer has."""


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of this checkout and return its path; the checkout is left as it is.

    The copy is one that wheels were built in before: its `build/lib` holds a module that has been removed since.
    """
    source = folder / "source"
    source.mkdir()
    for name in _BESIDE:
        shutil.copy(ROOT / name, source)
    for name in _BUILT_FROM:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    left = source / "build" / "lib" / "dossier_realtime"
    left.mkdir(parents=True)
    (left / REMOVED).write_text("LEFT = True\n")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run([*command, "--wheel-dir", str(folder), str(source)])
    (wheel,) = folder.glob("*.whl")
    return wheel


def run(
    command: list[str], cwd: Path | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed, without the variables by which Python would find this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DOSSIER_"))}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=kept | (environment or {}),
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds the wheel, and what the wheel requires."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def command(self) -> Path:
        """The console command."""
        return self.folder / "bin" / NAME

    @property
    def packages(self) -> Path:
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def names(self) -> set[str]:
        """Return the names of the distributions that it holds."""
        return {canonicalize_name(found.name) for found in distributions(path=[str(self.packages)])}


def install(wheel: Path, folder: Path, *extras: str) -> Environment:
    """Install the wheel with `extras` into a new environment, which holds nothing else but what it requires."""
    venv.create(folder, symlinks=True)
    environment = Environment(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(environment.python), "install", "--quiet"]
    run([*pip, "--no-deps", "--no-index", str(wheel)])
    (installed,) = distributions(name=NAME, path=[str(environment.packages)])
    for required in _required(installed, frozenset(extras)):
        _link(required, environment.packages)
    return environment


def _required(first: Distribution, extras: frozenset[str]) -> list[Distribution]:
    """Return what a distribution requires, and what that requires, from the environment of the tests."""
    found: dict[str, Distribution] = {}
    asked = [(first, extras)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while asked:
        distribution_, wanted = asked.pop()
        key = (canonicalize_name(distribution_.name), wanted)
        if key in seen:
            continue
        seen.add(key)
        for text in distribution_.requires or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in (wanted or {""})):
                continue
            name = canonicalize_name(requirement.name)
            if name == NAME:
                asked.append((first, frozenset(requirement.extras)))
                continue
            try:
                found[name] = distribution(name)
            except PackageNotFoundError as missing:
                raise AssertionError(f"{key[0]} requires {name}, which the lock file does not hold") from missing
            version = found[name].version
            assert requirement.specifier.contains(version, prereleases=True), f"{text}: the lock file has {version}"
            asked.append((found[name], frozenset(requirement.extras)))
    return list(found.values())


def _link(package: Distribution, packages: Path) -> None:
    """Put the files of a distribution into an environment, as links to where they are."""
    for top in {file.parts[0] for file in package.files or [] if not file.is_absolute() and file.parts[0] != ".."}:
        target = packages / top
        if not target.exists():
            target.symlink_to(Path(str(package.locate_file(top))).resolve())
