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
    """Yield each place outside of `protocol.channels` that builds or parses names of channels."""
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


AUTHORIZATION = "dossier_realtime.protocol.authorization"
CLASSIFICATION = "dossier_realtime.protocol.classification"


def rights_are_decided_in_one_place(tree: Tree) -> Iterator[str]:
    """Yield each comparison of a clearance: the socket and HTTP ask `access`, code that shows facts asks `may_see`."""
    for module in tree.values():
        if module.within(AUTHORIZATION, "tests"):
            continue
        for node in ast.walk(module.tree):
            match node:
                case ast.ImportFrom(module=source, names=names) if source == AUTHORIZATION and module.within("app"):
                    if any(alias.name == "decide" for alias in names):
                        yield f"{module.name} imports decide: use access, which takes the settings in force"
                case ast.Compare(left=left, ops=operators, comparators=[right]):
                    ordered = any(isinstance(each, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for each in operators)
                    if ordered and any(
                        isinstance(side, ast.Attribute) and side.attr == "clearance" for side in (left, right)
                    ):
                        yield f"{module.name}, line {node.lineno}, compares a clearance: use may_see or access"
                case _:
                    pass


def levels_have_one_home(tree: Tree) -> Iterator[str]:
    """Yield each list of the levels outside of `protocol.classification` and the wire's type."""
    for module in tree.values():
        if module.within(CLASSIFICATION, "dossier_realtime.protocol.fields", "tests"):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                words = {each.value for each in node.elts if isinstance(each, ast.Constant)}
                if {"internal", "confidential"} <= words:
                    yield f"{module.name}, line {node.lineno}, lists the levels: use {CLASSIFICATION}.LEVELS"


def class_names_are_unique(tree: Tree) -> Iterator[str]:
    """Yield each public class whose name another module defines too."""
    known: dict[str, str] = {}
    for module in tree.values():
        if module.within("tests"):
            continue
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                first = known.setdefault(node.name, module.name)
                if first != module.name:
                    yield f"{module.name}.{node.name}: {first} has a class of this name; name it after its own part"


LAWS = (
    channel_names_have_one_home,
    rights_are_decided_in_one_place,
    levels_have_one_home,
    class_names_are_unique,
)
