"""Validation as JSON Schema means it, in Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
from jsonschema.validators import extend


def _pattern(_: Any, pattern: str, instance: object, __: Any) -> Iterator[jsonschema.ValidationError]:
    r"""Return errors of `pattern` as JSON Schema means it: `$` is the end of the text, in Python `\Z`."""
    if isinstance(instance, str) and re.search(pattern.replace("$", r"\Z"), instance) is None:
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = extend(jsonschema.Draft202012Validator, {"pattern": _pattern})


def faults(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """Return the errors of a value against a schema whose references point into a document."""
    whole = {**document, **schema}
    return [f"{error.json_path}: {error.message[:300]}" for error in Validator(whole).iter_errors(value)]


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object in a schema, from the outside in."""
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from parts(inner)


def closed(schema: Any) -> Any:
    """Return the schema in which no object has a field that is not described."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    return made
