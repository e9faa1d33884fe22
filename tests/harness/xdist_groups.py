"""Spread tests over the cores: in groups, each of which one worker runs, the longest groups first.

A group is a file, unless files share fixtures that are expensive to make (a day at an office, executed notebooks): then
it is all of these. Files that no pattern but the last one fits are cheap, and fill the gaps at the end.
"""

from __future__ import annotations

from collections.abc import Generator
from fnmatch import fnmatch

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

GROUPS: tuple[tuple[str, str], ...] = (
    ("", "tests/dashboard/test_accessibility.py"),
    ("notebooks", "tests/notebooks/*"),
    ("office", "tests/dashboard/test_pages.py"),
    ("office", "tests/dashboard/test_re*.py"),
    ("office", "tests/dashboard/test_audit_page.py"),
    ("package", "tests/package/*"),
    ("", "tests/promises/*"),
    ("", "tests/ot/test_simulation.py"),
    ("", "tests/ot/test_transform.py"),
    ("", "tests/dashboard/*"),
    ("", "tests/hostile/*"),
    ("", "tests/demo/*"),
    ("", "tests/web/*"),
    ("", "tests/typescript/*"),
    ("", "tests/docs/*"),
    ("", "tests/engine/*"),
    ("", "tests/journal/*"),
    ("", "tests/sdk/*"),
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


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives each group to one worker as a whole, in the order of the table."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """Schedule by groups, whatever `--dist` says.

    The groups of pytest-xdist 3.8 itself rest on test names that pytest 9.2 does not let it change.
    """
    config.option.loadscopereorder = False  # its order is by the count of tests
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the groups. A run in one process keeps the order of the files."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: group_of(item.path.relative_to(config.rootpath).as_posix())[0])


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(config: pytest.Config) -> Generator[None, object, object]:
    """Escape lone surrogates in a worker's report (a test may log them): one that cannot be sent ends the whole run."""
    report = yield
    return sendable(report) if hasattr(config, "workerinput") else report


def sendable(value: object) -> object:
    """Return the same value with every text in it encodable as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {sendable(key): sendable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(sendable(inner) for inner in value)
    return value
