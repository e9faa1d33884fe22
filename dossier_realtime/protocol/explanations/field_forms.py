"""The forms of fields in words, for refusals: what a pattern means, and which values a field takes."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from msgspec import inspect

from ..fields import Alternative, Date, FieldName, Id, Line, Link, Name
from ..http.commitments import MouType
from ..http.pair_forms import Language

_WORDS: dict[Any, str] = {
    Id: "1 to 64 of the characters A-Z a-z 0-9 . _ -, and not dots alone",
    Name: "a letter A-Z or a-z, then up to 63 of A-Z a-z 0-9 _",
    FieldName: "1 to 64 of the characters a-z 0-9 _ .",
    Line: "any text without the character U+0000",
    Link: "a path of this product (/…) or an address https://…, without blanks",
    Alternative: "one line without control characters",
    Date: "a date YYYY-MM-DD",
    Language: 'the tag of a language, such as "en", "ar" or "ar-SA"',
    MouType: "1 to 64 of the characters a-z 0-9 -",
}
_PATTERNS = {repr(meta.pattern): words for form, words in _WORDS.items() for meta in form.__metadata__}
_STEP = re.compile(r"\.(\w+)|\[[^\]]*\]")


def pattern_in_words(error: str) -> str | None:
    """Return the form that a decoder's error asks for by its pattern, in words."""
    return next((words for pattern, words in _PATTERNS.items() if pattern in error), None)


def values_at(kind: Any, path: str) -> tuple[str, ...]:
    """Return the values that a message takes at a JSON path, where they are an enumeration; else nothing."""
    found = [_type_of(kind)]
    for step in _STEP.finditer(path.removeprefix("$")):
        found = [inner for outer in found for inner in _inside(outer, step.group(1))]
    return tuple(dict.fromkeys(value for each in found for value in _values(each)))


@cache
def _type_of(kind: Any) -> inspect.Type:
    """Return the fields of a type: made once, since a client may send many wrong frames."""
    return inspect.type_info(kind)


def _inside(outer: inspect.Type, field: str | None) -> list[inspect.Type]:
    """Return the types of a field, or of the items where `field` is None."""
    match outer:
        case inspect.UnionType(types):
            return [inner for each in types for inner in _inside(each, field)]
        case inspect.StructType(fields=fields) if field is not None:
            return [each.type for each in fields if each.encode_name == field]
        case inspect.ListType(item_type=item) | inspect.DictType(value_type=item) if field is None:
            return [item]
        case inspect.VarTupleType(item_type=item) if field is None:
            return [item]
        case inspect.Metadata(type=inner):
            return _inside(inner, field)
        case _:
            return []


def _values(found: inspect.Type) -> list[str]:
    match found:
        case inspect.UnionType(types):
            return [value for each in types for value in _values(each)]
        case inspect.LiteralType(values):
            return [str(value) for value in values]
        case inspect.EnumType(cls):
            return [str(each.value) for each in cls]
        case inspect.Metadata(type=inner):
            return _values(inner)
        case _:
            return []
