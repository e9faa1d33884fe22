"""The wheel, built once for the tests of the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.package.environments import Environment, build_wheel, install


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdk(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return an environment with the wheel and no extra."""
    return install(wheel, tmp_path_factory.mktemp("sdk") / "venv")


@pytest.fixture(scope="session")
def server(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return an environment with the extra `server`."""
    return install(wheel, tmp_path_factory.mktemp("server") / "venv", "server")
