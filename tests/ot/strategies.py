"""Hypothesis strategies: documents, and operations that fit them."""

from __future__ import annotations

from hypothesis import strategies as st

from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Operation
from tests.ot.random_operations import CHARACTERS, Step, operation_of


def _walk(kinds: str, drawn: bytes) -> list[Step]:
    """Two bytes a step: drawn as bytes, twenty thousand pairs take half the time, and shrink as well."""
    steps = zip(drawn[::2], drawn[1::2], strict=False)
    return [(kinds[kind % len(kinds)], 1 + kind // 4 % 3, which % 56) for kind, which in steps]


_steps = st.binary(max_size=10).map(lambda drawn: _walk("ridf", drawn))
_formats = st.binary(max_size=6).map(lambda drawn: _walk("rf", drawn))


def _formatted(drawn: tuple[str, list[Step]]) -> Document:
    text, formats = drawn
    document = Document.of(text)
    return apply(operation_of(formats, document), document)


documents: st.SearchStrategy[Document] = st.tuples(st.text(CHARACTERS, max_size=8), _formats).map(_formatted)
"""Up to eight characters, some of them formatted."""


def _two(drawn: tuple[Document, list[Step], list[Step]]) -> tuple[Document, Operation, Operation]:
    document, first, second = drawn
    return document, operation_of(first, document), operation_of(second, document)


def _row(drawn: tuple[Document, list[list[Step]]]) -> tuple[Document, list[Operation]]:
    document, rows = drawn
    operations: list[Operation] = []
    text = document
    for steps in rows:
        operations.append(operation_of(steps, text))
        text = apply(operations[-1], text)
    return document, operations


concurrent: st.SearchStrategy[tuple[Document, Operation, Operation]] = st.tuples(documents, _steps, _steps).map(_two)
"""Two operations on one document."""

consecutive: st.SearchStrategy[tuple[Document, list[Operation]]] = st.tuples(
    documents, st.lists(_steps, min_size=3, max_size=3)
).map(_row)
"""Three operations, each on what the one before made."""
