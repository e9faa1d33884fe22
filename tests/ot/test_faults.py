"""Faults put into the code on purpose: each must make a check of this folder fail, or the check is worth nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

import pytest

from dossier_realtime.ot import collab, cursor, document, flat
from dossier_realtime.ot import transform as transformation
from dossier_realtime.ot.batches.steps import Step, of_steps
from dossier_realtime.ot.collab import Log, Pending
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.operations import Delete, Format, Insert, Operation, Retain, Span
from dossier_realtime.ot.units import Units
from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.events import RemoteOperationPayload
from tests.ot import properties
from tests.ot.make_vectors import FILE
from tests.ot.simulation import Server, World

CAUGHT = (AssertionError, ValueError, pytest.fail.Exception)
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))

transform = transformation.transform
remains = transformation.remains
parts = flat.parts
receive = collab.receive
since = Log.since
compact = Log.compact
remote = Pending.remote


def _vectors(kind: str) -> None:
    for vector in VECTORS[kind][:400]:
        properties.vector_holds(kind, vector)


def _schedules() -> None:
    for seed in range(300):
        World(seed).run()


def _first_keeps_left(first: Operation, second: Operation) -> tuple[Operation, Operation]:
    after_second, after_first = transform(second, first)
    return after_first, after_second


def _server_lets_the_first_keep_left(operation: Operation, version: int, log: Log) -> Operation:
    for committed in log.since(version):
        _, operation = _first_keeps_left(committed, operation)
    return operation


def _both_deletes_are_left(span: Span, other: Span, length: int, *, overruled: bool) -> Span:
    if isinstance(span, Delete) and isinstance(other, Delete):
        return span
    return remains(span, other, length, overruled=overruled)


def _first_format_wins(span: Span, other: Span, length: int, *, overruled: bool) -> Span:
    return remains(span, other, length, overruled=not overruled)


def _both_formats_win(span: Span, other: Span, length: int, *, overruled: bool) -> Span:
    both = isinstance(span, Format) and isinstance(other, Format)
    return remains(span, other, length, overruled=overruled and not both)


def _deleted_text_is_formatted(span: Span, other: Span, length: int, *, overruled: bool) -> Span:
    return Retain(length) if isinstance(other, Delete) else remains(span, other, length, overruled=overruled)


def _window_ends_one_late(log: Log, version: int) -> list[Operation]:
    return since(log, version)[1:]


def _window_begins_one_early(log: Log, version: int) -> list[Operation]:
    return since(log, max(version, log.start) if version == log.start - 1 else version)


def _any_version(log: Log, version: int) -> list[Operation]:
    return log.operations[max(0, version - log.start) :]


def _any_version_of_others(pending: Pending, payload: RemoteOperationPayload) -> Operation:
    payload.version = pending.version + 1
    return remote(pending, payload)


def _right_to_left(operation: Operation) -> Iterator[Operation]:
    yield from reversed(list(parts(operation)))


def _drops_one(log: Log, keep: int) -> None:
    compact(log, keep)
    if log.start and log.operations:
        log.operations.pop(0)


def _code_points(text: str) -> Units:
    return Units(text)


def _as_it_is(text: str) -> str:
    return text


def _stays(position: int, selection_length: int, operation: Operation, *, own: bool = False) -> tuple[int, int]:
    return position, selection_length


def _never_torn(units: str, offset: int) -> bool:
    return False


def _never_heard_of(server: Server, op_id: str) -> None:
    return None


def _one_version_a_part(payload: EditPayload, text: Document, log: Log) -> tuple[list[Operation], Document]:
    made, after = receive(payload, text, log)
    return [part for operation in made for part in parts(operation)], after


def _on_the_first_text(steps: Iterable[Step], length: int) -> Operation:
    shift, placed = 0, []
    for position, component in steps:
        placed.append((position + shift, component))
        shift += len(component.text) if isinstance(component, Insert) else 0
    return of_steps(placed, length)


Patch = tuple[object, str, object]

FAULTS: dict[str, tuple[list[Patch], list[Callable[[], None]]]] = {
    "tie rule reversed": (
        [(transformation, "transform", _first_keeps_left)],
        [lambda: _vectors("transform")],
    ),
    "tie rule reversed on the server": (
        [(collab, "rebase", _server_lets_the_first_keep_left)],
        [_schedules],
    ),
    "code points for units": (
        [(module, "to_units", _code_points) for module in (document, flat)]
        + [(module, "from_units", _as_it_is) for module in (document, flat)],
        [lambda: _vectors("apply"), lambda: _vectors("flat"), lambda: _vectors("transform")],
    ),
    "delete and delete": (
        [(transformation, "remains", _both_deletes_are_left)],
        [lambda: _vectors("transform"), _schedules],
    ),
    "the first format wins": (
        [(transformation, "remains", _first_format_wins)],
        [lambda: _vectors("transform")],
    ),
    "both formats win": (
        [(transformation, "remains", _both_formats_win)],
        [lambda: _vectors("transform"), _schedules],
    ),
    "delete and format": (
        [(transformation, "remains", _deleted_text_is_formatted)],
        [lambda: _vectors("transform"), _schedules],
    ),
    "no memory of operations sent twice": ([(Server, "known", _never_heard_of)], [_schedules]),
    "the window ends one operation late": ([(Log, "since", _window_ends_one_late)], [_schedules]),
    "the window begins one version early": (
        [(Log, "since", _window_begins_one_early)],
        [properties.versions_are_checked, _schedules],
    ),
    "cursor not transformed": ([(cursor, "transform_selection", _stays)], [lambda: _vectors("cursor")]),
    "version unchecked by the server": ([(Log, "since", _any_version)], [properties.versions_are_checked, _schedules]),
    "version unchecked by the client": (
        [(Pending, "remote", _any_version_of_others)],
        [properties.versions_are_checked],
    ),
    "parts in the other order": (
        [(flat, "parts", _right_to_left)],
        [lambda: _vectors("flat"), _schedules],
    ),
    "a batch is as many versions as parts": ([(collab, "receive", _one_version_a_part)], [_schedules]),
    "the operations of a batch are all on the first text": (
        [(flat, "of_steps", _on_the_first_text)],
        [lambda: _vectors("batch"), _schedules],
    ),
    "surrogates unchecked": ([(document, "splits_pair", _never_torn)], [properties.no_character_is_torn]),
    "compaction drops one": ([(Log, "compact", _drops_one)], [_schedules]),
}
"""What is put in, and the properties each of which must find it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_put_in_on_purpose_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patches, wanted = FAULTS[fault]
    for target, name, replacement in patches:
        monkeypatch.setattr(target, name, replacement)
    for check in wanted:
        with pytest.raises(CAUGHT):
            check()


def test_without_a_fault_the_same_checks_find_nothing() -> None:
    for check in {check for _, wanted in FAULTS.values() for check in wanted}:
        check()
