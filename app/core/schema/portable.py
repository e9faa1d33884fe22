"""Parts of a schema in the form that validators and generators of other languages read."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from dossier_realtime.protocol.channels import SHAPES
from dossier_realtime.protocol.fields import END, SEGMENT

JsonSchema: TypeAlias = dict[str, Any]
"""A JSON Schema (2020-12), or a part of one."""

DOTS_ALONE = r"(^|:)\.+(:|$)"
"""A segment of dots alone, which no channel's name has: in a URL, `..` is another place."""


def portable(part: Any) -> Any:
    """Return a schema that msgspec made, with patterns for every language and single values as `const`."""
    if isinstance(part, list):
        return [portable(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {key: portable(value) for key, value in part.items() if key != "nullIsAbsent"}
    if isinstance(made.get("pattern"), str):
        made["pattern"] = made["pattern"].replace(END, "$")
    if isinstance(made.get("enum"), list) and len(made["enum"]) == 1 and isinstance(made["enum"][0], str):
        made = {"const" if key == "enum" else key: value for key, value in made.items()}
        made["const"] = made["const"][0]
        made = {"type": "string", **made}  # some generators make an untyped constant of a `const` alone
    if made.get("required") == []:
        del made["required"]
    if made.get("default", "") is None:
        del made["default"]  # null and absent are the same
    return made


def described_defaults(part: Any) -> Any:
    """Return a schema with its defaults in descriptions: generators make a field that has a default a required one."""
    if isinstance(part, list):
        return [described_defaults(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {key: described_defaults(value) for key, value in part.items()}
    if "default" in made and ("anyOf" in made or "type" in made or "$ref" in made):
        said = f"Default: {json.dumps(made.pop('default'))}."
        made["description"] = f"{made['description']} {said}" if "description" in made else said
    return made


def text(field: str) -> str:
    """Return a docstring as one paragraph a line break, without the indentation that it has in the code."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in field.split("\n\n"))


def channel_name(*namespaces: str) -> JsonSchema:
    """Return the schema of the name of a channel of one of these namespaces."""
    forms = [":".join((name, *(SEGMENT for _ in SHAPES[name]))) for name in namespaces]
    shapes = [":".join((name, *(f"{{{segment}}}" for segment in SHAPES[name]))) for name in namespaces]
    return {
        "type": "string",
        "description": f"The name of a channel: {' or '.join(shapes)}.",
        "pattern": f"^{forms[0] if len(forms) == 1 else '(' + '|'.join(forms) + ')'}$",
        "not": {"pattern": DOTS_ALONE},
    }


def non_null(schema: JsonSchema) -> JsonSchema:
    """Return the schema of a field that may be null, without null and default."""
    kept = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    (only,) = (part for part in schema["anyOf"] if part != {"type": "null"})
    return {**only, **kept}
