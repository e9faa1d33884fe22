"""Messages made from their types: one with every field filled, any valid one, and the places of values in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from msgspec import inspect

from dossier_realtime.protocol.fields import ABSENT, END

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct

_WORDS = ("a", "/a", "2025-10-15", "#0a0b0c")
_TEXT = st.characters(codec="utf-8")

Path = tuple[str | int, ...]


def full(struct: type[Struct]) -> dict[str, Any]:
    """Return a JSON document of this type in which no field is absent."""
    document: dict[str, Any] = _full(inspect.type_info(struct))
    return document


def _full(kind: inspect.Type) -> Any:
    match kind:
        case inspect.Metadata():
            return _full(kind.type)
        case inspect.StructType():
            tag = {kind.tag_field: kind.tag} if kind.tag_field else {}
            return tag | {field.encode_name: _full(field.type) for field in kind.fields}
        case inspect.UnionType():
            return _full(next(part for part in kind.types if not isinstance(part, inspect.NoneType)))
        case inspect.ListType() | inspect.VarTupleType():
            return [_full(kind.item_type)]
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.BoolType():
            return True
        case inspect.EnumType():
            return next(iter(kind.cls)).value
        case inspect.AnyType():
            return None
        case inspect.IntType():
            return max(kind.ge or 0, 1)
        case inspect.FloatType():
            return 0.5
        case inspect.StrType():
            return next(word for word in _WORDS if re.search(kind.pattern or "", word))
        case _:
            raise NotImplementedError(f"{kind}: say here what fills it")


def places(struct: type[Struct], wanted: type[inspect.Type]) -> Iterator[tuple[Path, bool]]:
    """Yield the places of values of a kind in `full(struct)`, and whether null may stand there instead."""
    yield from _places(inspect.type_info(struct), wanted, (), nullable=False)


def _places(
    kind: inspect.Type, wanted: type[inspect.Type], path: Path, *, nullable: bool
) -> Iterator[tuple[Path, bool]]:
    match kind:
        case inspect.Metadata():
            yield from _places(kind.type, wanted, path, nullable=nullable)
        case inspect.StructType():
            for field in kind.fields:
                yield from _places(field.type, wanted, (*path, field.encode_name), nullable=False)
        case inspect.UnionType():
            first = next(part for part in kind.types if not isinstance(part, inspect.NoneType))
            yield from _places(first, wanted, path, nullable=kind.includes_none)
        case inspect.ListType() | inspect.VarTupleType():
            yield from _places(kind.item_type, wanted, (*path, 0), nullable=False)
        case _:
            if isinstance(kind, wanted):
                yield path, nullable


def put(document: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    """Return the document, changed in place."""
    *parents, last = path
    place: Any = document
    for key in parents:
        place = place[key]
    place[last] = value
    return document


def json_path(path: Path) -> str:
    """As the codec writes it: `$.payload.actions[0].url`."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


def messages(struct: type[Struct]) -> st.SearchStrategy[Any]:
    """Any valid instance."""
    return _strategy(inspect.type_info(struct))


def _strategy(kind: inspect.Type) -> st.SearchStrategy[Any]:  # noqa: C901  one line a kind of type
    match kind:
        case inspect.Metadata():
            return _strategy(kind.type)
        case inspect.StructType():
            fields = {field.name: _strategy(field.type) for field in kind.fields}
            required = {field.name: fields.pop(field.name) for field in kind.fields if _is_usual(field)}
            made = st.fixed_dictionaries(required, optional=fields).map(lambda given: _made(kind.cls, given))
            return made.filter(lambda message: message is not None)
        case inspect.UnionType():
            return st.one_of(*map(_strategy, kind.types))
        case inspect.ListType() | inspect.VarTupleType():
            lists = st.lists(_strategy(kind.item_type), min_size=kind.min_length or 0, max_size=3)
            return lists.map(tuple) if isinstance(kind, inspect.VarTupleType) else lists
        case inspect.DictType():
            return st.dictionaries(_strategy(kind.key_type), _strategy(kind.value_type), max_size=3)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.EnumType():
            return st.sampled_from(kind.cls)
        case inspect.NoneType() | inspect.AnyType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(kind.ge, kind.le)
        case inspect.FloatType():
            return st.floats(kind.ge, kind.le, allow_nan=False, allow_infinity=False)
        case inspect.StrType():
            return _strings(kind)
        case _:
            raise NotImplementedError(f"{kind}: say here how to make one")


def _is_usual(field: inspect.Field) -> bool:
    """Return true for a field that is in every message, or in nearly every one of its type."""
    return field.required or field.default == ABSENT


def _made(struct: type[Any], given: dict[str, Any]) -> Any:
    """Return the message; None where its fields do not go together."""
    try:
        return struct(**given)
    except ValueError:
        return None


def _strings(kind: inspect.StrType) -> st.SearchStrategy[str]:
    low, high = kind.min_length or 0, kind.max_length
    if kind.pattern is None:
        return st.text(_TEXT, min_size=low, max_size=high)
    made = st.from_regex(kind.pattern.removesuffix(END), fullmatch=True, alphabet=_TEXT)
    return made.filter(lambda text: low <= len(text) <= (high or len(text)))
