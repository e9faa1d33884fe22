"""Documents: a text with runs of formatting, the application of an operation, and its inverse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.responses import FormatRun

from .attributes import PLAIN, applied, between
from .operations import Component, Delete, DoesNotFit, Format, Insert, Operation, Retain, extend
from .units import Units, from_units, splits_pair, to_units


class SplitsPair(ValueError):
    """An operation with an edge at `offset`, inside a surrogate pair."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"Unit {offset} is inside a surrogate pair; move the edge to a whole character")
        self.offset = offset


class Run(Struct, frozen=True, gc=False):
    """`length` units with the same attributes."""

    length: int
    attributes: Attributes


class Document(Struct, frozen=True, gc=False):
    """A text and its formatting. `runs` cover the whole text and neighbours differ; no runs where all is plain."""

    text: Units = Units("")
    runs: tuple[Run, ...] = ()

    @classmethod
    def of(cls, content: str, format_runs: Iterable[FormatRun] = ()) -> Document:
        """Return the document of the wire's `content` and `format`. Raises ValueError for runs that do not fit."""
        text = to_units(content)
        built: list[Component] = []
        at = 0
        for run in format_runs:
            if run.position < at or run.position + run.length > len(text):
                raise ValueError(f"The run of formatting at {run.position} overlaps another or leaves the text")
            extend(built, Retain(run.position - at))
            extend(built, Format(run.length, run.attributes))
            at = run.position + run.length
        extend(built, Retain(len(text) - at))
        return apply(Operation(tuple(built)), cls(text))

    @property
    def length(self) -> int:
        """The length in UTF-16 code units."""
        return len(self.text)

    @property
    def content(self) -> str:
        """The text in whole characters, as the wire has it."""
        return from_units(self.text)

    def attributes_at(self, positions: Iterable[int]) -> Iterator[Attributes]:
        """Yield the attributes of the unit at each position; the positions ascend."""
        runs, end, has = iter(self.runs), 0, PLAIN
        for position in positions:
            while end <= position and (run := next(runs, None)) is not None:
                end, has = end + run.length, run.attributes
            yield has

    @property
    def format(self) -> list[FormatRun]:
        """The formatted ranges, as the wire lists them."""
        listed: list[FormatRun] = []
        at = 0
        for run in self.runs:
            if run.attributes != PLAIN:
                listed.append(FormatRun(at, run.length, run.attributes))
            at += run.length
        return listed


def apply(operation: Operation, document: Document) -> Document:
    """Return the document after the operation.

    Raises DoesNotFit for an operation on a text of another length, SplitsPair for an edge inside a character.
    """
    text = document.text
    pieces: list[str] = []
    at = 0
    formats = bool(document.runs)
    for component in operation.components:
        if isinstance(component, Insert):
            pieces.append(component.text)
            formats = formats or component.attributes != PLAIN
            continue
        end = at + component.length
        if splits_pair(text, end):
            raise SplitsPair(end)
        if not isinstance(component, Delete):
            pieces.append(text[at:end])
            formats = formats or isinstance(component, Format)
        at = end
    if at != len(text):
        raise DoesNotFit(f"The operation is for {at} units, the text has {len(text)}; load the document again")
    return Document(Units("".join(pieces)), _formatted(operation, document) if formats else ())


def invert(operation: Operation, document: Document) -> Operation:
    """Return the inverse of `operation`, made on `document`: it restores the text and its attributes.

    Raises DoesNotFit for an operation on a text of another length.
    """
    if operation.before != document.length:
        raise DoesNotFit(f"The operation is for {operation.before} units, the text has {document.length}")
    built: list[Component] = []
    stretches = _Stretches(document)
    at = 0
    for component in operation.components:
        if isinstance(component, Insert):
            extend(built, Delete(len(component.text)))
            continue
        for run in stretches.take(component.length):
            if isinstance(component, Delete):
                extend(built, Insert(Units(document.text[at : at + run.length]), run.attributes))
            elif isinstance(component, Format):
                after = applied(component.attributes, run.attributes)
                extend(built, Format(run.length, between(after, run.attributes)))
            else:
                extend(built, Retain(run.length))
            at += run.length
    return Operation(tuple(built))


def effective(operation: Operation, document: Document) -> Operation:
    """Return `operation` without the formats that leave `document` as it is; its effect there is the same.

    An insert or a delete always changes the text. Raises DoesNotFit for an operation on a text of another length.
    """
    if not any(isinstance(component, Format) for component in operation.components):
        return operation
    if operation.before != document.length:
        raise DoesNotFit(f"The operation is for {operation.before} units, the text has {document.length}")
    built: list[Component] = []
    stretches = _Stretches(document)
    for component in operation.components:
        has = [] if isinstance(component, Insert) else [run.attributes for run in stretches.take(component.length)]
        if isinstance(component, Format) and all(applied(component.attributes, each) == each for each in has):
            extend(built, Retain(component.length))
        else:
            extend(built, component)
    return Operation(tuple(built))


def _formatted(operation: Operation, document: Document) -> tuple[Run, ...]:
    runs: list[Run] = []
    stretches = _Stretches(document)
    for component in operation.components:
        if isinstance(component, Insert):
            _append(runs, Run(len(component.text), component.attributes))
            continue
        for run in stretches.take(component.length):
            if isinstance(component, Format):
                _append(runs, Run(run.length, applied(component.attributes, run.attributes)))
            elif isinstance(component, Retain):
                _append(runs, run)
    return () if all(run.attributes == PLAIN for run in runs) else tuple(runs)


def _append(runs: list[Run], run: Run) -> None:
    if runs and runs[-1].attributes == run.attributes:
        runs[-1] = Run(runs[-1].length + run.length, run.attributes)
    else:
        runs.append(run)


class _Stretches:
    """The runs of a document, taken from the left in pieces of any length."""

    def __init__(self, document: Document) -> None:
        self._runs = iter(document.runs or (Run(document.length, PLAIN),))
        self._rest: Run | None = None

    def take(self, length: int) -> Iterator[Run]:
        """Yield the runs of the next `length` units, which must exist."""
        while length:
            run = self._rest or next(self._runs)
            if run.length > length:
                yield Run(length, run.attributes)
                self._rest = Run(run.length - length, run.attributes)
                return
            yield run
            self._rest = None
            length -= run.length
