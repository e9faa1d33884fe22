"""Writes vectors.json: what every implementation must agree on, byte for byte, in plain JSON.

    python -m tests.ot.make_vectors

The forms, all offsets in UTF-16 code units:

- document: `[text, [[position, length, attributes], …]]`
- operation: a list of components: `n` retains, `-n` deletes, `"text"` inserts, `["text", attributes]` inserts with
  attributes, `[n, attributes]` formats
- `apply`: `[document, operation, document after, inverse operation]`
- `transform`: `[document, first, second, first', second', document after both]`
- `cursor`: `[operation, own, [position, selection_length], [position, selection_length] after]`
- `flat`: `[document, operation, [flat operation, …], document after all of them]`
- `undo`: `[document, [[operation, joined], …] of one author, another's insert on the text after them, its place in
  deleted text `[text, offset]` or null, document after that, document after everything was undone]`
- `batch`: `[document, [flat operation, …] of a batch, operation, [flat operation, …] left to right, document after]`
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from dossier_realtime.ot.attributes import PLAIN
from dossier_realtime.ot.cursor import transform_selection
from dossier_realtime.ot.document import Document, apply, invert
from dossier_realtime.ot.flat import parts, write, written
from dossier_realtime.ot.operations import Component, Delete, Format, Insert, Operation, Retain
from dossier_realtime.ot.transform import compose, transform
from dossier_realtime.ot.units import from_units, splits_pair, to_units
from dossier_realtime.protocol.commands import Attributes, EditPayload, FlatOperation
from dossier_realtime.protocol.responses import FormatRun
from tests.ot.random_operations import Chance, operation_of
from tests.ot.undoing_author import UndoingAuthor

FILE = Path(__file__).with_name("vectors.json")
SEED = 20_250_925
COUNTS = {"apply": 1_250, "transform": 1_750, "cursor": 1_000, "flat": 1_000, "batch": 1_000, "undo": 600}


def document_to_json(document: Document) -> list[Any]:
    runs = [[run.position, run.length, msgspec.to_builtins(run.attributes)] for run in document.format]
    return [document.content, runs]


def document_from_json(value: list[Any]) -> Document:
    runs = [FormatRun(position, length, _attributes(has)) for position, length, has in value[1]]
    return Document.of(value[0], runs)


def operation_to_json(operation: Operation) -> list[Any]:
    return [_component_to_json(component) for component in operation.components]


def operation_from_json(value: list[Any]) -> Operation:
    """Return the components as they stand, without making them normal."""
    return Operation(tuple(_component_from_json(component) for component in value))


def flat_to_json(part: Operation) -> dict[str, Any]:
    """As on the wire, without the version."""
    payload: dict[str, Any] = msgspec.to_builtins(write(part, 0))
    del payload["version"]
    return payload


def flat_from_json(value: dict[str, Any]) -> EditPayload:
    return msgspec.convert(value | {"version": 0}, EditPayload)


def flats_to_json(flats: Sequence[FlatOperation]) -> list[Any]:
    """As on the wire, in a batch."""
    return [msgspec.to_builtins(one) for one in flats]


def batch_from_json(value: list[Any]) -> EditPayload:
    """Return the batch of these operations."""
    return msgspec.convert({"operation_type": "batch", "version": 0, "operations": value}, EditPayload)


def made(kind: str, chance: Chance) -> list[Any]:
    """One vector of the kind, in JSON's values."""
    document = chance.document(12)
    operation = operation_of(chance.steps(6), document)
    match kind:
        case "apply":
            after, inverse = apply(operation, document), invert(operation, document)
            return [
                document_to_json(document),
                operation_to_json(operation),
                document_to_json(after),
                operation_to_json(inverse),
            ]
        case "transform":
            second = operation_of(chance.steps(6), document)
            firsts, seconds = transform(operation, second)
            operations = [operation_to_json(each) for each in (operation, second, firsts, seconds)]
            return [
                document_to_json(document),
                *operations,
                document_to_json(apply(seconds, apply(operation, document))),
            ]
        case "cursor":
            position = chance.below(document.length + 1)
            length = chance.below(document.length - position + 1) if chance.happens(0.5) else 0
            own = chance.happens(0.5)
            moved = transform_selection(position, length, operation, own=own)
            return [operation_to_json(operation), own, [position, length], list(moved)]
        case "batch":
            return _batch(document, chance)
        case "undo":
            return _undo(chance)
        case _:
            flats = [flat_to_json(part) for part in parts(operation)]
            return [
                document_to_json(document),
                operation_to_json(operation),
                flats,
                document_to_json(apply(operation, document)),
            ]


def _batch(document: Document, chance: Chance) -> list[Any]:
    """Return a vector of a batch whose operations go to and fro in the text."""
    text, whole = document, Operation.nothing(document.length)
    flats: list[FlatOperation] = []
    while not flats:
        for _ in range(3):
            operation = operation_of(chance.steps(5), text)
            flats += written(operation) if operation.changes else ()
            text, whole = apply(operation, text), compose(whole, operation)
    left = flats_to_json(written(whole) if whole.changes else ())
    return [document_to_json(document), flats_to_json(flats), operation_to_json(whole), left, document_to_json(text)]


def _undo(chance: Chance) -> list[Any]:
    """Return a vector of steps of one author, another's word that was committed between them, and their undo."""
    author = UndoingAuthor(chance.document(12))
    steps: list[list[Any]] = []
    for number in range(1 + chance.below(5)):
        operation = operation_of(chance.steps(6), author.document)
        joined = number > 0 and chance.happens(0.3)
        author.edit(operation, joined=joined, sent=chance.happens(0.7))
        steps.append([operation_to_json(operation), joined])
    text = author.first.text
    place = chance.below(len(text) + 1)
    place -= splits_pair(text, place)
    word = Operation.of(Retain(place), Insert(to_units("word")), Retain(len(text) - place))
    change, within = author.receive(word, place, chance.below(len(author.versions) + 1))
    told = None if within is None else [from_units(within.text), within.offset]
    after = author.document
    author.undo_all()
    documents = [document_to_json(each) for each in (after, author.document)]
    return [document_to_json(author.first), steps, operation_to_json(change), told, *documents]


def vectors() -> dict[str, list[Any]]:
    """All of them, the same in every run."""
    chance = Chance(SEED)
    return {kind: [made(kind, chance) for _ in range(count)] for kind, count in COUNTS.items()}


def rendered() -> str:
    """Return the file: one vector a line."""
    kinds = []
    for kind, rows in vectors().items():
        lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
        kinds.append(f'"{kind}": [\n{lines}\n]')
    return "{\n" + ",\n".join(kinds) + "\n}\n"


def _attributes(value: dict[str, Any]) -> Attributes:
    return msgspec.convert(value, Attributes)


def _component_to_json(component: Component) -> Any:
    match component:
        case Retain(length):
            return length
        case Delete(length):
            return -length
        case Format(length, attributes):
            return [length, msgspec.to_builtins(attributes)]
        case Insert(text, attributes):
            content = from_units(text)
            return content if attributes == PLAIN else [content, msgspec.to_builtins(attributes)]


def _component_from_json(value: Any) -> Component:
    match value:
        case int():
            return Retain(value) if value > 0 else Delete(-value)
        case str():
            return Insert(to_units(value))
        case [str(text), attributes]:
            return Insert(to_units(text), _attributes(attributes))
        case [length, attributes]:
            return Format(length, _attributes(attributes))
        case _:
            raise ValueError(f"{value} is no component; see the forms above")


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8", newline="\n")
