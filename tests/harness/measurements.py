"""Sizes of the promises, and their measurements: one printed line each at the end of the run."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

FULL = os.environ.get("DOSSIER_PROMISES") == "full"
"""The sizes that the promises name, for hours by hand; else sizes for continuous integration, in the same scenes."""

_FIGURE = "figure"
"""The name of a line among a test's properties: they travel with its report, also from a worker of a spread run."""

Report = Callable[[str], None]
Sized = Callable[[int, int], int]


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Return `report("64 in flight, 5 kills: 0 lost")`, which prints a line under the test's name."""
    name = request.node.name.removeprefix("test_")

    def line(text: str) -> None:
        request.node.user_properties.append((_FIGURE, f"{name}: {text}"))

    return line


@pytest.fixture
def sized() -> Sized:
    """Return `sized(200, 10_000)`: the first in continuous integration, the second in full size."""
    return lambda ci, full: full if FULL else ci


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Full sizes take the time they take."""
    for item in items:
        if FULL:
            item.add_marker(pytest.mark.timeout(0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for kind in terminalreporter.stats.values() for one in kind if isinstance(one, pytest.TestReport)]
    ended = sorted((one for one in reports if one.when == "teardown"), key=lambda one: one.nodeid)
    if figures := [str(text) for one in ended for name, text in one.user_properties if name == _FIGURE]:
        terminalreporter.section(f"promises ({'full' if FULL else 'reduced'} size)")
        for line in figures:
            terminalreporter.line(line)
