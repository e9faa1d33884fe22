"""Laws of single rooms, beyond the imports that their floors allow."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.architecture.tree import Tree


def the_web_knows_services_only(tree: Tree) -> Iterator[str]:
    """Handlers reach stores by services: what a call does can then be asked of the service without HTTP."""
    for module in tree.values():
        if not module.within("app.web"):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr == "engine":
                yield f"{module.name}, line {node.lineno}, reaches for an engine: call a service of app/services"


_CALLS = {"get", "post", "put", "delete", "patch", "head", "options", "request", "stream", "Client", "AsyncClient"}


def calls_in_tests_have_a_timeout(tree: Tree) -> Iterator[str]:
    """Yield the httpx calls of tests that leave the time-out to httpx, which is 5 s."""
    for module in tree.values():
        if not module.within("tests") or module.within("tests.package"):
            continue
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="httpx"), attr=name), keywords=named):
                    if name in _CALLS and all(each.arg != "timeout" for each in named):
                        yield f"{module.name}, line {node.lineno}, calls httpx.{name}: say timeout=HANG_SECONDS"
                case ast.ImportFrom(module="httpx"):
                    yield f"{module.name}, line {node.lineno}, imports a name of httpx: import httpx"
                case _:
                    pass


LAWS = (the_web_knows_services_only, calls_in_tests_have_a_timeout)
