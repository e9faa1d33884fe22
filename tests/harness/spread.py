"""Spread tests over the cores: in groups, each of which one worker runs, the longest groups first.

A group is a file, unless files share fixtures that are expensive to make (a day at an office, executed notebooks): then
it is all of these. Files that no pattern but the last one fits are cheap, and fill the gaps at the end.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

GROUPS: tuple[tuple[str, str], ...] = (
    ("", "tests/dashboard/test_accessibility.py"),
    ("notebooks", "tests/notebooks/*"),
    ("office", "tests/dashboard/test_pages.py"),
    ("office", "tests/dashboard/test_re*.py"),
    ("office", "tests/dashboard/test_audit_page.py"),
    ("", "tests/promises/*"),
    ("", "tests/ot/test_simulation.py"),
    ("", "tests/ot/test_transform.py"),
    ("", "tests/dashboard/*"),
    ("", "tests/hostile/*"),
    ("", "tests/demo/*"),
    ("", "tests/docs/*"),
    ("", "tests/core/*"),
    ("", "*"),
)
"""Name of the group (empty: each file is a group of its own) and pattern of its files, in the order of their start."""


def group_of(file: str) -> tuple[int, str]:
    """Return the place of a file's group in the order of all, and its name. `file` is relative to the project."""
    place, name = next((at, name) for at, (name, pattern) in enumerate(GROUPS) if fnmatch(file, pattern))
    if not name:
        return place, file
    return next(at for at, (other, _) in enumerate(GROUPS) if other == name), name


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the groups and name them to pytest-xdist. A run in one process keeps the order of the files."""
    if not hasattr(config, "workerinput"):
        return
    groups = {item: group_of(item.path.relative_to(ROOT).as_posix()) for item in items}
    items.sort(key=lambda item: groups[item][0])
    for item, (_, name) in groups.items():
        item.add_marker(pytest.mark.xdist_group(name))
