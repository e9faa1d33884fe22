"""The law of objects: what a method of an object reads is there from its making on."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from tests.architecture.tree import Tree

PLACES = ("dossier_realtime", "dossier_realtime_server", "app", "dashboard", "demo", "tools", "benchmarks")
MAKERS = {"__init__", "__post_init__", "__new__", "initialize"}  # the last one is Tornado's
OTHERS_OWN = {"_finished", "host", "port"}
"""Attributes of bases outside of the project: of Tornado's RequestHandler, of redis-py's Connection."""

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_Classes = dict[str, list[ast.ClassDef]]


def attributes_are_made_with_their_object(tree: Tree) -> Iterator[str]:
    """Yield each attribute that a later method sets first: until then a reader meets an AttributeError.

    Nothing else finds it: mypy takes the attribute for one that is always there. A class that declares it in its body
    says so, and why it may not be set yet belongs beside it.
    """
    classes: _Classes = defaultdict(list)
    for module in tree.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(node)
    for module in tree.values():
        for node in ast.walk(module.tree) if module.within(*PLACES) else ():
            if isinstance(node, ast.ClassDef):
                known = _made(node, classes, set()) | OTHERS_OWN
                for method in (one for one in node.body if isinstance(one, _Function)):
                    for name in sorted(_set_by(method) - known):
                        yield f"{module.name}.{node.name}.{method.name} sets {name} first: set it in __init__"


LAWS = (attributes_are_made_with_their_object,)


def _made(node: ast.ClassDef, classes: _Classes, seen: set[str]) -> set[str]:
    """Return the attributes of new objects, those of all bases of the project with them."""
    found = set(_declared(node.body))
    for method in (one for one in node.body if isinstance(one, _Function)):
        found |= {method.name} | (_set_by(method) if method.name in MAKERS else set())
    for base in node.bases:
        written = base.value if isinstance(base, ast.Subscript) else base
        name = written.attr if isinstance(written, ast.Attribute) else getattr(written, "id", "")
        if name not in seen:
            for one in classes.get(name, []):
                found |= _made(one, classes, seen | {name})
    return found


def _declared(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ast.AnnAssign):
            yield ast.unparse(statement.target)
        elif isinstance(statement, ast.Assign):
            yield from (ast.unparse(target) for target in statement.targets)
        elif isinstance(statement, ast.If):  # TYPE_CHECKING: what a mixin finds in the class that it is mixed into
            yield from _declared(statement.body)


def _set_by(method: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
