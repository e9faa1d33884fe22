"""The laws of one home a fact: what is told in one place is told in no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dossier_realtime.protocol.channels import SHAPES
from tests.architecture.tree import Module, Tree

CHANNELS = "dossier_realtime.protocol.channels"
_CUTS = {"partition", "rpartition", "split", "rsplit"}
_BEGINNING = re.compile(rf"(?:{'|'.join(SHAPES)}):")
_A_NAME = re.compile(r"(?:.*_)?(?:channel|name|pattern)s?")


def channel_names_have_one_home(tree: Tree) -> Iterator[str]:
    """Names of channels are built and taken apart by `protocol.channels` alone."""
    for module in tree.values():
        if not module.within(CHANNELS, "tests"):
            for place in _channel_grammar(module):
                yield f"{module.name}, line {place}, writes the grammar of channels: use {CHANNELS}"


def _channel_grammar(module: Module) -> Iterator[int]:
    for node in ast.walk(module.tree):
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if _BEGINNING.match(text):
                # `dossier: the port is taken` is a sentence
                if not text.partition(":")[2].startswith(" "):
                    yield node.lineno
            case ast.Constant(value=str(text)) if _BEGINNING.fullmatch(text):
                if not _is_part_of_a_sentence(node, module.tree):
                    yield node.lineno
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=cut),
                args=[ast.Constant(value=":"), *_],
            ) if cut in _CUTS and _A_NAME.fullmatch(owner):
                yield node.lineno
            case _:
                pass


def _is_part_of_a_sentence(constant: ast.Constant, tree: ast.Module) -> bool:
    """Return whether the constant is a piece of a formatted string, which is judged as a whole."""
    return any(isinstance(node, ast.JoinedStr) and constant in node.values for node in ast.walk(tree))


LAWS = (channel_names_have_one_home,)
