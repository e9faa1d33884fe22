"""The source tree as the laws see it: modules, what they import, what they call; read by `ast`, never run."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOTS = (
    *("dossier_realtime", "dossier_realtime_server", "app", "dashboard", "demo"),
    *("tools", "benchmarks", "tests", "run.py"),
)
SKIPPED = {"node_modules", "__pycache__"}


@dataclass(frozen=True)
class Module:
    """One source file. `imports` are dotted names: modules of the project where they are, else as written."""

    name: str
    text: str
    tree: ast.Module
    imports: frozenset[str]

    def within(self, *places: str) -> bool:
        return any(is_within(self.name, place) for place in places)


Tree = dict[str, Module]


def is_within(name: str, place: str) -> bool:
    """Return whether a dotted name is `place` or lies in it."""
    return name == place or name.startswith(place + ".")


def read_tree(root: Path) -> Tree:
    """Return every module of the project under `root`, by name."""
    files = {_name(root, file): file for file in _files(root)}
    tree: Tree = {}
    for name, file in sorted(files.items()):
        text = file.read_text(encoding="utf-8")
        parsed = _parsed(text, file)
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        tree[name] = Module(name, text, parsed, frozenset(_imports(parsed, package, files.keys())))
    return tree


def _parsed(text: str, file: Path) -> ast.Module:
    # CPython 3.11 counts the depth of all threads in one place: it is wrong where another thread, which formats a
    # traceback, parses a line meanwhile.
    for _ in range(100):
        with suppress(SystemError):
            return ast.parse(text, str(file))
    return ast.parse(text, str(file))


def _files(root: Path) -> Iterator[Path]:
    for place in (root / name for name in ROOTS):
        for file in [place] if place.is_file() else place.rglob("*.py"):
            if not SKIPPED & set(file.parts):
                yield file


def _name(root: Path, file: Path) -> str:
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.Module, package: str, known: Collection[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in known else base
