"""Every path that a page names exists, and no sentence of a page begins with a relative word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import read_tree
from tests.harness.service import ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
READ = [page for page in PAGES if "decisions" not in page.parts and page.name not in ("CHANGELOG.md", "messages.md")]
"""Pages of prose. Decisions and changes keep the words of their day; messages.md is made from the code."""
PLAIN = [page for page in READ if page.name not in ("promises.md", "security.md")]
"""Without the two tables that quote names of tests."""
FOLDERS = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("build", "var"))
_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(rf"(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*<>-]*|[\w./*<>-]+\.(?:py|toml|md)")
_NOT_OURS = re.compile(r"^(/|var/|build/|\.venv)|^(NOTES|production|default)\.\w+$|^notebooks/monday")
_VAGUE = re.compile(r"\b(?:whoever|whomever|nobody|somebody|anybody|everybody)\b", re.IGNORECASE)
_SAVED = re.compile(r"[Ss]ave as\s+`([^`]+)`")
_RELATIVE = re.compile(
    r"(?:^|[.!?:]\s+|\|\s*|^#+\s+|^\s*[-*]\s+|^\d+\.\s+)(What|Who|Whom|Whose|Whether)\s", re.MULTILINE
)


def named_paths(text: str) -> Iterator[str]:
    """Yield each path of the repository that a page names in backquotes."""
    for code in _CODE.findall(_BLOCK.sub("", text)):
        for word in code.split():
            path = word.strip(".,;:()'\"").partition("#")[0].partition("::")[0]
            if _PATH.fullmatch(path) and not _NOT_OURS.match(path):
                yield path


def missing(text: str, page: Path) -> list[str]:
    """Return the paths that are neither in the repository nor beside the page, nor made by the page ("Save as …").

    `*` and `<name>` stand for any name.
    """
    gone = []
    made = set(_SAVED.findall(text))
    for path in named_paths(text):
        if path in made:
            continue
        pattern = re.sub(r"<[^>]+>", "*", path).rstrip("/")
        if not any(any(root.glob(pattern)) for root in (ROOT, page.parent)):
            gone.append(path)
    return gone


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    assert missing(page.read_text("utf-8"), page) == []


def test_a_path_that_is_gone_is_found() -> None:
    text = "See `app/node/nothing.py`, `app/bootstrap.py`, `app/services/<name>.py` and `core/session.py`."
    assert missing(text, ROOT / "README.md") == ["app/node/nothing.py", "core/session.py"]


@pytest.fixture(scope="module")
def defined() -> dict[str, set[str]]:
    """Return the classes and aliases of the tree, and the functions defined in each class."""
    classes: dict[str, set[str]] = {}
    for module in read_tree(ROOT).values():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                names = {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
                classes.setdefault(node.name, set()).update(names)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                classes.setdefault(node.targets[0].id, set())
    return classes


@pytest.mark.parametrize("name", ["docs/architecture.md", "docs/testing.md", "CONTRIBUTING.md"])
def test_every_class_and_method_that_a_page_names_is_defined(name: str, defined: dict[str, set[str]]) -> None:
    text = _BLOCK.sub("", (ROOT / name).read_text("utf-8"))
    named = re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+|[A-Z][a-z]+(?=\.))(?:\.(\w+))?`", text)
    gone = [(kind, method) for kind, method in named if kind not in defined or (method and method not in defined[kind])]
    assert gone == []


@pytest.mark.parametrize("page", READ, ids=lambda page: page.stem)
def test_no_sentence_begins_with_a_relative_word(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text("utf-8"))
    assert [text[m.start() : m.start() + 60] for m in _RELATIVE.finditer(text)] == []


@pytest.mark.parametrize("page", PLAIN, ids=lambda page: page.stem)
def test_a_page_names_persons_and_programs_by_what_they_are(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text("utf-8"))
    assert [text[m.start() : m.start() + 60] for m in _VAGUE.finditer(text)] == []


@pytest.mark.parametrize(
    "text", ["Who asks is heard.", "It ends. What remains is kept.", "## What it raises", "| Whom |"]
)
def test_a_sentence_that_begins_so_is_found(text: str) -> None:
    assert _RELATIVE.search(text)
