"""The laws of shape: a constructor takes few parts, a folder holds few modules."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from tests.architecture.tree import Tree

MAX_PARAMETERS = 7
MAX_MODULES = 12


def constructors_take_few_parts(tree: Tree) -> Iterator[str]:
    """Yield each class that is made of more than seven parameters: more belong into small dataclasses of parts.

    A frozen dataclass is a record of data and may have any number of fields. Of another dataclass only fields without
    a default count: state that begins empty is made without arguments.
    """
    for module in tree.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and (count := _parameters(node)) > MAX_PARAMETERS:
                yield f"{module.name}.{node.name} is made of {count} parameters: group them into dataclasses of parts"


def folders_are_small(tree: Tree) -> Iterator[str]:
    """Yield each folder of more than twelve modules; test files, each of which stands for itself, are not counted."""
    folders = Counter(
        name.rpartition(".")[0]
        for name in tree
        if not name.rpartition(".")[2].startswith("test_") and not _is_package(name, tree)
    )
    for folder, count in folders.items():
        if count > MAX_MODULES:
            yield f"{folder} holds {count} modules, more than {MAX_MODULES}: give it sub-folders"


LAWS = (constructors_take_few_parts, folders_are_small)


def _is_package(name: str, tree: Tree) -> bool:
    return any(other.startswith(name + ".") for other in tree)


def _parameters(node: ast.ClassDef) -> int:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return len([*statement.args.posonlyargs, *statement.args.args, *statement.args.kwonlyargs]) - 1
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    if not any("dataclass" in one and "frozen=True" not in one for one in decorators):
        return 0
    return sum(isinstance(one, ast.AnnAssign) and one.value is None for one in node.body)
