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


LAWS = (the_web_knows_services_only,)
