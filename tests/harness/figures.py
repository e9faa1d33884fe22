"""Sizes, and the figures: each promise says what it measured in one line at the end of the run."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

FULL = os.environ.get("DOSSIER_PROMISES") == "full"
"""The sizes that the promises name, for hours by hand; else sizes for continuous integration, in the same scenes."""

_FIGURES = pytest.StashKey[list[str]]()

Report = Callable[[str], None]
Sized = Callable[[int, int], int]


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """`report("64 in flight, 5 kills: 0 lost")`: a line of figures, under the test's name."""
    figures = request.config.stash.setdefault(_FIGURES, [])
    name = request.node.name.removeprefix("test_")

    def line(text: str) -> None:
        figures.append(f"{name}: {text}")

    return line


@pytest.fixture
def sized() -> Sized:
    """`sized(200, 10_000)`: how many, in continuous integration and in full."""
    return lambda ci, full: full if FULL else ci


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Full sizes take the time they take."""
    for item in items:
        if FULL:
            item.add_marker(pytest.mark.timeout(0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if figures := config.stash.get(_FIGURES, []):
        terminalreporter.section(f"promises ({'full' if FULL else 'reduced'} size)")
        for line in figures:
            terminalreporter.line(line)
